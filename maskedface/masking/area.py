"""Where on an aligned face a mask lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maskedface.masking.patches import draw_bank
from maskedface.masking.styles import STYLES, Style


def mask_area(
    alignment: str,
    size: int,
    *,
    styles: Sequence[Style] = STYLES,
    variants: int = 8,
    seed: int = 0,
) -> np.ndarray:
    """How far a mask covers each pixel of an aligned face, on average over styles and ways to wear it.

    >>> from maskedface import masking
    >>> area = masking.mask_area("arcface", 64, styles=masking.STYLES[:1], variants=2)
    >>> float(area[50, 32]), float(area[20, 32])  # the mouth, between the brows
    (1.0, 0.0)

    Args:
        alignment: the faces' alignment, a key of `geometry.ALIGNMENTS`.
        size: int >= 32, the faces' height and width in pixels.
        styles: what is drawn, each as often.
        variants: int >= 1, how many of each style.
        seed: int >= 0, of the drawing.

    Returns:
        float64 array, shape (size, size), in [0, 1]: the mean of the masks' alpha.

    Raises:
        ValueError: if a number is out of range, or no alignment has that name.
    """
    patches = draw_bank(styles, alignment=alignment, size=size, variants=variants, seed=seed)
    area: np.ndarray = patches[..., 3].mean(axis=0) / 255
    return area
