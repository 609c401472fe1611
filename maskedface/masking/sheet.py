"""The sheet a mask is drawn on: how it sits on the face, and where that lies in the image.

A mask is described in **face coordinates**: pixels of the 112-px ArcFace template
(`geometry.TEMPLATES`), for a face that looks straight ahead, with x counted from the face's middle
line. A sheet carries them to the pixels of an image, through a `Fit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from maskedface import geometry

MIDDLE = 56.0  # x of the face's middle line in the template
_NOSE, _CHIN = 60.0, 112.0  # y of a mask's upper edge on the nose and of its lower edge
_RADIUS = 56.0  # of the upright cylinder that a face is taken for when it turns
_PIVOT = 85.0  # y of the point that a mask tilts about
_FINER = 4  # shapes are drawn 4 x 4 times finer and averaged down: smooth edges

# Catmull and Rom 1974: weights of four neighbouring points at six steps between the middle two.
_SPLINE = (np.arange(6)[:, None] / 6) ** np.arange(4) @ np.array(
    [[0, 1, 0, 0], [-0.5, 0, 0.5, 0], [1, -2.5, 2, -0.5], [-0.5, 1.5, -1.5, 0.5]]
)


@dataclass(frozen=True)
class Fit:
    """How a mask sits on one face. Lengths in face coordinates, y downwards.

    Attributes:
        nose: how much lower than drawn the upper edge lies (negative: higher).
        chin: how much lower than drawn the lower edge lies.
        width: factor, how wide it sits.
        tilt: radians, clockwise.
        turn: radians that the head is turned to the viewer's right.
        right: shift to the viewer's right.
    """

    nose: float = 0.0
    chin: float = 0.0
    width: float = 1.0
    tilt: float = 0.0
    turn: float = 0.0
    right: float = 0.0

    @staticmethod
    def random(rng: np.random.Generator) -> Fit:
        """A fit as people wear them: the nose line anywhere between the lower lids and the middle
        of the nose, a few degrees askew, the head turned by up to 20 degrees."""
        return Fit(
            nose=rng.uniform(-4.5, 5.0),
            chin=rng.uniform(-5.0, 5.0),
            width=rng.uniform(0.9, 1.07),
            tilt=rng.uniform(-0.06, 0.06),
            turn=float(np.clip(rng.normal(0, 0.14), -0.35, 0.35)),
            right=rng.uniform(-1.5, 1.5),
        )

    def place(self, points: Any) -> np.ndarray:
        """Face coordinates -> template pixels; float64, shape (n, 2)."""
        x, y = np.asarray(points, "float64").T
        low = (y - _NOSE) / (_CHIN - _NOSE)
        y = y + self.nose + (self.chin - self.nose) * low.clip(0, 1)
        angle = np.arcsin((x * self.width / _RADIUS).clip(-1, 1)) + self.turn
        x = _RADIUS * np.sin(angle) - self._centre + self.right
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        y = y - _PIVOT
        return np.stack([MIDDLE + cos * x - sin * y, _PIVOT + sin * x + cos * y], 1)

    def unplace(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Template pixels -> face coordinates, the inverse of `place` where the face is seen."""
        x, y = x - MIDDLE, y - _PIVOT
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        x, y = cos * x + sin * y - self.right, cos * y - sin * x + _PIVOT
        angle = np.arcsin(((x + self._centre) / _RADIUS).clip(-1, 1)) - self.turn
        stretch = (_CHIN - _NOSE + self.chin - self.nose) / (_CHIN - _NOSE)
        inside = (y - _NOSE - self.nose) / stretch + _NOSE
        above, below = y - self.nose, y - self.chin
        y = np.where(above < _NOSE, above, np.where(below > _CHIN, below, inside))
        return _RADIUS * np.sin(angle) / self.width, y

    @property
    def _centre(self) -> float:
        # An aligned face has its five points, and not its middle line, in the middle: of the turn's
        # shift of the nose about .4 is left to be seen.
        return 0.6 * _RADIUS * float(np.sin(self.turn))


class Sheet:
    """An image's pixels, as seen from a mask.

    Args:
        matrix: float array, shape (2, 3): image pixel = matrix @ (template x, template y, 1), a
            similarity from the 112-px ArcFace template.
        height, width: int, the image's size in pixels.
        fit: how the mask sits.

    Attributes:
        x, y: float64 arrays, shape (height, width): each pixel's face coordinates.
        zoom: float, image pixels a template pixel.
    """

    def __init__(self, matrix: np.ndarray, height: int, width: int, fit: Fit) -> None:
        self.fit, self._matrix, self._shape = fit, np.asarray(matrix, "float64"), (height, width)
        self.zoom = float(np.sqrt(abs(np.linalg.det(self._matrix[:, :2]))))
        self.x, self.y = fit.unplace(*template_coordinates(self._matrix, height, width))

    def fill(self, points: Any) -> np.ndarray:
        """The share of each pixel inside a polygon in face coordinates; shape (height, width)."""
        return self._draw(lambda draw, flat: draw.polygon(flat, fill=255), points)

    def stroke(self, points: Any, width: float) -> np.ndarray:
        """The share of each pixel on a line through points, `width` template pixels wide."""
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


def template_coordinates(
    matrix: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where an image's pixels lie in the 112-px ArcFace template.

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
        source: a key of `geometry.TEMPLATES`, or five points of this very image, float array, shape
            (5, 2).
        height, width: int, the image's size in pixels.

    Returns:
        float64 array, shape (2, 3).

    Raises:
        ValueError: if no template has that name, or the points are not five different ones.
    """
    points = (
        geometry.template_points(source, height, width) if isinstance(source, str) else source
    )
    return geometry.similarity(geometry.template_points("arcface", 112, 112), points)


def outline(half: Any) -> np.ndarray:
    """A smooth closed shape from its right half, top to bottom; float64, shape (n, 2)."""
    right = np.asarray(half, "float64")
    p = np.concatenate([right, right[-2:0:-1] * (-1, 1)])
    p = np.concatenate([p[-1:], p, p[:2]])
    fours = np.stack([p[i : len(p) - 3 + i] for i in range(4)], 1)
    shape: np.ndarray = (_SPLINE @ fours).reshape(-1, 2)
    return shape
