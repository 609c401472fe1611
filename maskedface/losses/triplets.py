"""The self-restrained triplet loss, for given triplets or the hardest ones of each batch."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from maskedface.losses.alignment import at_unit_length, mean_of
from maskedface.losses.targets import domains_of, has_domains, labels_of

_FAR = 9.0  # above any squared distance on the unit sphere


@keras.saving.register_keras_serializable(package="maskedface")
class SelfRestrainedTriplet(keras.losses.Loss):
    """Pulls masked faces to unmasked faces of the same person, and away from others only if needed.

    Boutros et al., "Self-restrained triplet loss for accurate masked face recognition", Pattern
    Recognition 124 (2022), arXiv 2103.01716. With squared distances d of unit embeddings, d1 anchor
    to positive, d2 anchor to negative, d3 positive to negative: max(0, d1 - d2 + m) while the mean
    of d2 is less than that of d3, else max(0, d1 - mean(d3) + m). So once masked faces are as far
    from other people as unmasked faces are, only the attraction to their own person remains. The
    margin of 2 and the normalization are those of the authors' code
    (fdbtrs/Self-restrained-Triplet-Loss).

    The authors train a small network on the embeddings of a frozen one, with random triplets. This
    is the case where the labels are themselves embeddings: the positive and the negative of each
    anchor (`models.embedding_unmasking`). With people as labels, all three embeddings come from the
    trained model, and the triplets are the hardest of the batch (Hermans et al., "In Defense of the
    Triplet Loss for Person Re-Identification", 2017, eq. 5): the farthest positive and the nearest
    negative of each anchor. Batches then need several faces per person.

    >>> import numpy as np
    >>> from maskedface import losses
    >>> y_true = np.array([[0, 1], [0, 0], [1, 0]])  # person 0 masked and unmasked, person 1 unmasked
    >>> embeddings = np.array([[1, 0], [0, 1], [1, 0]], "float32")
    >>> float(losses.SelfRestrainedTriplet(margin=2)(y_true, embeddings))  # 2 - 0 + 2
    4.0
    >>> positive, negative = [0, 1], [1, 0]  # the same triplet, its embeddings given
    >>> float(losses.SelfRestrainedTriplet(2)(np.array([[positive, negative]]), embeddings[:1]))
    4.0

    Args:
        margin: float >= 0, m, in squared distance.

    Call arguments:
        y_true: int, shape (batch, 2): label; domain, 0 unmasked, 1 masked. Anchors are then masked,
            positives and negatives unmasked. With labels only, shape (batch,) or (batch, 1), each
            face is an anchor, with all others as candidates. Or float, shape (batch, 2, features):
            the embeddings of each row's positive and negative; y_pred contains the anchors.
        y_pred: float embeddings, shape (batch, features); of any length.

    Returns:
        The mean over the anchors that have both a positive and a negative in the batch (under
        Keras' reduction), float; 0 if there is none.

    Raises:
        ValueError: if the margin is negative.
    """

    wants_domains = True
    couples_faces = True

    def __init__(
        self, margin: float = 2.0, name: str = "self_restrained_triplet", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        if margin < 0:
            raise ValueError(f"margin must be at least 0. Received: margin={margin}")
        self.margin = margin

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if len(y_true.shape) == 3:
            anchor, positive, negative = map(at_unit_length, (y_pred, y_true[:, 0], y_true[:, 1]))
            d1, d2, d3 = (
                ops.sum((one - other) ** 2, -1)
                for one, other in ((anchor, positive), (anchor, negative), (positive, negative))
            )
            return self._hinge(d1, d2, ops.mean(d2), ops.mean(d3))
        same, other = _partners(y_true)
        away = _squared_distances(y_pred)
        # Row numbers of the hardest; argmax and argmin carry no gradient and need none.
        positive = ops.argmax(ops.where(same, away, -1.0), -1)
        negative = ops.argmin(ops.where(other, away, _FAR), -1)
        found = ops.logical_and(ops.any(same, -1), ops.any(other, -1))
        anchors = ops.cast(found, away.dtype)
        count = ops.maximum(ops.sum(anchors), 1)
        d1 = ops.squeeze(ops.take_along_axis(away, positive[:, None], -1), -1)
        d2 = ops.squeeze(ops.take_along_axis(away, negative[:, None], -1), -1)
        rows = ops.take(away, positive, axis=0)
        d3 = ops.squeeze(ops.take_along_axis(rows, negative[:, None], -1), -1)
        mean2, mean3 = ops.sum(anchors * d2) / count, ops.sum(anchors * d3) / count
        return mean_of(self._hinge(d1, d2, mean2, mean3), anchors)

    def _hinge(self, d1: Any, d2: Any, mean2: Any, mean3: Any) -> Any:
        return ops.relu(d1 - ops.where(mean2 < mean3, d2, mean3) + self.margin)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "margin": self.margin}


def _partners(y_true: Any) -> tuple[Any, Any]:
    """The candidates for each row's positive and negative: bool, shape (batch, batch) each."""
    labels = labels_of(y_true)
    alike = labels[:, None] == labels[None, :]
    if has_domains(y_true):
        masked = domains_of(y_true) == 1
        pairs = ops.logical_and(masked[:, None], ops.logical_not(masked)[None, :])
    else:
        pairs = ops.logical_not(ops.cast(ops.eye(ops.shape(labels)[0]), "bool"))
    return ops.logical_and(pairs, alike), ops.logical_and(pairs, ops.logical_not(alike))


def _squared_distances(embeddings: Any) -> Any:
    """The squared distances of all pairs of normalized vectors: shape (batch, batch)."""
    unit = at_unit_length(embeddings)
    squares = ops.sum(unit**2, -1)
    return squares[:, None] + squares[None, :] - 2 * ops.matmul(unit, ops.transpose(unit))
