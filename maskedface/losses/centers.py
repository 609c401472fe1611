"""The center loss, and the layer with its centers."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from maskedface.losses.margins import CosineMargin
from maskedface.losses.targets import labels_of


@keras.saving.register_keras_serializable(package="maskedface")
class CenterDistances(keras.layers.Layer):
    """Squared distances of embeddings to one trainable center per person.

    It is used in parallel to a head, with its columns after the logits:
    `models.SideBySide([models.LinearHead(), CenterDistances()])`.

    >>> CenterDistances(3).compute_output_shape((None, 128))
    (None, 3)

    Args:
        num_classes: int >= 1, the number of people; None if a recipe leaves it open.
        rate: float > 0, a factor of the centers' gradient, which does not affect the embeddings'.
            The paper moves a center by 0.5 sum(x - c) / (1 + n) over its n faces of the batch (eq.
            4); with SGD of learning rate l and a `CenterLoss` of weight w, `rate = 0.25 batch / (w
            l)` gives the same step for n = 1. Optimizers that normalize gradients (Adam) cancel the
            factor.

    Input shape:
        (batch, features), float.

    Output shape:
        (batch, num_classes), float32: squared Euclidean distances.

    The centers are initialized with 0. If the people's mean embeddings are known, set them with
    `layer.set_weights([means])`, shape (num_classes, features).

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(self, num_classes: int | None = None, rate: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        if num_classes is not None and num_classes < 1:
            raise ValueError(f"num_classes must be at least 1. Received: {num_classes}")
        if rate <= 0:
            raise ValueError(f"rate must be above 0. Received: rate={rate}")
        self.num_classes, self.rate = num_classes, rate

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if self.num_classes is None:
            raise ValueError("num_classes must be the number of people. Received: num_classes=None")
        self.centers = self.add_weight(
            name="centers", shape=(self.num_classes, input_shape[-1]), initializer="zeros"
        )

    def call(self, embeddings: Any) -> Any:
        here = ops.stop_gradient(self.centers)
        centers = here + self.rate * (self.centers - here)
        squares = ops.sum(embeddings**2, -1, keepdims=True) + ops.sum(centers**2, -1)
        return squares - 2 * ops.matmul(embeddings, ops.transpose(centers))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.num_classes or 0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_classes": self.num_classes, "rate": self.rate}


@keras.saving.register_keras_serializable(package="maskedface")
class CenterLoss(keras.losses.Loss):
    """Cross-entropy plus the squared distance of each embedding to its person's center.

    Wen et al., "A Discriminative Feature Learning Approach for Deep Face Recognition", ECCV 2016,
    eq. 5: L = L_softmax + w / 2 |x - c_y|^2; both terms are sums over the batch there and means
    here. The paper updates centers by a separate rule (eq. 4), this library by gradient descent
    (`CenterDistances`).

    >>> import numpy as np
    >>> from maskedface import losses
    >>> loss = losses.CenterLoss(weight=0.5)
    >>> y_pred = np.array([[0, 0, 4, 9]], "float32")  # two logits, two squared distances
    >>> round(float(loss(np.array([0]), y_pred)), 4)  # log 2 + .5 / 2 * 4
    1.6931

    Args:
        weight: float >= 0, w; 0.003 in the paper.
        margin: float in [0, 1), the margin of a cosine head (`CosineMargin`); 0 = the paper's plain
            softmax, for any head.
        scale: float > 0, the scale of the cosine head; unused with margin 0.

    Call arguments:
        y_true: int labels, shape (batch,), (batch, 1), or with a domain column.
        y_pred: float, shape (batch, 2 classes): the logits, then the squared distances.

    Returns:
        The mean over the batch (Keras' reduction), float.

    Raises:
        ValueError: if an argument is out of range, or y_pred has an odd number of columns.
    """

    def __init__(
        self,
        weight: float = 0.003,
        margin: float = 0.0,
        scale: float = 24.0,
        name: str = "center",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if weight < 0:
            raise ValueError(f"weight must be at least 0. Received: weight={weight}")
        self.weight, self.margin, self.scale = weight, margin, scale
        self._identity = CosineMargin(margin, scale)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        logits, away = halves(y_pred)
        own = ops.one_hot(labels_of(y_true), ops.shape(away)[-1], dtype=away.dtype)
        pull = 0.5 * self.weight * ops.sum(own * away, -1)
        return self._identity.call(y_true, logits) + pull

    def get_config(self) -> dict[str, Any]:
        own = {n: getattr(self, n) for n in ("weight", "margin", "scale")}
        return {**super().get_config(), **own}


def halves(y_pred: Any) -> tuple[Any, Any]:
    """The left and the right half of the columns."""
    columns = y_pred.shape[-1]
    if columns % 2:
        raise ValueError(
            f"y_pred must have an even number of columns, two per person. Received: {columns}"
        )
    return y_pred[:, : columns // 2], y_pred[:, columns // 2 :]
