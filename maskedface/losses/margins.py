"""Softmax losses with a margin: CosFace and ArcFace."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from maskedface.losses.targets import labels_of

# The least sin^2 that ArcFace and AdaFace divide by: within .57 degrees of a center the logit's slope stays
# what it is there (at most 1 + 100 sin m), instead of growing without bound.
LEAST_SQUARE = 1e-4


class MarginLoss(keras.losses.Loss):
    """Cross-entropy of a cosine head's logits, with the target logit reduced by a margin: the base
    class of the losses below and of those of `losses.face_margins`.

    Args:
        margin, scale, label_smoothing, name, kwargs: as for `CosineMargin`.

    Raises:
        ValueError: if an argument is out of its range.
    """

    _most = 1.0  # the margin lies below it

    def __init__(
        self, margin: float, scale: float, label_smoothing: float, name: str, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not 0 <= margin < self._most:
            raise ValueError(f"margin must be in [0, {self._most:.4g}). Received: margin={margin}")
        if scale <= 0:
            raise ValueError(f"scale must be above 0. Received: scale={scale}")
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1). Received: {label_smoothing}")
        self.margin, self.scale, self.label_smoothing = margin, scale, label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._entropy(y_true, y_pred)

    def _entropy(self, y_true: Any, logits: Any, number: Any = None) -> Any:
        people = ops.shape(logits)[-1]
        right = ops.one_hot(labels_of(y_true), people, dtype=logits.dtype)
        cosine = ops.sum(right * logits, axis=-1, keepdims=True) / self.scale
        logits = logits - right * (self.scale * self._lowered_by(cosine, number))
        target = right * (1 - self.label_smoothing) + self.label_smoothing / people
        return ops.categorical_crossentropy(target, logits, from_logits=True)

    def _lowered_by(self, cosine: Any, number: Any) -> Any:
        """The reduction of the target cosine by the margin, shape (batch, 1), or one number.

        Args:
            cosine: tensor, shape (batch, 1).
            number: what `losses.face_margins` reads beside the logits, of the same shape; or None.
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        own = {n: getattr(self, n) for n in ("margin", "scale", "label_smoothing")}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="maskedface")
class CosineMargin(MarginLoss):
    """Cross-entropy with an additive cosine margin (CosFace).

    Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018, eq. 4:
    the target logit s cos(t) becomes s (cos(t) - m). Its gradient is finite everywhere, even if a
    center coincides with a face (cos = 1), where ArcFace's arccos has none.

    >>> import numpy as np
    >>> from maskedface import losses
    >>> loss = losses.CosineMargin(margin=0.25, scale=24)
    >>> logits = 24 * np.array([[0.5, 0.25]], "float32")  # cosines to two people's centers
    >>> round(float(loss(np.array([0]), logits)), 4)  # no more than even: log 2
    0.6931

    Args:
        margin: float in [0, 1), m. The default of 0.25 was tested with two thousand people at scale
            24; the paper's 0.35 is for tens of thousands of people at scale 64.
        scale: float > 0, s: the scale of the head.
        label_smoothing: float in [0, 1).

    Call arguments:
        y_true: int labels, shape (batch,), (batch, 1), or with a domain column.
        y_pred: float logits in [-scale, scale], shape (batch, classes).

    Returns:
        The mean over the batch (Keras' reduction), float, nats.

    Raises:
        ValueError: if an argument is out of its range.
    """

    def __init__(
        self,
        margin: float = 0.25,
        scale: float = 24.0,
        label_smoothing: float = 0.0,
        name: str = "cosine_margin",
        **kwargs: Any,
    ) -> None:
        super().__init__(margin, scale, label_smoothing, name, **kwargs)

    def _lowered_by(self, cosine: Any, number: Any) -> float:
        return self.margin


@keras.saving.register_keras_serializable(package="maskedface")
class ArcFace(MarginLoss):
    """Cross-entropy with an additive angular margin (ArcFace).

    Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019, eq.
    3: the target logit s cos(t) becomes s cos(t + m). It is computed as s (cos t cos m - sin t sin
        m),
    without arccos, whose gradient at cos = 1 is infinite; within 0.57 degrees of the center, the
    slope of the sine is held constant. Beyond t = pi - m, where cos(t + m) would increase again,
    the logit continues as s (cos t - m sin m), as in the authors' code (insightface), so it
    decreases monotonically with the angle. Both keep training stable from any initialization,
    including class means.

    >>> import numpy as np
    >>> from maskedface import losses
    >>> loss = losses.ArcFace(margin=0.5, scale=24)
    >>> logits = 24 * np.cos(np.array([[0.5, 1.0]], "float32"))  # angles to two people's centers
    >>> round(float(loss(np.array([0]), logits)), 4)  # no more than even: log 2
    0.6931

    Args:
        margin: float in [0, pi / 2), m, radians; 0.5 in the paper.
        scale: float > 0, s: the scale of the head; the paper's 64 is for tens of thousands of
            people.
        label_smoothing: float in [0, 1).

    Call arguments:
        y_true: int labels, shape (batch,), (batch, 1), or with a domain column.
        y_pred: float logits in [-scale, scale], shape (batch, classes).

    Returns:
        The mean over the batch (Keras' reduction), float, nats.

    Raises:
        ValueError: if an argument is out of its range.
    """

    _most = math.pi / 2

    def __init__(
        self,
        margin: float = 0.5,
        scale: float = 24.0,
        label_smoothing: float = 0.0,
        name: str = "arcface",
        **kwargs: Any,
    ) -> None:
        super().__init__(margin, scale, label_smoothing, name, **kwargs)

    def _lowered_by(self, cosine: Any, number: Any) -> Any:
        cos_m, sin_m = math.cos(self.margin), math.sin(self.margin)
        sine = ops.sqrt(ops.maximum(1 - cosine * cosine, LEAST_SQUARE))
        beyond = cosine - self.margin * sin_m
        return cosine - ops.where(cosine > -cos_m, cosine * cos_m - sine * sin_m, beyond)
