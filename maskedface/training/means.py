"""Mean directions of people's embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from maskedface.evaluation.scoring import normalized, photo_keys


def class_means(
    embeddings: np.ndarray, labels: np.ndarray, photos: Sequence[str] | None = None
) -> np.ndarray:
    """The centers of a cosine head: the mean direction of each person's embeddings.

    Args:
        embeddings: float array, shape (faces, features), of the training faces.
        labels: int array, shape (faces,); every class has a face.
        photos: the photograph each face was made from; "" = unknown, counted as a separate
            photograph. If given, all photographs of a person have equal weight, however many faces
            were made from each; otherwise all embeddings have equal weight.

    Returns:
        float32 array, shape (features, classes), with columns of unit length.

    Raises:
        ValueError: if an embedding is not finite, or a person's embeddings sum to zero.
    """
    unit = normalized(embeddings)
    if photos is not None:
        names = photo_keys(labels.tolist(), photos)
        times = Counter(names)
        unit = unit / np.array([times[name] for name in names])[:, None]
    centers = np.zeros((embeddings.shape[1], labels.max() + 1), "float32")
    np.add.at(centers.T, labels, unit)
    lengths = np.linalg.norm(centers, axis=0, keepdims=True)
    if not lengths.all():
        raise ValueError(
            "each person's embeddings must have a mean direction. Received: "
            f"{(lengths == 0).sum()} of {lengths.size} people whose sum is zero"
        )
    centers /= lengths
    return centers


def refuse_infinite(values: np.ndarray, what: str) -> np.ndarray:
    """Checks that a network's outputs are finite and returns them.

    Args:
        values: float array, shape (rows, ...).
        what: their name in the message.

    Returns:
        `values`.

    Raises:
        ValueError: if some are not finite.
    """
    good = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if not good.all():
        raise ValueError(
            f"{what} must be finite; try a lower learning_rate or other weights. "
            f"Received: {(~good).sum()} of {len(good)} rows with NaN or infinity"
        )
    return values
