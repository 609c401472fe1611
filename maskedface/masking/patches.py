"""Draws masks as transparent patches of one image size."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import cv2
import numpy as np

from maskedface.checks import check_least
from maskedface.masking.sheet import Fit, Sheet
from maskedface.masking.styles import Style

_STRAP = 205.0  # gray level of elastic


def draw_patch(
    style: Style,
    rng: np.random.Generator,
    matrix: np.ndarray,
    height: int,
    width: int,
    *,
    turn: float | None = None,
) -> np.ndarray:
    """Draws one mask or occlusion, with its straps and a soft shadow around its edge.

    Args:
        style: the style.
        rng: the random generator for fit, color, pattern, folds and sharpness.
        matrix: float array, shape (2, 3): patch pixel = matrix @ (alignment x, alignment y, 1), from
            the 112-px ArcFace alignment.
        height, width: int, the patch's size in pixels.
        turn: rotation of the head to the viewer's right, in radians; None means random.

    Returns:
        uint8 array, shape (height, width, 4): RGB **premultiplied by alpha**, and alpha. A face
        under it is face * (1 - alpha / 255) + RGB, and light scales RGB only.
    """
    fit = getattr(style, "fit", Fit.random)(rng)
    if turn is not None:
        fit = Fit(**{**vars(fit), "turn": turn})
    sheet = Sheet(matrix, height, width, fit)
    color, cover, straps = style.paint(sheet, rng)
    straps *= rng.choice((0.0, rng.uniform(0.4, 0.9)))  # often hidden by hair or not visible
    shadow = rng.uniform(0.35, 0.6) * np.maximum(cover, 0.6 * straps)
    patch = _blurred(_layer(np.zeros(3), shadow), rng.uniform(1.2, 2.4) * sheet.zoom)
    for above in (_layer(np.full(3, _STRAP), straps), _layer(color.clip(0, 255), cover)):
        patch = above + patch * (1 - above[..., 3:] / 255)
    patch = _blurred(patch, rng.uniform(0.25, 0.8) * sheet.zoom)
    return patch.round().clip(0, 255).astype("uint8")


def draw_patches(
    styles: Sequence[Style], matrix: np.ndarray, size: int, *, variants: int, seed: int
) -> np.ndarray:
    """Draws every style several times, for faces at one position.

    A patch depends only on the seed, its style's name and its number, and not on other styles or
    the number of variants.

    Args:
        styles: the styles to draw, with different names.
        matrix: as for `draw_patch`.
        size: int >= 32, the patches' height and width in pixels.
        variants: int >= 1, number of masks per style.
        seed: int >= 0, random seed.

    Returns:
        uint8 array, shape (styles * variants, size, size, 4), as from `draw_patch`, grouped by
        style.

    Raises:
        ValueError: if a number is out of range, there are no styles, or two have the same name.
    """
    names = [style.name for style in styles]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"styles must be at least one, with different names. Received: {names}")
    check_least(size=(size, 32), variants=(variants, 1), seed=(seed, 0))
    return np.stack(
        [
            draw_patch(style, style_rng(style, seed, variant), matrix, size, size)
            for style in styles
            for variant in range(variants)
        ]
    )


def style_rng(style: Style, seed: int, variant: int) -> np.random.Generator:
    """The random generator for a style's patch."""
    return np.random.default_rng([seed, zlib.crc32(style.name.encode()), variant])


def _layer(color: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Premultiplied RGB and alpha, 0-255; float64, shape (height, width, 4)."""
    alpha = share[..., None]
    return np.concatenate([color * alpha, 255 * alpha], -1)


def _blurred(patch: np.ndarray, radius: float) -> np.ndarray:
    # Each channel separately, which is correct for premultiplied alpha.
    return cv2.GaussianBlur(patch, (0, 0), radius, borderType=cv2.BORDER_REPLICATE)
