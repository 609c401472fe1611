"""Draw a contact sheet of mask styles on drawn faces, one named row per style.

  maskedface masks --out sheet.png
  maskedface masks --out others.png --styles sunglasses cap beanie hand under_nose scarf
  maskedface masks --out mine.png --picture mask.png --points nose=250,20 chin=250,330 \\
      left_top=30,70 right_top=470,70 left_bottom=80,260 right_bottom=420,260

With --picture, your own style is the first row (docs/masking.md shows where the points are).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from maskedface.cli.values import add_count

if TYPE_CHECKING:
    from maskedface.masking.styles import Style


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    group = parser.add_argument_group("sheet")
    group.add_argument("--out", required=True, metavar="PNG", help="the picture to write")
    group.add_argument("--alignment", default="arcface", help="the alignment of the faces")
    add_count(group, "--size", "the faces' height and width in pixels", 112)
    add_count(group, "--columns", "number of masks of each style", 10)
    add_count(group, "--seed", "random seed of the masks and the faces", 0, least=0)
    group.add_argument(
        "--styles",
        nargs="+",
        metavar="NAME",
        help="styles by name, also under_nose, scarf, sunglasses, cap, beanie, hand; default: the "
        "masks that recipes draw",
    )
    group.add_argument("--picture", metavar="FILE", help="a picture of a mask, added as a style")
    group.add_argument(
        "--points", nargs=6, metavar="NAME=X,Y", help="the picture's six points, in pixels"
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface masks --help`."""
    from maskedface import masking
    from maskedface.cli.outputs import write_picture
    from maskedface.masking.named_styles import style_named
    from maskedface.masking.style_sheet import draw_style_sheet
    from maskedface.synthetic import draw_faces

    if (args.picture is None) != (args.points is None):
        raise ValueError("--picture and --points must be given together")
    styles: tuple[Style, ...] = masking.STYLES
    if args.styles is not None:
        styles = tuple(map(style_named, args.styles))
    if args.picture is not None:
        points = _points(args.points)
        styles = (masking.style_from_picture(args.picture, points), *styles)
    faces = draw_faces(
        [False] * args.columns, alignment=args.alignment, size=args.size, seed=args.seed
    )
    sheet = draw_style_sheet(styles, faces, alignment=args.alignment, seed=args.seed)
    write_picture(args.out, sheet)
    print(f"{args.out}: from the top, {', '.join(style.name for style in styles)}")
    return 0


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
