"""The coordinates of a mask: its fit on the face, and its position in the image.

A mask is described in **face coordinates**: pixels of the 112-px ArcFace alignment
(`geometry.ALIGNMENTS`) for a frontal face, with x relative to the face's midline. A `Sheet` maps
them to the pixels of an image, through a `Fit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from maskedface import geometry

MIDDLE = 56.0  # x of the face's midline in the alignment
_NOSE, _CHIN = 60.0, 112.0  # y of a mask's upper edge on the nose and of its lower edge
# A rotated face is modeled as an upright cylinder with a nose.
_RADIUS = 48.0
_BRIDGE = 18.0  # distance of the mask from the cylinder at the nose
_AXIS = 50.0  # mean depth of the five points, which stay centered in an aligned face
_ACROSS = np.linspace(-64, 64, 513)  # x, for a lookup table of rotations
_PIVOT = 85.0  # y of the point that a mask tilts about
_FINER = 4  # shapes are drawn at 4 x 4 resolution and averaged, for smooth edges

# Catmull and Rom 1974: weights of four neighboring points at six steps between the middle two.
_SPLINE = (np.arange(6)[:, None] / 6) ** np.arange(4) @ np.array(
    [[0, 1, 0, 0], [-0.5, 0, 0.5, 0], [1, -2.5, 2, -0.5], [-0.5, 1.5, -1.5, 0.5]]
)


@dataclass(frozen=True)
class Fit:
    """The fit of a mask on one face. Lengths are in face coordinates, y downwards.

    Attributes:
        nose: downward shift of the upper edge (negative: upward).
        flat: additional downward shift at the nose.
        chin: downward shift of the lower edge.
        width: factor of the width.
        tilt: rotation in the image plane, radians, clockwise.
        turn: rotation of the head to the viewer's right, radians.
        right: shift to the viewer's right.
    """

    nose: float = 0.0
    flat: float = 0.0
    chin: float = 0.0
    width: float = 1.0
    tilt: float = 0.0
    turn: float = 0.0
    right: float = 0.0

    @staticmethod
    def random(rng: np.random.Generator) -> Fit:
        """A random realistic fit: the upper edge between the lower eyelids and the middle of the
        nose, tilted by a few degrees, and the head turned by up to 29 degrees."""
        return Fit(
            nose=rng.uniform(-5, 7),
            flat=rng.uniform(0, 5),
            chin=rng.uniform(-5, 7),
            width=rng.uniform(0.9, 1.07),
            tilt=rng.uniform(-0.06, 0.06),
            turn=float(np.clip(rng.normal(0, 0.18), -0.5, 0.5)),
            right=rng.uniform(-1.5, 1.5),
        )

    def place(self, points: Any) -> np.ndarray:
        """Converts face coordinates to alignment pixels; float64, shape (n, 2)."""
        x, y = np.asarray(points, "float64").T
        low = (y - _NOSE) / (_CHIN - _NOSE)
        top = self._top(x)
        y = y + top + (self.chin - top) * low.clip(0, 1)
        x = self._turned(x * self.width) + self.right
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        y = y - _PIVOT
        return np.stack([MIDDLE + cos * x - sin * y, _PIVOT + sin * x + cos * y], 1)

    def unplace(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Converts alignment pixels to face coordinates: the inverse of `place` on the visible
        face."""
        x, y = x - MIDDLE, y - _PIVOT
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        x, y = cos * x + sin * y - self.right, cos * y - sin * x + _PIVOT
        seen = np.maximum.accumulate(self._turned(_ACROSS))  # the far side is hidden
        beside = x - x.clip(seen[0], seen[-1])  # of the head
        x = (np.interp(x, seen, _ACROSS) + beside) / self.width
        top = self._top(x)
        stretch = (_CHIN - _NOSE + self.chin - top) / (_CHIN - _NOSE)
        inside = (y - _NOSE - top) / stretch + _NOSE
        above, below = y - top, y - self.chin
        return x, np.where(above < _NOSE, above, np.where(below > _CHIN, below, inside))

    def _top(self, x: np.ndarray) -> np.ndarray:
        lower: np.ndarray = self.nose + self.flat * np.exp(-((x / 10) ** 2))
        return lower

    def _turned(self, x: np.ndarray) -> np.ndarray:
        depth = np.sqrt(np.maximum(_RADIUS**2 - x**2, 0)) + _BRIDGE * np.exp(-((x / 18) ** 2))
        seen: np.ndarray = x * np.cos(self.turn) + (depth - _AXIS) * np.sin(self.turn)
        return seen


