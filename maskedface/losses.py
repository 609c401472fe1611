"""Losses that push people apart by a margin; they take logits of `models.cosine_classifier`."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class CosineMarginLoss(keras.losses.Loss):
    """Cross-entropy in which the right person's cosine must win by a margin (CosFace).

    Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018, eq. 4:
    the right logit s cos(t) becomes s (cos(t) - m). Its gradient is finite everywhere, also where a
    centre starts on a face (cos = 1), where ArcFace's arccos has none.

    Args:
        margin: float in [0, 1), m. .25 (DESIGN's trial, many people at scale 24); the paper's .35
            is for tens of thousands of people at scale 64.
        scale: float > 0, s: the scale of the head whose logits come in.
        label_smoothing: float in [0, 1).

    Call arguments:
        y_true: int labels, shape (batch,) or (batch, 1).
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
        super().__init__(name=name, **kwargs)
        if not 0 <= margin < 1:
            raise ValueError(f"margin must be in [0, 1). Received: margin={margin}")
        if scale <= 0:
            raise ValueError(f"scale must be above 0. Received: scale={scale}")
        self.margin, self.scale, self.label_smoothing = margin, scale, label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        classes = ops.shape(y_pred)[-1]
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        right = ops.one_hot(labels, classes, dtype=y_pred.dtype)
        logits = y_pred - self.margin * self.scale * right
        return keras.losses.categorical_crossentropy(
            right, logits, from_logits=True, label_smoothing=self.label_smoothing
        )

    def get_config(self) -> dict[str, Any]:
        own = {n: getattr(self, n) for n in ("margin", "scale", "label_smoothing")}
        return {**super().get_config(), **own}
