"""The base class of the layers that draw masks or occlusions on faces."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import keras
import numpy as np

from maskedface import geometry
from maskedface.layers import _compiled
from maskedface.layers._base import (
    RandomImageLayer,
    from_gray_levels,
    to_gray_levels,
    wide_float,
)
from maskedface.masking import MaskBank, MaskStyle
from maskedface.masking.image_styles import PictureStyle
from maskedface.masking.light import GAIN, LIT_SKIN, POWER, SLOPE
from maskedface.masking.named_styles import style_named
from maskedface.masking.styles import Style

for _style in (MaskStyle, PictureStyle):  # so that a layer's config may hold them
    keras.saving.register_keras_serializable(package="maskedface")(_style)


class RandomPatchLayer(RandomImageLayer):
    """The base class of the layers that draw patches of some styles on random faces.

    Args:
        probability, styles, alignment, value_range, variants, seed, kwargs: as for `RandomMask`.

    Attributes:
        drawn_by_default: the styles if none are given.
        named: the styles that may be given by name.
        bank: the `masking.MaskBank`, once the layer is built.
        styles: the styles, in order.

    Raises:
        ValueError: as `RandomMask`.
    """

    drawn_by_default: tuple[Style, ...]
    named: tuple[Style, ...]
    num_draws = 3  # whether, which style, which of its patches

    def __init__(
        self,
        probability: float = 0.5,
        styles: Sequence[str | Style] | None = None,
        *,
        alignment: str | None = None,
        value_range: Sequence[float] = (0, 255),
        variants: int = 24,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        if not 0 <= probability <= 1:
            raise ValueError(f"probability must be in [0, 1]. Received: probability={probability}")
        if variants < 1:
            raise ValueError(f"variants must be at least 1. Received: variants={variants}")
        if seed is not None and seed < 0:
            raise ValueError(f"seed must be at least 0. Received: seed={seed}")
        if alignment is not None:
            geometry.alignment_points(alignment, 1, 1)  # refuses an unknown one
        self.probability, self.alignment, self.variants = float(probability), alignment, variants
        self.styles = tuple(
            map(self._style_of, self.drawn_by_default if styles is None else styles)
        )
        names = [style.name for style in self.styles]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"styles must have different names, at least one. Received: {names}")

    def build(self, input_shape: Any) -> None:
        """Draws the patches.

        Args:
            input_shape: (batch, size, size, 3) or (size, size, 3), or a dictionary of shapes that
                contains "images".
        """
        shape = input_shape["images"] if isinstance(input_shape, dict) else input_shape
        height, width, channels = shape[-3:]
        if height is None or height != width or channels != 3:
            raise ValueError(
                f"images must be square RGB images of known size. Received: shape {tuple(shape)}"
            )
        self.bank = MaskBank.draw(
            self.styles,
            alignment=self.alignment or "vggface2",
            size=height,
            variants=self.variants,
            seed=self.seed or 0,
        )
        self._tensors = _Tensors(self.bank)

    def draws_on(self, draws: np.ndarray) -> np.ndarray:
        """Which images get a patch.

        Args:
            draws: float32 array, shape (batch, 3), as for `transform`; with a first value of 1,
                none is drawn.

        Returns:
            bool array, shape (batch,).
        """
        return np.asarray(draws)[:, 0] < np.float32(self.probability)

    def choices(self, draws: np.ndarray) -> np.ndarray:
        """Which patch each image gets, for `bank.lay`.

        Args:
            draws: float32 array, shape (batch, 3), as for `transform`.

        Returns:
            int64 array, shape (batch,): a patch's index in the bank, or -1 for none.
        """
        _, style, variant = np.asarray(draws, "float32").T
        style, variant = (
            np.minimum((draw * np.float32(count)).astype("int64"), count - 1)
            for draw, count in ((style, len(self.styles)), (variant, self.variants))
        )
        return np.where(self.draws_on(draws), style * self.variants + variant, -1)

    def _run(self, backend: str, images: Any, draws: Any) -> Any:
        if not self.built:
            self.build(tuple(images.shape))
        if tuple(images.shape[1:3]) != self.bank.shape:
            raise ValueError(
                f"images must have the size that the patches were drawn for, {self.bank.shape}. "
                f"Received: shape={tuple(images.shape)}"
            )
        tensors = self._tensors
        return _compiled.run(
            _lay,
            backend,
            (images, draws, *(tensors.tensorflow if backend == "tensorflow" else tensors.arrays)),
            rows=(self.bank.rows.start, self.bank.rows.stop),
            probability=self.probability,
            counts=(len(self.styles), self.variants),
            value_range=self.value_range,
        )

    def get_config(self) -> dict[str, Any]:
        """The layer's arguments; custom styles are serialized as Keras objects.

        Raises:
            ValueError: if a style's class has no `get_config`.
        """
        return {
            **super().get_config(),
            "probability": self.probability,
            "styles": [self._config_of(style) for style in self.styles],
            "alignment": self.alignment,
            "variants": self.variants,
        }

    def _style_of(self, style: Any) -> Style:
        if isinstance(style, dict):
            style = keras.saving.deserialize_keras_object(style)
        if isinstance(style, str):
            return style_named(style, self.named)
        if not callable(getattr(style, "paint", None)):
            raise ValueError(f"styles must be names, or have a method paint. Received: {style!r}")
        found: Style = style
        return found

    def _config_of(self, style: Style) -> Any:
        if any(style is one for one in self.named):
            return style.name
        if not hasattr(style, "get_config"):
            raise ValueError(
                "styles must have get_config and be registered with Keras for the layer to be saved. "
                f"Received: {style!r}"
            )
        return keras.saving.serialize_keras_object(style)


class _Tensors:
    """The tensors of a bank that `_lay` needs. (A layer would track its own tensors and arrays.)"""

    def __init__(self, bank: MaskBank) -> None:
        light = bank.light
        self.arrays = (
            np.ascontiguousarray(bank.patches[:, bank.rows]),
            np.ascontiguousarray(light.field[:, bank.rows]),
            light.pixels.astype("int32"),
            light.reading,
        )

    @cached_property
    def tensorflow(self) -> tuple[Any, ...]:
        """Created once and outside of graphs, which then refer to them."""
        import tensorflow as tf

        with tf.init_scope():
            return tuple(map(tf.convert_to_tensor, self.arrays))


def _lay(
    ops: Any,
    images: Any,
    draws: Any,
    patches: Any,
    field: Any,
    pixels: Any,
    reading: Any,
    *,
    rows: tuple[int, int],
    probability: float,
    counts: tuple[int, int],
    value_range: tuple[float, float],
) -> Any:
    """As `MaskBank.lay`, but computed for all images, which is cheaper than selecting some."""
    np_ops = ops.numpy
    style, variant = (
        np_ops.minimum(ops.cast(draws[:, 1 + n] * count, "int32"), count - 1)
        for n, count in enumerate(counts)
    )
    patch = ops.cast(np_ops.take(patches, style * counts[1] + variant, axis=0), "float32")
    _, height, width, _ = images.shape
    seen = np_ops.take(np_ops.reshape(images, (-1, height * width, 3)), pixels, axis=1)
    seen = np_ops.reshape(to_gray_levels(ops, seen, value_range), (-1, reading.shape[0]))
    wide = wide_float(ops)
    read = np_ops.matmul(ops.cast(seen, wide), ops.cast(reading, wide))
    base, right, down = (ops.cast(gain, "float32") for gain in _gains(np_ops, read))
    light = (base * field[0] + right * field[1] + down * field[2])[..., None]
    low = images[:, rows[0] : rows[1]]
    face = to_gray_levels(ops, low, value_range) * ((255 - patch[..., 3:]) * (1 / 255))
    face = np_ops.minimum(face + patch[..., :3] * light, 255)
    face = from_gray_levels(ops, face, images.dtype, value_range)
    masked = (draws[:, 0] < probability)[:, None, None, None]
    return np_ops.concatenate(
        [images[:, : rows[0]], np_ops.where(masked, face, low), images[:, rows[1] :]], axis=1
    )


def _gains(np_ops: Any, read: Any) -> tuple[Any, Any, Any]:
    """As `masking.light.gains`; three tensors of shape (batch, 1, 1)."""
    level = np_ops.maximum(read[:, 0], 1)
    gain = np_ops.clip(np_ops.power(level / LIT_SKIN, POWER), *GAIN)
    right, down = (gain * np_ops.clip(read[:, n] / level, -SLOPE, SLOPE) for n in (1, 2))
    return gain[:, None, None], right[:, None, None], down[:, None, None]