class Sheet:
    """The pixels of an image in face coordinates.

    Args:
        matrix: float array, shape (2, 3): image pixel = matrix @ (alignment x, alignment y, 1), a
            similarity from the 112-px ArcFace alignment.
        height, width: int, the image's size in pixels.
        fit: the fit of the mask.

    Attributes:
        x, y: float64 arrays, shape (height, width): the face coordinates of each pixel.
        zoom: float, image pixels per alignment pixel.
    """

    def __init__(self, matrix: np.ndarray, height: int, width: int, fit: Fit) -> None:
        self.fit, self._matrix, self._shape = fit, np.asarray(matrix, "float64"), (height, width)
        self.zoom = float(np.sqrt(abs(np.linalg.det(self._matrix[:, :2]))))
        self.x, self.y = fit.unplace(*alignment_coordinates(self._matrix, height, width))

    def fill(self, points: Any) -> np.ndarray:
        """The share of each pixel inside a polygon in face coordinates; shape (height, width)."""
        return self._draw(lambda draw, flat: draw.polygon(flat, fill=255), points)

    def stroke(self, points: Any, width: float) -> np.ndarray:
        """The share of each pixel on a line through points, `width` alignment pixels wide."""
        fine = max(1, round(width * self.zoom * _FINER))
        return self._draw(
            lambda draw, flat: draw.line(flat, fill=255, width=fine, joint="curve"), points
        )

    def edge(self, distance: np.ndarray) -> np.ndarray:
        """1 where a distance in face coordinates is negative, 0 where positive, one pixel soft."""
        return (0.5 - distance * self.zoom).clip(0, 1)

    def _draw(self, pen: Any, points: Any) -> np.ndarray:
        height, width = self._shape
        image = Image.new("L", (width * _FINER, height * _FINER))
        placed = self.fit.place(points) @ self._matrix[:, :2].T + self._matrix[:, 2]
        pen(ImageDraw.Draw(image), ((placed + 0.5) * _FINER).ravel().tolist())
        return np.asarray(image.reduce(_FINER), "float64") / 255


def alignment_coordinates(
    matrix: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """The positions of an image's pixels in the 112-px ArcFace alignment.

    Args:
        matrix: as for `Sheet`.
        height, width: int, the image's size in pixels.

    Returns:
        x and y, float64 arrays, shape (height, width).
    """
    rows, columns = np.indices((height, width))
    away = np.stack([columns, rows], -1) - np.asarray(matrix)[:, 2]
    x, y = np.moveaxis(away @ np.linalg.inv(np.asarray(matrix)[:, :2]).T, -1, 0)
    return x, y


def face_matrix(source: str | np.ndarray, height: int, width: int) -> np.ndarray:
    """The matrix of a `Sheet` for an image of known alignment.

    Args:
        source: a key of `geometry.ALIGNMENTS`, or the five points in this image, float array, shape
            (5, 2).
        height, width: int, the image's size in pixels.

    Returns:
        float64 array, shape (2, 3).

    Raises:
        ValueError: if the alignment is unknown, or there are not five distinct points.
    """
    points = geometry.alignment_points(source, height, width) if isinstance(source, str) else source
    return geometry.similarity(geometry.alignment_points("arcface", 112, 112), points)


def curve(points: Any, closed: bool = False) -> np.ndarray:
    """A Catmull-Rom spline through the points, six steps per segment; float64, shape (n, 2)."""
    p = np.asarray(points, "float64")
    ends = (p[-1:], p[:2]) if closed else (p[:1], p[-1:])
    p = np.concatenate([ends[0], p, ends[1]])
    fours = np.stack([p[i : len(p) - 3 + i] for i in range(4)], 1)
    line: np.ndarray = (_SPLINE @ fours).reshape(-1, 2)
    return line if closed else np.concatenate([line, p[-2:-1]])


def outline(half: Any) -> np.ndarray:
    """A smooth closed shape from its right half, top to bottom; float64, shape (n, 2)."""
    right = np.asarray(half, "float64")
    return curve(np.concatenate([right, right[-2:0:-1] * (-1, 1)]), closed=True)
