"""What the audit keeps of one image file, from reading it once."""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import nullcontext
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from maskedface import geometry
from maskedface.datasets.images import ImageError, decode, open_image
from maskedface.masking import masked_probability

# The format, in Pillow's words, that each name of `sources.IMAGE_EXTENSIONS` promises.
_PROMISED = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
_SAME = {"MPO": "JPEG", "DIB": "BMP"}  # a phone's JPEG with a second picture in it; a bare bitmap

_EXIF_ORIENTATION = 0x0112
_TURNING = range(2, 9)  # 1 is upright; others are no orientation, and nothing turns for them

# Images above this many pixels are decoded one at a time, so that many threads do not hold many.
_LARGE = 16_000_000
_ONE_LARGE = threading.Lock()


class FileFacts(NamedTuple):
    """What is known of one file.

    Attributes:
        problem: str, why it cannot be used; "" where it decodes. The rest is then filled.
        digest: bytes, BLAKE2b (128 bits) of the content; b"" where the file cannot be read.
        width, height: int, pixels, as seen upright.
        orientation: int, EXIF orientation, 2-8; 1 where the image is upright or says nothing.
        mismatch: str, the content's format where the name promises another, else "".
        masked: float in [0, 1], `masking.masked_probability`; None where it was not asked for.
    """

    problem: str = ""
    digest: bytes = b""
    width: int = 0
    height: int = 0
    orientation: int = 1
    mismatch: str = ""
    masked: float | None = None


def read_facts(path: str, source: geometry.Source | None = None, *, max_pixels: int) -> FileFacts:
    """Reads and decodes one file.

    Args:
        path: str, the full path.
        source: where the face is, as for `geometry.chip_matrix`; None = the mask is not asked for.
        max_pixels: int, images with more pixels are not decoded.

    Returns:
        `FileFacts`; a file that is missing, unreadable, no image, damaged or too large has its
        `problem` set, nothing is raised for it.
    """
    if not os.path.isfile(path):  # also keeps us from waiting on a pipe
        return FileFacts("missing" if not os.path.lexists(path) else "not a regular file")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        return FileFacts(f"unreadable: {error.strerror}")
    digest = hashlib.blake2b(data, digest_size=16).digest()
    try:
        with open_image(data, max_pixels=max_pixels) as image:
            large = image.width * image.height > _LARGE
            with _ONE_LARGE if large else nullcontext():
                return _facts(image, path, source, digest)
    except ImageError as error:
        return FileFacts(_reason(error, data, max_pixels), digest)


def _facts(
    image: Image.Image, path: str, source: geometry.Source | None, digest: bytes
) -> FileFacts:
    pixels = decode(image)
    orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    content = _SAME.get(image.format or "", image.format or "")
    promised = _PROMISED.get(os.path.splitext(path)[1].lower(), content)
    return FileFacts(
        "",
        digest,
        pixels.shape[1],
        pixels.shape[0],
        orientation if orientation in _TURNING else 1,
        "" if promised == content else content,
        None if source is None else masked_probability(pixels, source),
    )


def _reason(error: ImageError, data: bytes, max_pixels: int) -> str:
    """A short reason without the path, which stands beside it, nor Pillow's memory addresses."""
    cause = error.__cause__
    if not data:
        return "empty file"
    if cause is None or isinstance(cause, Image.DecompressionBombError):
        return f"more than {max_pixels:,} pixels, not decoded"
    if isinstance(cause, UnidentifiedImageError):
        return "not an image by its content"
    return f"cut or damaged: {cause}"
