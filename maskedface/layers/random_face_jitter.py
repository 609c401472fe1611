"""Small random changes of geometry and lighting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from maskedface.layers import _compiled
from maskedface.layers._base import (
    RandomImageLayer,
    from_gray_levels,
    to_gray_levels,
    wide_float,
)

# At strength 1, each drawn evenly from minus to plus this much. Sizes of the changes that aligned
# photographs of one person show; of a face that fills its image as the alignments have it.
_TURN = 0.12  # radians
_ZOOM = 0.10  # of the size
_SHIFT = 0.04  # of the image's width
_CONTRAST = 0.30  # of the distance to the mean
_BRIGHTNESS = 30.0  # gray levels


@keras.saving.register_keras_serializable(package="maskedface")
class RandomFaceJitter(RandomImageLayer):
    """Randomly shifts, zooms and rotates each image a little, and changes brightness and contrast.

    The three geometric changes are a single bilinear resampling, followed by the change of
    lighting. Pixels beyond the image are filled by repeating its edge. The layer works in a model,
    in a `keras.Sequential` and in `tf.data`, where it is one compiled graph operation; in inference
    it returns images unchanged.

    >>> jitter = RandomFaceJitter(0.5, seed=1)
    >>> jitter(np.full((2, 64, 64, 3), 128.0, "float32"), training=True).shape == (2, 64, 64, 3)
    True

    Args:
        strength: float >= 0. At 1: rotations of up to 0.12 rad, zooms of up to 10 %, shifts of up
            to 4 % of the width, contrast changes of up to 30 % and brightness changes of up to 30
            gray levels of 255, in both directions (our choice). 0 changes nothing.
        value_range: (low, high) of the images' values.
        seed: int, or None for a different one in each process.
        kwargs: arguments of `keras.layers.Layer`.

    Input shape:
        (batch, height, width, 3) or (height, width, 3), RGB.

    Output shape:
        Same as the input, float32. `transform` keeps the dtype.

    Raises:
        ValueError: if `strength` is negative or the range is empty.
    """

    num_draws = 6

    def __init__(
        self,
        strength: float = 1.0,
        *,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        if not strength >= 0:
            raise ValueError(f"strength must be at least 0. Received: strength={strength}")
        self.strength = float(strength)

    def _run(self, backend: str, images: Any, draws: Any) -> Any:
        if self.strength == 0:
            return images
        return _compiled.run(
            _jitter,
            backend,
            (images, draws),
            size=tuple(images.shape[1:3]),
            strength=self.strength,
            value_range=self.value_range,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "strength": self.strength}


def _jitter(
    ops: Any,
    images: Any,
    draws: Any,
    *,
    size: tuple[int, int],
    strength: float,
    value_range: tuple[float, float],
) -> Any:
    np_ops, wide = ops.numpy, wide_float(ops)
    # One value an image: shape (batch, 1, 1).
    turn, zoom, right, down, contrast, brightness = (
        strength * (2 * ops.cast(draws[:, number, None, None], wide) - 1) for number in range(6)
    )
    matrix = _moves(ops, turn, zoom, right, down, size)
    gray = to_gray_levels(ops, _bilinear(ops, images, *matrix, size), value_range)
    # Rows first, of float32 as it is: XLA moves the image a second time, 7 times as slowly, for sums of
    # anything that is made of it, as of another type.
    rows = np_ops.mean(gray, axis=(2, 3))
    mean = np_ops.mean(ops.cast(rows, wide), axis=1)[:, None, None]
    factor = 1 + _CONTRAST * contrast
    shift = ops.cast(mean * (1 - factor) + _BRIGHTNESS * brightness, "float32")
    lit = gray * ops.cast(factor, "float32")[..., None] + shift[..., None]
    return from_gray_levels(ops, np_ops.clip(lit, 0, 255), images.dtype, value_range)


def _moves(
    ops: Any, turn: Any, zoom: Any, right: Any, down: Any, size: tuple[int, int]
) -> tuple[Any, Any]:
    """The source position of each output pixel: x and y, shape (batch, height, width)."""
    height, width = size
    across, below = (width - 1) / 2, (height - 1) / 2
    x = np.arange(width, dtype="float32") - np.float32(across)
    y = np.arange(height, dtype="float32")[:, None] - np.float32(below)
    scale = 1 + _ZOOM * zoom
    cos, sin, right, down = (
        ops.cast(value, "float32")
        for value in (
            scale * ops.numpy.cos(_TURN * turn),
            scale * ops.numpy.sin(_TURN * turn),
            across + _SHIFT * width * right,
            below + _SHIFT * width * down,
        )
    )
    return cos * x - sin * y + right, sin * x + cos * y + down


def _bilinear(ops: Any, images: Any, x: Any, y: Any, size: tuple[int, int]) -> Any:
    """Float32 images sampled at these positions; beyond the image, its edge is repeated."""
    np_ops, (height, width) = ops.numpy, size
    x, y = np_ops.clip(x, 0, width - 1), np_ops.clip(y, 0, height - 1)
    left = np_ops.clip(np_ops.floor(x), 0, max(width - 2, 0))
    top = np_ops.clip(np_ops.floor(y), 0, max(height - 2, 0))
    along, down = (x - left)[..., None], (y - top)[..., None]
    first = np_ops.arange(ops.shape(images)[0], dtype="int32")[:, None, None] * (height * width)
    place = ops.cast(top * width + left, "int32") + first
    pixels = np_ops.reshape(images, (-1, 3))

    def at(step: int) -> Any:
        return ops.cast(np_ops.take(pixels, place + step, axis=0), "float32")

    right, below = min(1, width - 1), width * min(1, height - 1)
    upper = at(0) + along * (at(right) - at(0))
    lower = at(below) + along * (at(below + right) - at(below))
    return upper + down * (lower - upper)
