"""What the colors of a heat map mean: a color bar from 0.0 to 1.0."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from maskedface.evaluation import overlay

_GRAY = 200  # below the colors, which are the more transparent the less attention there is
_BAR, _EDGE, _LETTERS = 12, 4, 11  # pixels: the bar's height, around it, the text's
_INK, _PAPER = (40, 40, 40), (255, 255, 255)
HEIGHT = _BAR + 2 * _EDGE + 16  # of the legend
_WORDS = ("attention (1.0: the highest in this picture)", "attention", "")  # the first that fits


def color_bar(width: int, height: int) -> np.ndarray:
    """The colors of `evaluation.overlay` on a gray face, from 0.0 at the left to 1.0.

    Args:
        width, height: int >= 1, pixels.

    Returns:
        uint8 array, shape (height, width, 3), RGB.
    """
    ramp = np.tile(np.linspace(0, 1, width), (height, 1))
    return overlay(np.full((height, width, 3), _GRAY, "uint8"), ramp)


def with_color_bar(picture: np.ndarray) -> np.ndarray:
    """A picture of heat maps with their legend below.

    Args:
        picture: uint8 array, shape (height, width, 3), RGB.

    Returns:
        uint8 array, `HEIGHT` rows higher: a color bar, below it 0.0, what it shows where there is room,
        and 1.0.
    """
    width = picture.shape[1]
    legend = Image.new("RGB", (width, HEIGHT), _PAPER)
    bar = color_bar(max(1, width - 2 * _EDGE), _BAR)
    legend.paste(Image.fromarray(bar), (_EDGE, _EDGE))
    draw, font = ImageDraw.Draw(legend), ImageFont.load_default(_LETTERS)
    room = width - 2 * (_EDGE + font.getlength("0.0") + _EDGE)
    words = next(words for words in _WORDS if font.getlength(words) <= max(room, 0))
    line = _BAR + 2 * _EDGE - 1
    for x, anchor, text in (
        (_EDGE, "la", "0.0"),
        (width / 2, "ma", words),
        (width - _EDGE, "ra", "1.0"),
    ):
        draw.text((x, line), text, _INK, font, anchor=anchor)
    return np.vstack([picture, np.asarray(legend)])
