"""What a photograph may come as, and its pixels."""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

import numpy as np
from PIL import Image

from maskedface.images import ImageError, read_image
from maskedface.images.reading import MAX_PIXELS, decode, read_file


class PhotoFile(NamedTuple):
    """A photograph, and the file that these very pixels came from.

    Attributes:
        image: uint8 array, shape (height, width, 3), RGB, upright.
        path: str, the file, absolute; "" where there is none.
        sha256: str, of the file, 64 hexadecimal digits; "" where there is none.
    """

    image: np.ndarray
    path: str = ""
    sha256: str = ""

    @property
    def name(self) -> str:
        """What an error calls it."""
        return repr(self.path) if self.path else f"an array of {self.image.shape}"


Photo = str | os.PathLike[str] | bytes | np.ndarray | Image.Image | PhotoFile


def read_photo(photo: Photo) -> PhotoFile:
    """Reads a photograph once: what is hashed is what is looked at, whoever writes to the file meanwhile.

    Args:
        photo: an image file's path or bytes, a PIL image, an array, or what this function gave.

    Returns:
        Its pixels, upright by its EXIF orientation; an array's and a `PhotoFile`'s as they are.

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
