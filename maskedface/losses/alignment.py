"""Losses that align the embeddings of the two domains, and a loss that combines two losses."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from maskedface.losses.targets import domains_of, labels_of


@keras.saving.register_keras_serializable(package="maskedface")
class Coral(keras.losses.Loss):
    """The distance between the covariances of masked and unmasked embeddings.

    Sun and Saenko, "Deep CORAL: Correlation Alignment for Deep Domain Adaptation", ECCV 2016
    Workshops, eq. 1: |C_S - C_T|^2 / (4 d^2), Frobenius norm, d features, with covariances over a
    batch (eqs. 2 and 3). It does not need people with both domains.

    >>> import numpy as np
    >>> from maskedface import losses
    >>> y_true = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])  # two unmasked faces, two masked ones
    >>> embeddings = np.array([[0], [2], [0], [4]], "float32")  # variances 2 and 8
    >>> float(losses.Coral()(y_true, embeddings))  # (2 - 8)^2 / 4
    9.0

    Call arguments:
        y_true: int, shape (batch, 2): label (unused); domain, 0 unmasked, 1 masked.
        y_pred: float embeddings, shape (batch, features).

    Returns:
        float, a single value for the batch; 0 if a domain has fewer than two faces in it.
    """

    wants_domains = True
    couples_faces = True

    def __init__(self, name: str = "coral", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        masked = ops.cast(domains_of(y_true), y_pred.dtype)
        between = _covariance(y_pred, 1 - masked) - _covariance(y_pred, masked)
        enough = ops.logical_and(ops.sum(masked) > 1, ops.sum(1 - masked) > 1)
        square = ops.sum(between * between) / (4 * y_pred.shape[-1] ** 2)
        return ops.where(enough, square, 0.0) * ops.ones_like(masked)


@keras.saving.register_keras_serializable(package="maskedface")
class PairAlignment(keras.losses.Loss):
    """Pulls each masked embedding to the mean of the same person's unmasked ones in the batch.

    It is the squared distance of unit vectors, 2 - 2 cos, to that mean direction, without a
    gradient through the mean: unmasked embeddings are not pulled towards the masked ones. The form
    is our own; the idea of aligning features across domains is that of Geng et al. 2020
    (`DomainRanking`).

    >>> import numpy as np
    >>> from maskedface import losses
    >>> y_true = np.array([[0, 0], [0, 1]])  # one person, unmasked and masked
    >>> float(losses.PairAlignment()(y_true, np.array([[1, 0], [0, 1]], "float32")))
    2.0

    Call arguments:
        y_true: int, shape (batch, 2): label; domain, 0 unmasked, 1 masked.
        y_pred: float embeddings, shape (batch, features), of any length.

    Returns:
        The mean over the masked faces whose person also has an unmasked face in the batch (under
        Keras' reduction), float; 0 if there is none.
    """

    wants_domains = True
    couples_faces = True

    def __init__(self, name: str = "alignment", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        labels, masked = labels_of(y_true), domains_of(y_true) == 1
        unit = at_unit_length(y_pred)
        partners = ops.logical_and(
            labels[:, None] == labels[None, :], ops.logical_not(masked)[None, :]
        )
        partners = ops.cast(partners, unit.dtype)
        target = ops.stop_gradient(at_unit_length(ops.matmul(partners, unit)))
        found = ops.logical_and(masked, ops.sum(partners, -1) > 0)
        return mean_of(2 - 2 * ops.sum(unit * target, -1), ops.cast(found, unit.dtype))


@keras.saving.register_keras_serializable(package="maskedface")
class WithEmbeddings(keras.losses.Loss):
    """A loss of the first columns plus a weighted loss of the embeddings in the last columns.

    >>> import numpy as np
    >>> from maskedface import losses
    >>> loss = losses.WithEmbeddings(
    ...     losses.CosineMargin(), losses.PairAlignment(), features=2, weight=0.5
    ... )
    >>> y_pred = np.array([[6, 0, 1, 0], [6, 0, 0, 1]], "float32")  # two logits, two features
    >>> round(float(loss(np.array([[0, 0], [0, 1]]), y_pred)), 4)  # log 2 + .5 * 2
    1.6931

    Args:
        loss: a loss of (y_true, the first columns).
        term: a loss of (y_true, the embeddings).
        features: int >= 1, the number of columns of the embeddings.
        weight: float >= 0, the weight of `term`.

    Call arguments:
        y_true: int, shape (batch, 2): label, domain.
        y_pred: float, shape (batch, columns + features).

    Returns:
        The mean over the batch (Keras' reduction), float.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(
        self,
        loss: keras.losses.Loss,
        term: keras.losses.Loss,
        *,
        features: int,
        weight: float = 1.0,
        name: str = "with_embeddings",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if features < 1 or weight < 0:
            raise ValueError(
                "features must be at least 1 and weight at least 0. "
                f"Received: features={features}, weight={weight}"
            )
        self.loss, self.term = loss, term
        self.features, self.weight = features, weight
        self.wants_domains = any(getattr(part, "wants_domains", False) for part in (loss, term))
        self.couples_faces = any(getattr(part, "couples_faces", False) for part in (loss, term))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        before, embeddings = y_pred[:, : -self.features], y_pred[:, -self.features :]
        first = self.loss.call(y_true, before)
        return first + self.weight * self.term.call(y_true, embeddings)

    def get_config(self) -> dict[str, Any]:
        save = keras.saving.serialize_keras_object
        own = {"features": self.features, "weight": self.weight}
        return {**super().get_config(), "loss": save(self.loss), "term": save(self.term), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WithEmbeddings:
        read = keras.saving.deserialize_keras_object
        parts = {name: read(config[name]) for name in ("loss", "term")}
        return cls(**{**config, **parts})


def at_unit_length(vectors: Any) -> Any:
    """Normalizes vectors to unit length. Vectors shorter than 0.001 are multiplied by 1,000
    instead, so that the gradient at zero is finite."""
    squares = ops.sum(vectors * vectors, -1, keepdims=True)
    return vectors * ops.rsqrt(ops.maximum(squares, 1e-6))


def mean_of(values: Any, found: Any) -> Any:
    """Scales values so that Keras' mean over the batch is the mean over the rows found (1, others
    0); 0 if there are none."""
    count = ops.cast(ops.shape(values)[0], values.dtype)
    return found * values * count / ops.maximum(ops.sum(found), 1)


def _covariance(vectors: Any, chosen: Any) -> Any:
    """The covariance of the rows with weight 1 (others 0): shape (features, features)."""
    count = ops.sum(chosen)
    mean = ops.sum(vectors * chosen[:, None], 0) / ops.maximum(count, 1)
    away = (vectors - mean) * chosen[:, None]
    return ops.matmul(ops.transpose(away), away) / ops.maximum(count - 1, 1)
