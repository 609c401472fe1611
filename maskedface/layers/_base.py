"""The base class of the random layers, which separates random numbers from their application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

# Private, as Keras offers no public way to a layer that runs on TensorFlow inside `tf.data` under
# any KERAS_BACKEND; all of its own random layers are of this class.
from keras.src.layers.preprocessing.image_preprocessing.base_image_preprocessing_layer import (
    BaseImagePreprocessingLayer,
)

from maskedface.layers import _compiled


class RandomImageLayer(BaseImagePreprocessingLayer):
    """A random image transformation, as a pure function of random numbers per image.

    When called, it draws the numbers from its own seed generator; `transform` accepts external
    numbers, for instance functions of (seed, epoch, element).

    Args:
        value_range: (low, high) of the images' values.
        seed: int, or None for a different one in each process.
        kwargs: arguments of `keras.layers.Layer`. The dtype is float32 under any precision policy,
            because bfloat16 would round gray levels.

    Attributes:
        num_draws: int, the number of random values in [0, 1) per image.

    Raises:
        ValueError: if the range is empty.
    """

    _USE_BASE_FACTOR = False
    num_draws: int

    def __init__(self, value_range: Sequence[float], seed: int | None, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs, "data_format": "channels_last"})
        low, high = map(float, value_range)
        if not low < high:
            raise ValueError(
                f"value_range must be (low, high), low < high. Received: value_range={value_range}"
            )
        self.value_range, self.seed = (low, high), seed
        self.generator = keras.random.SeedGenerator(seed)

    def transform(self, images: Any, draws: Any) -> Any:
        """Transforms images with the given random numbers; a pure function.

        Args:
            images: array or tensor of any numeric type, shape (batch, height, width, 3), RGB, in
                `value_range`.
            draws: float32 array or tensor, shape (batch, num_draws), each in [0, 1).

        Returns:
            Tensor of the images' shape and type; for integer types, values are rounded. Inside
            `tf.data` it is a TensorFlow tensor, elsewhere one of the Keras backend.

        Raises:
            ValueError: if the images' shape does not fit.
        """
        shape = tuple(images.shape)
        if len(shape) != 4 or shape[3] != 3 or None in shape[1:3]:
            raise ValueError(
                "images must have shape (batch, height, width, 3), with known height and width. "
                f"Received: shape={shape}"
            )
        backend = self.backend.name
        if backend != "tensorflow":  # called by a `tf.data` pipeline, not by Keras
            backend = _compiled.backend_of(images)
        return self._run(backend, images, draws)

    def _run(self, backend: str, images: Any, draws: Any) -> Any:
        raise NotImplementedError

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any | None:
        """Draws the random numbers; called by Keras before `transform_images`."""
        if not training:
            return None
        shape = self.backend.core.shape(data["images"] if isinstance(data, dict) else data)
        return self.backend.random.uniform(
            (shape[0] if len(shape) == 4 else 1, self.num_draws),
            seed=self._get_seed_generator(self.backend.name) if seed is None else seed,
        )

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Transforms images in training; called by Keras."""
        images = self.backend.cast(images, self.compute_dtype)
        return self.transform(images, transformation) if training else images

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Returns labels unchanged; called by Keras for a batch {"images": ..., "labels": ...}."""
        return labels

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "value_range": self.value_range, "seed": self.seed}
        del config["data_format"]
        return config


def wide_float(ops: Any) -> str:
    """The dtype for the few parameters of an image (lighting, geometry, mean).

    Compiled programs for different batch sizes add in different orders. Float64 sums rounded to
    float32 hide this, so an image looks the same in every batch. With JAX, where Keras uses float32
    instead, some pixels may differ by one gray level between batch sizes.
    """
    return "float64" if ops.name == keras.backend.backend() == "tensorflow" else "float32"


def to_gray_levels(ops: Any, images: Any, value_range: tuple[float, float]) -> Any:
    """Images as float32, 0-255.

    Args:
        ops: a Keras backend.
        images: tensor of any numeric type.
        value_range: (low, high) of its values.

    Returns:
        float32 tensor.
    """
    images, (low, high) = ops.cast(images, "float32"), value_range
    return images if (low, high) == (0, 255) else (images - low) * (255 / (high - low))


def from_gray_levels(ops: Any, levels: Any, dtype: Any, value_range: tuple[float, float]) -> Any:
    """The inverse of `to_gray_levels`.

    Args:
        ops: a Keras backend.
        levels: float32 tensor, 0-255.
        dtype: the images' type; values are rounded for integer types.
        value_range: (low, high) of its values.

    Returns:
        Tensor of that type.
    """
    low, high = value_range
    if (low, high) != (0, 255):
        levels = levels * ((high - low) / 255) + low
    if "int" in keras.backend.standardize_dtype(dtype):
        levels = ops.numpy.round(levels)
    return ops.cast(levels, dtype)
