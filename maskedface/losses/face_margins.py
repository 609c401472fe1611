"""Margins that differ from face to face: AdaFace and ElasticFace, and the layers they read.

Each has a layer that adds one column to the logits, in parallel to a cosine head.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from maskedface.losses.margins import LEAST_SQUARE, MarginLoss

_KEPT = 0.99  # of the moving mean and deviation, a step (AdaFace, section 3.3)
_LEAST_DEVIATION = 1e-3  # as in the authors' code (mk-minchul/AdaFace)


@keras.saving.register_keras_serializable(package="maskedface")
class ImageQuality(keras.layers.Layer):
    """The quality of each face's image, judged by the length of its embedding.

    Kim et al., "AdaFace: Quality Adaptive Margin for Face Recognition", CVPR 2022, eq. 14: the
    length less its mean, over its standard deviation, times h, and limited to [-1, 1]. Mean and
    deviation are moving ones, of the training batches. Other than in the authors' code they begin
    with the first batch, the variance is divided by the number of faces (there by one less), and
    lengths are not limited. It has no gradient. Used in parallel to a head:
    `models.SideBySide([models.CosineHead(), losses.ImageQuality()])`.

    >>> import numpy as np
    >>> from maskedface import losses
    >>> quality = losses.ImageQuality()
    >>> lengths = np.array([[1.0], [2.0], [3.0]], "float32")
    >>> [round(float(one), 2) for one in quality(lengths, training=True)[:, 0]]
    [-0.41, 0.0, 0.41]

    Args:
        concentration: float > 0, h; 0.333 in the paper.

    Input shape:
        (batch, features), float embeddings that are not of unit length.

    Output shape:
        (batch, 1), float32, in [-1, 1].

    Raises:
        ValueError: if `concentration` is not above 0.
    """

    def __init__(self, concentration: float = 0.333, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        if concentration <= 0:
            raise ValueError(
                f"concentration must be above 0. Received: concentration={concentration}"
            )
        self.concentration = concentration

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        # Sums of the batches' mean and deviation, and of their weights, as in Adam.
        self.moving = self.add_weight(
            name="moving", shape=(3,), initializer="zeros", trainable=False, aggregation="mean"
        )

    def call(self, embeddings: Any, training: bool | None = None) -> Any:
        lengths = ops.stop_gradient(ops.norm(embeddings, axis=-1, keepdims=True))
        if training:
            batch = ops.stack([ops.mean(lengths), ops.std(lengths), ops.ones(())])
            self.moving.assign(_KEPT * self.moving + (1 - _KEPT) * batch)
        # An untrained layer has seen nothing: all faces are alike.
        seen = ops.maximum(self.moving[2], 1e-6)
        away = (lengths - self.moving[0] / seen) / (self.moving[1] / seen + _LEAST_DEVIATION)
        quality = ops.clip(self.concentration * away, -1.0, 1.0)
        return ops.where(self.moving[2] > 0, quality, ops.zeros_like(quality))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "concentration": self.concentration}


@keras.saving.register_keras_serializable(package="maskedface")
class MarginNoise(keras.layers.Layer):
    """A standard normal number for each face in training, 0 in prediction, for `ElasticMargin`.

    >>> import numpy as np
    >>> from maskedface import losses
    >>> np.asarray(losses.MarginNoise()(np.ones((2, 128)))).tolist()
    [[0.0], [0.0]]

    Args:
        seed: int, or None.

    Input shape:
        (batch, features), float.

    Output shape:
        (batch, 1), float32.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.seed, self.generator = seed, keras.random.SeedGenerator(seed)

    def call(self, embeddings: Any, training: bool | None = None) -> Any:
        shape = (ops.shape(embeddings)[0], 1)
        if training:
            return keras.random.normal(shape, seed=self.generator, dtype="float32")
        return ops.zeros(shape, dtype="float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


class _FaceMargin(MarginLoss):
    """A margin that depends on the last column of the predictions, which `reads` gives."""

    reads: type[keras.layers.Layer]

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._entropy(y_true, y_pred[:, :-1], y_pred[:, -1:])


@keras.saving.register_keras_serializable(package="maskedface")
class AdaFace(_FaceMargin):
    """Cross-entropy with a margin that adapts to the image's quality (AdaFace).

    Kim et al., "AdaFace: Quality Adaptive Margin for Face Recognition", CVPR 2022, eq. 16 and 17:
    with quality q (`ImageQuality`), the target logit s cos(t) becomes s (cos(t - m q) - m q - m).
    At q = -1 this is ArcFace, at q = 0 CosFace, at q = 1 a negative angular margin with a twice as
    large additive one: faces of high quality are pressed the more the harder they are, those of low
    quality the less. The angle is limited to [0, pi], as in the authors' code (mk-minchul/AdaFace).

    If all embeddings have unit length (`models.join`, `models.whole_and_upper`), the quality is 0 and
    this is CosFace. Batches cannot be split between devices.

    >>> import numpy as np
    >>> from maskedface import losses
    >>> loss = losses.AdaFace(margin=0.25, scale=24)
    >>> average = np.array([[12.0, 6.0, 0.0]], "float32")  # logits of two people, quality 0
    >>> round(float(loss(np.array([0]), average)), 4)  # as CosineMargin
    0.6931

    Args:
        margin: float in [0, 1), m; 0.4 in the paper, for tens of thousands of people at scale 64.
            The default is that of `CosineMargin`.
        scale: float > 0, s: the scale of the head; 64 in the paper.
        label_smoothing: float in [0, 1).

    Call arguments:
        y_true: int labels, shape (batch,), (batch, 1), or with a domain column.
        y_pred: float, shape (batch, classes + 1): logits in [-scale, scale], then the quality: of
            `models.SideBySide([models.CosineHead(), losses.ImageQuality()])`.

    Returns:
        The mean over the batch (Keras' reduction), float, nats.

    Raises:
        ValueError: if an argument is out of its range.
    """

    reads = ImageQuality
    couples_faces = True  # the qualities of a batch depend on all its faces

    def __init__(
        self,
        margin: float = 0.25,
        scale: float = 24.0,
        label_smoothing: float = 0.0,
        name: str = "adaface",
        **kwargs: Any,
    ) -> None:
        super().__init__(margin, scale, label_smoothing, name, **kwargs)

    def _lowered_by(self, cosine: Any, number: Any) -> Any:
        angle = self.margin * number  # by which the face's own angle is reduced
        cos, sin = ops.cos(angle), ops.sin(angle)
        sine = ops.sqrt(ops.maximum(1 - cosine * cosine, LEAST_SQUARE))
        moved = cosine * cos + sine * sin
        # Past 0 or pi: where the angle lies on the other side of the one it is reduced by.
        moved = ops.where((angle > 0) & (cosine > cos), ops.ones_like(moved), moved)
        moved = ops.where((angle < 0) & (cosine < -cos), -ops.ones_like(moved), moved)
        return cosine - moved + angle + self.margin


@keras.saving.register_keras_serializable(package="maskedface")
class ElasticMargin(_FaceMargin):
    """Cross-entropy with a random additive cosine margin (ElasticFace-Cos).

    Boutros et al., "ElasticFace: Elastic Margin Loss for Deep Face Recognition", CVPR Workshops
    2022: as `CosineMargin`, but each face draws its margin from a normal distribution.

    >>> import numpy as np
    >>> from maskedface import losses
    >>> loss = losses.ElasticMargin(margin=0.2, deviation=0.05, scale=24)
    >>> drawn = np.array([[12.0, 6.0, 1.0]], "float32")  # logits of two people, a margin of 0.25
    >>> round(float(loss(np.array([0]), drawn)), 4)
    0.6931

    Args:
        margin: float in [0, 1), its mean; 0.35 in the paper, at scale 64. The default is that of
            `CosineMargin`.
        deviation: float >= 0, its standard deviation; 0.05 in the authors' settings
            (fdbtrs/ElasticFace).
        scale: float > 0, the scale of the head; 64 in the paper.
        label_smoothing: float in [0, 1).

    Call arguments:
        y_true: int labels, shape (batch,), (batch, 1), or with a domain column.
        y_pred: float, shape (batch, classes + 1): logits in [-scale, scale], then a standard normal
            number: of `models.SideBySide([models.CosineHead(), losses.MarginNoise()])`.

    Returns:
        The mean over the batch (Keras' reduction), float, nats.

    Raises:
        ValueError: if an argument is out of its range.
    """

    reads = MarginNoise

    def __init__(
        self,
        margin: float = 0.25,
        deviation: float = 0.05,
        scale: float = 24.0,
        label_smoothing: float = 0.0,
        name: str = "elastic_margin",
        **kwargs: Any,
    ) -> None:
        super().__init__(margin, scale, label_smoothing, name, **kwargs)
        if deviation < 0:
            raise ValueError(f"deviation must be at least 0. Received: deviation={deviation}")
        self.deviation = deviation

    def _lowered_by(self, cosine: Any, number: Any) -> Any:
        return self.margin + self.deviation * number

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "deviation": self.deviation}
