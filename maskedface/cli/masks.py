"""Draw a contact sheet of every mask style on drawn faces, one named row per style.

  maskedface masks --out sheet.png
  maskedface masks --out mine.png --picture mask.png --points nose=250,20 chin=250,330 \\
      left_top=30,70 right_top=470,70 left_bottom=80,260 right_bottom=420,260

With --picture, your own style is the first row (docs/masking.md shows where the points are).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from maskedface.cli.values import add_count
from maskedface.names import shown

if TYPE_CHECKING:
    import numpy as np

_LONGEST = 24  # letters of a style's name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    group = parser.add_argument_group("sheet")
    group.add_argument("--out", required=True, metavar="PNG", help="the picture to write")
    group.add_argument("--alignment", default="arcface", help="the alignment of the faces")
    add_count(group, "--size", "the faces' height and width in pixels", 112)
    add_count(group, "--columns", "number of masks of each style", 10)
    add_count(group, "--seed", "random seed of the masks and the faces", 0, least=0)
    group.add_argument("--picture", metavar="FILE", help="a picture of a mask, added as a style")
    group.add_argument(
        "--points", nargs=6, metavar="NAME=X,Y", help="the picture's six points, in pixels"
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface masks --help`."""
    import numpy as np

    from maskedface import masking
    from maskedface.cli import data
    from maskedface.cli.outputs import write_picture
    from maskedface.masking.styles import Style

    if (args.picture is None) != (args.points is None):
        raise ValueError("--picture and --points must be given together")
    styles: tuple[Style, ...] = masking.STYLES
    if args.picture is not None:
        points = _points(args.points)
        styles = (masking.style_from_picture(args.picture, points), *styles)
    bank = masking.MaskBank.draw(
        styles, alignment=args.alignment, size=args.size, variants=args.columns, seed=args.seed
    )
    faces = data.drawn_faces([False] * args.columns, args.alignment, args.size, args.seed)
    laid = bank.lay(np.concatenate([faces] * len(styles)), np.arange(len(bank)))
    rows = laid.reshape(len(styles), args.columns, args.size, args.size, 3)
    sheet = rows.transpose(0, 2, 1, 3, 4).reshape(len(styles) * args.size, -1, 3)
    names = [style.name for style in styles]
    write_picture(args.out, _with_names(sheet, names))
    print(f"{args.out}: from the top, {', '.join(names)}")
    return 0


def _with_names(sheet: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """A sheet with a name at the left of each of its rows."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    row = len(sheet) // len(names)
    font, beside = ImageFont.load_default(max(11, row // 8)), 6
    words = [shown(name)[:_LONGEST] for name in names]
    width = int(max(map(font.getlength, words))) + 2 * beside
    labels = Image.new("RGB", (width, len(sheet)), "white")
    draw = ImageDraw.Draw(labels)
    for number, word in enumerate(words):
        draw.text((beside, (number + 0.5) * row), word, (40, 40, 40), font, anchor="lm")
    return np.hstack([np.asarray(labels), sheet])


def _points(words: list[str]) -> dict[str, tuple[float, float]]:
    points = {}
    for word in words:
        name, _, pair = word.partition("=")
        try:
            x, y = (float(number) for number in pair.split(","))
        except ValueError:
            raise ValueError(f"--points must be NAME=X,Y. Received: {word!r}") from None
        points[name] = (x, y)
    return points
