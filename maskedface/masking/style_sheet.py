"""A contact sheet of mask styles on faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from maskedface.masking.bank import MaskBank
from maskedface.masking.styles import Style
from maskedface.names import shown

_LONGEST = 24  # letters of a style's name


def draw_style_sheet(
    styles: Sequence[Style], faces: np.ndarray, *, alignment: str, seed: int = 0
) -> np.ndarray:
    """Draws every style on every face: one row per style, with its name at the left.

    Args:
        styles: at least one style.
        faces: uint8 array, shape (N, size, size, 3), RGB, unmasked faces.
        alignment: the faces' alignment, a key of `geometry.ALIGNMENTS`.
        seed: int >= 0, the seed of the masks.

    Returns:
        uint8 array, shape (styles * size, width, 3), RGB, 0-255.
    """
    count, size = faces.shape[:2]
    bank = MaskBank.draw(styles, alignment=alignment, size=size, variants=count, seed=seed)
    laid = bank.lay(np.concatenate([faces] * len(styles)), np.arange(len(bank)))
    rows = laid.reshape(len(styles), count, size, size, 3)
    sheet = rows.transpose(0, 2, 1, 3, 4).reshape(len(styles) * size, -1, 3)
    return np.hstack([_names(styles, size), sheet])


def _names(styles: Sequence[Style], row: int) -> np.ndarray:
    """The names of styles, one below the other in rows of this height in pixels."""
    font, beside = ImageFont.load_default(max(11, row // 8)), 6
    words = [shown(style.name)[:_LONGEST] for style in styles]
    width = int(max(map(font.getlength, words))) + 2 * beside
    labels = Image.new("RGB", (width, len(styles) * row), "white")
    draw = ImageDraw.Draw(labels)
    for number, word in enumerate(words):
        draw.text((beside, (number + 0.5) * row), word, (40, 40, 40), font, anchor="lm")
    return np.asarray(labels)
