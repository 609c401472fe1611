"""Draws boxes and names on photographs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from maskedface.masking import SEEMS_MASKED
from maskedface.names import shown
from maskedface.recognition.faces import Identity
from maskedface.recognition.photo import Photo, read_photo

MAX_SIDE = 2048  # pixels of the longer side; larger photographs are scaled down
# Blue and vermilion, distinguishable with color vision deficiency (Okabe and Ito 2008).
_GOOD, _OTHER = (0, 114, 178), (213, 94, 0)


class LabeledFace(NamedTuple):
    """A box (left, top, right, bottom, in pixels), its text, and whether the outcome is
    positive."""

    box: tuple[float, float, float, float]
    words: str
    good: bool


def draw_faces(photo: Photo, faces: Sequence[LabeledFace]) -> np.ndarray:
    """Draws a box and a text for each of a photograph's faces.

    Args:
        photo: the photograph: an image file's path or bytes, a PIL image, or an RGB array.
        faces: boxes in pixels of the photograph, their texts, and whether the outcome is positive.

    Returns:
        uint8 array, shape (height, width, 3), RGB: the picture, scaled down to at most 2,048 px a
        side. Positive outcomes are blue, others orange.
    """
    image = read_photo(photo).image
    picture = Image.fromarray(image)
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    scale = max(picture.size) / max(image.shape[:2])
    draw = ImageDraw.Draw(picture)
    line = max(1, max(picture.size) // 400)
    font = ImageFont.load_default(max(11, max(picture.size) // 50))
    for face in faces:
        color = _GOOD if face.good else _OTHER
        left, top, right, bottom = (side * scale for side in face.box)
        draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), None, color, line)
        # File names may hold bytes that no font can show.
        words = shown(face.words)
        _, _, width, height = draw.textbbox((0, 0), words, font)
        x = min(max(0.0, left), max(0.0, picture.width - width))
        y = top - height - line if top > height + line else min(bottom, picture.height - height)
        draw.rectangle((x, y, x + width, y + height), color)
        draw.text((x, y), words, (255, 255, 255), font)
    return np.asarray(picture)


def draw_identities(photo: Photo, identities: Sequence[Identity]) -> np.ndarray:
    """Draws identities on a photograph: name or "unknown", the highest score, and mask.

    Args:
        photo: the photograph: an image file's path or bytes, a PIL image, or an RGB array.
        identities: from `Recognizer.identify`, whose boxes are in its pixels.

    Returns:
        uint8 array, shape (height, width, 3), RGB: the picture, scaled down to at most 2,048 px a
        side; blue boxes have a name, orange ones are unknown.

    Raises:
        ImageError, OSError: if it is not an image, is damaged or too large, or cannot be read.

    >>> import keras
    >>> from maskedface import recognition, synthetic
    >>> image = keras.Input((32, 32, 3))
    >>> network = keras.Model(image, keras.layers.Flatten()(image))  # a stand-in
    >>> recognizer = recognition.Recognizer(network, aligned_to="arcface", alignment="arcface")
    >>> ada = synthetic.draw_face(0, 0, False)
    >>> _ = recognizer.enroll("Ada", [ada])
    >>> recognition.draw_identities(ada, recognizer.identify(ada)).shape
    (112, 112, 3)
    """
    return draw_faces(
        photo,
        [
            LabeledFace(
                one.face.box,
                f"{one.person or 'unknown'} {one.candidates[0].score:.2f}"
                f"{', masked' if one.face.masked >= SEEMS_MASKED else ''}",
                bool(one.person),
            )
            for one in identities
        ],
    )
