"""Photographs as paths, bytes, PIL images or arrays, and how they are read."""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

import numpy as np
from PIL import Image

from maskedface.images import ImageError, read_image
from maskedface.images.reading import MAX_PIXELS, decode, read_file


class PhotoFile(NamedTuple):
    """A photograph's pixels, and the file they were read from.

    Attributes:
        image: uint8 array, shape (height, width, 3), RGB, upright.
        path: str, the absolute path of the file, or "".
        sha256: str, the file's SHA-256, 64 hexadecimal digits, or "".
    """

    image: np.ndarray
    path: str = ""
    sha256: str = ""

    @property
    def name(self) -> str:
        """The photograph's description in error messages."""
        return repr(self.path) if self.path else f"an array of {self.image.shape}"


Photo = str | os.PathLike[str] | bytes | np.ndarray | Image.Image | PhotoFile


def read_photo(photo: Photo) -> PhotoFile:
    """Reads a photograph once, so that hash and pixels agree even if the file changes meanwhile.

    Args:
        photo: an image file's path or bytes, a PIL image, an array, or a result of this function.

    Returns:
        The pixels, rotated by the EXIF orientation; an array or a `PhotoFile` is returned
        unchanged.

    Raises:
        ImageError, OSError: as `images.read_image`.
    """
    if isinstance(photo, PhotoFile):
        return photo
    if isinstance(photo, np.ndarray):
        return PhotoFile(photo)
    if isinstance(photo, bytes):
        return PhotoFile(read_image(photo))
    if not isinstance(photo, Image.Image):
        data = read_file(photo)
        image = read_image(data, name=os.fspath(photo))
        return PhotoFile(image, os.path.abspath(photo), hashlib.sha256(data).hexdigest())
    if photo.width * photo.height > MAX_PIXELS:
        raise ImageError(
            f"image must have at most {MAX_PIXELS} pixels. Received: {photo.width} x {photo.height}"
        )
    return PhotoFile(decode(photo))
