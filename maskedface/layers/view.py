"""Crops and mirror images as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="maskedface")
class View(keras.layers.Layer):
    """Crops a rectangle from images and resizes it; a box from right to left flips the image.

    It consists of two matrix products (along columns and rows), so it runs and exports wherever a
    dense layer does. Interpolation is bilinear; beyond the image, its edge is repeated. It computes
    in float32, like input scaling elsewhere.

    >>> image = np.arange(6.0).reshape(1, 2, 3, 1)
    >>> mirror = View((3, 0, 0, 2), (2, 3))
    >>> np.asarray(mirror(image))[0, :, :, 0].tolist()
    [[2.0, 1.0, 0.0], [5.0, 4.0, 3.0]]

    Args:
        box: (left, top, right, bottom), floats in pixels of the input, referring to edges (not
            centers) of the outermost pixels: (0, 0, width, height) is the whole image, (width, 0,
            0, height) its mirror image.
        size: (height, width) of the output, ints in pixels.
        kwargs: arguments of `keras.layers.Layer`.

    Input shape:
        (batch, height, width, channels), any numeric type.

    Output shape:
        (batch, size[0], size[1], channels), float32, in the input's range.

    Raises:
        ValueError: if the box or the size is empty; when the layer is built, if the images' size is
            unknown.
    """

    box: tuple[float, ...]
    size: tuple[int, ...]

    def __init__(self, box: Sequence[float], size: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        left, top, right, bottom = box
        if left == right or top == bottom or min(size) < 1:
            raise ValueError(
                f"box and size must not be empty. Received: box={tuple(box)}, size={tuple(size)}"
            )
        self.box, self.size = tuple(map(float, box)), tuple(map(int, size))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        height, width = input_shape[1:3]
        if height is None or width is None:
            raise ValueError(f"the images' size must be known. Received: shape {input_shape}")
        left, top, right, bottom = self.box
        self._down = _bilinear(top, bottom, self.size[0], height)
        self._along = _bilinear(left, right, self.size[1], width)

    def call(self, images: Any) -> Any:
        images = ops.cast(images, self.compute_dtype)
        down, along = (ops.convert_to_tensor(m, "float32") for m in (self._down, self._along))
        # Height last, then width last: (batch, height, width, channels) -> (b, w, c, h) -> (b, h, c, w).
        tall = ops.matmul(ops.transpose(images, (0, 2, 3, 1)), down)
        wide = ops.matmul(ops.transpose(tall, (0, 3, 2, 1)), along)
        return ops.transpose(wide, (0, 1, 3, 2))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], *self.size, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "box": self.box, "size": self.size}


def _bilinear(first: float, last: float, count: int, length: int) -> np.ndarray:
    """The weights of `length` input pixels for `count` output pixels, shape (length, count)."""
    place = first + (np.arange(count) + 0.5) * (last - first) / count - 0.5
    place = place.clip(0, length - 1)
    low = np.minimum(np.floor(place).astype(int), max(length - 2, 0))
    weights = np.zeros((length, count), "float32")
    weights[low, np.arange(count)] = 1 - (place - low)
    weights[np.minimum(low + 1, length - 1), np.arange(count)] += (place - low).astype("float32")
    return weights
