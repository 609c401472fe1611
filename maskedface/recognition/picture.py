"""The annotated picture: a box and a name at every face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from maskedface.recognition.recognizer import Identity

MAX_SIDE = 2048  # pixels of the longer side; larger photographs are scaled down
# Told apart by people who see no red or green (Okabe and Ito 2008): blue, and vermilion.
_KNOWN, _UNKNOWN = (0, 114, 178), (213, 94, 0)


def draw_identities(image: np.ndarray, identities: Sequence[Identity]) -> np.ndarray:
    """Draws who is who onto a photograph.

    Args:
        image: uint8 array, shape (height, width, 3), RGB.
        identities: from `Recognizer.identify`, whose boxes are in its pixels.

    Returns:
        uint8 array, shape (height, width, 3): the picture, scaled down to 2,048 px at most. Blue boxes
        have a name, orange ones are unknown.
    """
    scale = min(1.0, MAX_SIDE / max(image.shape[:2]))
    picture = Image.fromarray(image)
    if scale < 1:
        size = tuple(max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize(size, Image.Resampling.BOX)
    draw = ImageDraw.Draw(picture)
    line = max(1, max(picture.size) // 400)
    font = ImageFont.load_default(max(11, max(picture.size) // 50))
    for one in identities:
        colour = _KNOWN if one.person else _UNKNOWN
        left, top, right, bottom = (side * scale for side in one.face.box)
        draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), None, colour, line)
        text = label(one).encode("utf-8", "replace").decode()
        box = draw.textbbox((0, 0), text, font)
        x = min(max(0.0, left), max(0.0, picture.width - box[2]))
        y = top - box[3] - line if top > box[3] + line else min(bottom, picture.height - box[3])
        draw.rectangle((x, y, x + box[2], y + box[3]), colour)
        draw.text((x, y), text, (255, 255, 255), font)
    return np.asarray(picture)


def label(identity: Identity) -> str:
    """The words at a face: name or "unknown", the cosine to the most alike person, the mask."""
    name = identity.person or "unknown"
    mask = ", masked" if identity.face.masked >= 0.5 else ""
    return f"{name} {identity.candidates[0].score:.2f}{mask}"
