"""Embedding unmasking: a small network maps the embedding of a masked face to the unmasked one."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from maskedface.models.predicting import predict
from maskedface.models.settings import in_float32

_SLOPE = 0.2  # of the authors' LeakyReLU (fdbtrs/Self-restrained-Triplet-Loss, model/model.py)


@in_float32()
def embedding_unmasking(
    features: int, *, depth: int = 4, width: int | None = None, residual: bool = False
) -> keras.Model:
    """Builds an embedding unmasking model (EUM), trained on the embeddings of a frozen network.

    Boutros, Damer, Kirchbuchner and Kuijper, "Self-restrained triplet loss for accurate masked face
    recognition", Pattern Recognition 124 (2022), arXiv 2103.01716: four dense layers as wide as the
    embedding, each with batch norm, and leaky ReLU of slope 0.2 after the first three. It is
    applied to embeddings of masked faces; those of unmasked faces and the network itself do not
    change. It is trained with `losses.SelfRestrainedTriplet` on masked anchors, with unmasked
    embeddings as labels (`datasets.draw_triplets`); the authors' code uses SGD with Nesterov
    momentum 0.9, a learning rate of 0.1 and batches of 512.

    >>> import numpy as np
    >>> from maskedface import losses, models
    >>> masked, own, others = np.random.default_rng(0).normal(size=(3, 64, 8)).astype("float32")
    >>> eum = models.embedding_unmasking(8)
    >>> eum.compile("sgd", losses.SelfRestrainedTriplet())
    >>> history = eum.fit(masked, np.stack([own, others], axis=1), verbose=0)
    >>> models.unmask(eum, masked, np.arange(64) < 32).shape  # the first half wears masks
    (64, 8)

    Args:
        features: int >= 1, the length of an embedding.
        depth: int >= 1, the number of dense layers.
        width: int >= 1, the width of all but the last layer; None = `features`.
        residual: whether the last layer's output is added to the normalized embedding. It is
            initially 0, so training starts from the unchanged embedding. This option is not in the
            paper, whose training set is thousands of times larger.

    Returns:
        A `keras.Model`: float embeddings of any length, shape (batch, features) -> float32 embeddings of
        the same shape; they are compared by cosine.

    Raises:
        ValueError: if a number is below 1.
    """
    width = features if width is None else width
    if min(features, depth, width) < 1:
        raise ValueError(
            "features, depth and width must be at least 1. "
            f"Received: features={features}, depth={depth}, width={width}"
        )
    embedding = keras.Input((features,), name="embedding")
    unit = layers.UnitNormalization(name="unmask_unit")(embedding)
    x = unit if residual else embedding
    for number in range(1, depth):
        x = layers.Dense(width, name=f"unmask_dense{number}")(x)
        x = layers.BatchNormalization(name=f"unmask_norm{number}")(x)
        x = layers.LeakyReLU(_SLOPE, name=f"unmask_leaky{number}")(x)
    x = layers.Dense(features, name=f"unmask_dense{depth}")(x)
    start = "zeros" if residual else "ones"
    x = layers.BatchNormalization(gamma_initializer=start, name=f"unmask_norm{depth}")(x)
    if residual:
        x = layers.Add(name="unmask_add")([unit, x])
    return keras.Model(embedding, x, name="embedding_unmasking")


def unmask(model: keras.Model, embeddings: np.ndarray, masked: np.ndarray) -> np.ndarray:
    """Applies a network to the embeddings of masked faces, and leaves all others unchanged.

    >>> import keras
    >>> import numpy as np
    >>> from maskedface import models
    >>> turned = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(-1.0)])
    >>> models.unmask(turned, np.ones((2, 2), "float32"), np.array([True, False])).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]

    Args:
        model: embeddings -> embeddings of the same shape (`embedding_unmasking`).
        embeddings: float array, shape (faces, features).
        masked: bool array, shape (faces,), whether each face wears a mask. If unknown, compare the
            `masking.masked_probability` of each image with `masking.SEEMS_MASKED`.

    Returns:
        float32 array, shape (faces, features).

    Raises:
        ValueError: if `masked` does not have one bool per embedding.
    """
    masked = np.asarray(masked)
    if masked.shape != (len(embeddings),) or masked.dtype != bool:
        raise ValueError(
            f"masked must be {len(embeddings)} bools. Received: {masked.dtype}, shape {masked.shape}"
        )
    found = np.array(embeddings, "float32")
    if masked.any():
        found[masked] = predict(model, found[masked], batch_size=512)
    return found
