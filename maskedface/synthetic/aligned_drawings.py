"""One face of each of several drawn people, as a network's input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maskedface import geometry
from maskedface.synthetic.face_drawing import draw_face

_LEAST = 112  # pixels: smaller faces are drawn larger and scaled down


def draw_faces(
    masked: Sequence[bool], *, alignment: str = "arcface", size: int = 112, seed: int = 0
) -> np.ndarray:
    """Draws one face of each of several people.

    >>> from maskedface import synthetic
    >>> synthetic.draw_faces([True, False], alignment="dlib", size=150).shape
    (2, 150, 150, 3)

    Args:
        masked: one bool per person, at least one: whether they wear a mask.
        alignment: the faces' alignment, a key of `geometry.ALIGNMENTS`.
        size: int >= 1, the faces' height and width in pixels.
        seed: int >= 0, the seed of the set of people.

    Returns:
        uint8 array, shape (people, size, size, 3), RGB, 0-255.

    Raises:
        ValueError: if a number is out of range or the alignment is unknown.
    """
    drawn = max(size, _LEAST)
    matrix = geometry.chip_matrix(drawn, drawn, source="arcface", target=alignment, size=size)
    faces = (draw_face(n, 0, covered, size=drawn, seed=seed) for n, covered in enumerate(masked))
    return np.stack([geometry.warp(face, matrix, size) for face in faces])
