"""What the audit keeps of one image file, from reading it once."""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
from PIL import Image

from maskedface import geometry
from maskedface.images.formats import misnamed
from maskedface.images.reading import ImageError, decode, is_turned, open_image, read_file
from maskedface.masking import masked_probability

# Images above this many pixels are decoded one at a time, so that many threads do not hold many.
_LARGE = 16_000_000
_ONE_LARGE = threading.Lock()

# An image is nearly black where 99 of 100 values of its pixels lie below the first, nearly uniform where 98
# of 100 lie within the second of each other in each color; gray levels. Photographs of faces are far from
# both (docs/reliability.md has counts).
_BLACK, _UNIFORM = 32, 8
_LOOKED_AT = 10_000  # pixels at most, evenly spread


class FileFacts(NamedTuple):
    """What is known of one file.

    Attributes:
        problem: str, why it cannot be used; "" where it decodes. The rest is then filled.
        digest: bytes, BLAKE2b (128 bits) of the content; b"" where the file cannot be read.
        width, height: int, pixels, as seen upright.
        turned: bool, whether its EXIF orientation turns or mirrors it.
        mismatch: str, the content's format where the name promises another, else "".
        masked: float in [0, 1], `masking.masked_probability`; None where it was not asked for.
        blank: str, "nearly black" or "nearly uniform" where hardly anything can be seen, else "".
    """

    problem: str = ""
    digest: bytes = b""
    width: int = 0
    height: int = 0
    turned: bool = False
    mismatch: str = ""
    masked: float | None = None
    blank: str = ""


def read_facts(path: str, source: geometry.Source | None = None) -> FileFacts:
    """Reads and decodes one file.

    Args:
        path: str, the full path.
        source: where the face is, as for `geometry.chip_matrix`; None = the mask is not asked for.

    Returns:
        `FileFacts`; a file that is missing, unreadable, no image, damaged or too large has its
        `problem` set, nothing is raised for it.
    """
    digest = b""
    try:
        data = read_file(path)
        digest = hashlib.blake2b(data, digest_size=16).digest()
        with open_image(data) as image:
            large = image.width * image.height > _LARGE
            with _ONE_LARGE if large else nullcontext():
                return _facts(image, path, source, digest)
    except ImageError as error:
        return FileFacts(error.reason, digest)
    except FileNotFoundError:
        return FileFacts("a link to nothing" if os.path.lexists(path) else "missing")
    except OSError as error:
        return FileFacts(f"unreadable: {error.strerror}")


def _facts(
    image: Image.Image, path: str, source: geometry.Source | None, digest: bytes
) -> FileFacts:
    pixels = decode(image)
    return FileFacts(
        "",
        digest,
        pixels.shape[1],
        pixels.shape[0],
        is_turned(image),
        misnamed(path, image),
        None if source is None else masked_probability(pixels, source),
        blankness(pixels),
    )


def blankness(pixels: np.ndarray) -> str:
    """Says why hardly anything can be seen on an image.

    Args:
        pixels: uint8 array, shape (height, width, 3), RGB.

    Returns:
        "nearly black", "nearly uniform", or "" where there is something.
    """
    flat = pixels.reshape(-1, 3)
    low, high = np.percentile(flat[:: 1 + len(flat) // _LOOKED_AT], (1, 99), axis=0)
    if high.max() < _BLACK:
        return "nearly black"
    return "nearly uniform" if (high - low).max() < _UNIFORM else ""
