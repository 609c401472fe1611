"""Images as `data:` URIs, which a page holds in itself."""

from __future__ import annotations

import base64
import io
import os

import numpy as np
from PIL import Image

from maskedface.images.reading import read_image

_SIDE = 112  # pixels: twice those at which a page shows a face, for sharp screens
_QUALITY = 82


def as_data_uri(pixels: np.ndarray, side: int = _SIDE) -> str:
    """Encodes an image as a JPEG in a `data:` URI.

    Args:
        pixels: uint8 array, shape (height, width, 3), RGB, 0-255.
        side: int, maximum longer side in pixels.
    """
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def face_uri(path: str) -> str:
    """An image file as a `data:` URI; "" if the file no longer exists."""
    return as_data_uri(read_image(path)) if path and os.path.isfile(path) else ""
