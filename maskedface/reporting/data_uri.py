"""Images inside the page, as `data:` addresses."""

from __future__ import annotations

import base64
import io
import os

import numpy as np
from PIL import Image

from maskedface.images import read_image

_SIDE = 112  # pixels: what a card shows, at twice a phone's points
_QUALITY = 82


def as_data_uri(pixels: np.ndarray, side: int = _SIDE) -> str:
    """An image as a JPEG inside a `data:` address.

    Args:
        pixels: uint8 array, shape (height, width, 3), RGB, 0-255.
        side: int, its longer side in pixels at most.
    """
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def face_uri(path: str) -> str:
    """An image file as a `data:` address; "" where the file has gone since the run."""
    return as_data_uri(read_image(path)) if path and os.path.isfile(path) else ""
