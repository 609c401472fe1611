"""The facts about one image file that the audit collects."""

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

# Larger images are decoded one at a time, to limit memory with many threads.
_LARGE = 16_000_000
_ONE_LARGE = threading.Lock()

# In gray levels: an image is nearly black if 99 % of its pixel values are below the first, and
# nearly uniform if in each color 98 % are within a range of the second. Photographs of faces are
# far from both (docs/reliability.md has counts).
_BLACK, _UNIFORM = 32, 8
_LOOKED_AT = 10_000  # maximum number of pixels, evenly sampled


class FileFacts(NamedTuple):
    """The facts about one file.

    Attributes:
        problem: str, why it cannot be used; "" if it can be decoded, and only then the rest is set.
        digest: bytes, BLAKE2b (128 bits) of the content; b"" if the file cannot be read.
        width, height: int, pixels, after the EXIF orientation.
        turned: bool, whether its EXIF orientation rotates or mirrors it.
        mismatch: str, the format of the content if the file extension is of another, else "".
        masked: float in [0, 1], `masking.masked_probability`; None if not computed.
        blank: str, "nearly black", "nearly uniform", or "".
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
        source: the location of the face, as for `geometry.chip_matrix`; None skips the mask
            estimate.

    Returns:
        `FileFacts`; for a file that is missing, unreadable, not an image, damaged or too large
        `problem` is set, and nothing is raised.
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
        return FileFacts("a broken link" if os.path.lexists(path) else "missing")
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
    """Whether an image is nearly black or nearly uniform.

    Args:
        pixels: uint8 array, shape (height, width, 3), RGB.

    Returns:
        "nearly black", "nearly uniform", or "".
    """
    flat = pixels.reshape(-1, 3)
    low, high = np.percentile(flat[:: 1 + len(flat) // _LOOKED_AT], (1, 99), axis=0)
    if high.max() < _BLACK:
        return "nearly black"
    return "nearly uniform" if (high - low).max() < _UNIFORM else ""
