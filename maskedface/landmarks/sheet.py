"""A contact sheet of the worst detections, for inspection before training."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from maskedface.atomic_file import atomic_write
from maskedface.images import ImageError, read_image
from maskedface.landmarks.finding import Aligned

_SIDE, _TEXT, _GAP = 144, 30, 6  # pixels: image, two lines of text, gap
_COLUMNS = 8
_LETTERS = 22  # characters of the end of a name that fit below an image
_BACK, _INK, _BAD = (24, 24, 27), (228, 228, 231), (248, 113, 113)
# Eyes, nose, mouth; each side has its own color, so that mirrored faces are visible.
_COLOURS = ((250, 204, 21), (56, 189, 248), (74, 222, 128), (250, 204, 21), (56, 189, 248))


def draw_sheet(aligned: Aligned, path: str | os.PathLike[str], count: int = 48) -> list[str]:
    """Draws the worst findings: images without a face first, then those with the lowest confidence.

    Each thumbnail has the five points, the confidence and the end of the image's name. Unreadable
    images are not included. Yellow and blue are the left and right eye and mouth corner as seen by
    the viewer, green is the nose.

    Args:
        aligned: the result of `align`.
        path: the picture's file, PNG or JPEG by its extension; written atomically.
        count: int >= 1, maximum number of images.

    Returns:
        The paths of the rows that were drawn, worst first.

    Raises:
        ValueError: if `count` is below 1, the extension is another one, or there are no findings.
        OSError: if the file cannot be written.

    >>> from maskedface import datasets, landmarks, synthetic
    >>> _ = synthetic.draw_people("drawn", people=1, photos=1)
    >>> aligned = landmarks.align(datasets.rmfrd("drawn"), lambda images: [() for _ in images])
    >>> landmarks.draw_sheet(aligned, "worst.png", count=1)
    ['AFDB_face_dataset/person_0000/0_0_person_0000_0000.jpg']
    """
    if count < 1:
        raise ValueError(f"count must be at least 1. Received: count={count}")
    if os.path.splitext(os.fspath(path))[1].lower() not in (".png", ".jpg", ".jpeg"):
        raise ValueError(f"path must end in .png or .jpg. Received: path={os.fspath(path)!r}")
    if not aligned.findings:
        raise ValueError(
            "aligned must have findings. Received: none, as all rows had landmarks or an alignment"
        )
    rows = _worst(aligned, count)
    lines = -(-len(rows) // _COLUMNS)
    columns = max(1, min(_COLUMNS, len(rows)))
    wide, high = _SIDE + _GAP, _SIDE + _TEXT + _GAP
    sheet = Image.new("RGB", (columns * wide + _GAP, max(1, lines) * high + _GAP), _BACK)
    for place, row in enumerate(rows):
        line, column = divmod(place, _COLUMNS)
        sheet.paste(_tile(aligned, row), (column * wide + _GAP, line * high + _GAP))
    with atomic_write(path) as partial:
        sheet.save(partial)
    return rows


def _worst(aligned: Aligned, count: int) -> list[str]:
    def confidence(path: str) -> float:
        five = aligned.findings[path].landmarks
        return -1.0 if five is None else five.confidence

    seen = [path for path, finding in aligned.findings.items() if not finding.problem]
    return sorted(seen, key=lambda path: (confidence(path), path))[:count]


def _tile(aligned: Aligned, path: str) -> Image.Image:
    finding = aligned.findings[path]
    tile = Image.new("RGB", (_SIDE, _SIDE + _TEXT), _BACK)
    pen = ImageDraw.Draw(tile)
    five = finding.landmarks
    found = "not found" if five is None else f"{five.confidence:.2f} {five.source}"
    try:
        picture = Image.fromarray(read_image(os.path.join(aligned.index.root, path)))
    except (ImageError, OSError):  # missing or damaged since the search
        found = "unreadable now"
    else:
        tile.paste(ImageOps.pad(picture, (_SIDE, _SIDE), Image.Resampling.BOX, _BACK))
        zoom = _SIDE / max(picture.size)
        beside = (_SIDE - np.array(picture.size) * zoom) / 2
        for point, color in zip(five.points if five else (), _COLOURS, strict=False):
            x, y = (np.array(point) + 0.5) * zoom + beside
            pen.ellipse((x - 2.5, y - 2.5, x + 2.5, y + 2.5), fill=color, outline=(0, 0, 0))
    # Clears the area below the image, where points outside of it may be drawn.
    pen.rectangle((0, _SIDE, _SIDE, _SIDE + _TEXT), fill=_BACK)
    font = ImageFont.load_default(11)
    pen.text((1, _SIDE + 1), found, fill=_INK if five else _BAD, font=font)
    pen.text((1, _SIDE + 15), shortened(path), fill=_INK, font=font)
    return tile


def shortened(path: str, letters: int = _LETTERS) -> str:
    """The end of a path, in printable characters.

    Args:
        path: the path; undecodable bytes become replacement characters.
        letters: int >= 4, maximum length.
    """
    name = os.fsencode(path).decode("utf-8", "replace")
    return name if len(name) <= letters else f"...{name[3 - letters :]}"
