"""Draws smooth shapes with the pose and lighting of a shot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from maskedface.masking.sheet import MIDDLE, curve, outline
from maskedface.synthetic.colors import Color, rgb
from maskedface.synthetic.traits import Shot

FINER = 4  # each pixel is drawn 4 x 4 times finer and averaged down: smooth edges
NOSE_Y = 71.7  # of the face, in the 112-px ArcFace alignment
_TURN = np.arange(24) * (2 * np.pi / 24)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], 1)


class Pen:
    """Fills smooth shapes, given in pixels of the alignment, in the shot's pose."""

    def __init__(self, size: int, shot: Shot) -> None:
        self.image = Image.new("RGB", (size * FINER, size * FINER))
        self.draw = ImageDraw.Draw(self.image)
        self.turn = shot.turn
        cos, sin = np.cos(shot.tilt) * shot.scale, np.sin(shot.tilt) * shot.scale
        self._linear = np.array([[cos, sin], [-sin, cos]])
        self._shift = np.array([MIDDLE + shot.right, NOSE_Y + shot.down]) + 0.5
        self._zoom = size * FINER / 112

    def place(self, points: Any, depth: float = 0.0) -> list[float]:
        """Flat x, y, x, y .. on the large canvas. depth: 1 = the head's rim, -1 = the nose."""
        away = np.asarray(points, "float64") - (MIDDLE - depth * self.turn, NOSE_Y)
        placed: list[float] = ((away @ self._linear + self._shift) * self._zoom).ravel().tolist()
        return placed

    def fill(self, points: Any, color: Color, depth: float = 0.0) -> None:
        self.draw.polygon(self.place(points, depth), fill=rgb(color))

    def stroke(self, points: Any, width: Any, color: Color, depth: float = 0.0) -> None:
        """A smooth line through the points; a list of widths, one per point, tapers it."""
        line = curve(points)
        along = line[[*range(1, len(line)), -1]] - line[[0, *range(len(line) - 1)]]
        across = along[:, ::-1] * (-0.5, 0.5) / (np.hypot(*along.T) + 1e-9)[:, None]
        if np.ndim(width):
            steps = np.arange(len(line)) * ((len(width) - 1) / (len(line) - 1))
            width = np.interp(steps, np.arange(len(width)), width)[:, None]
        across *= width
        self.fill(np.concatenate([line + across, (line - across)[::-1]]), color, depth)


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    return np.array([x, y]) + _CIRCLE * (rx, ry)


def on_side(side: int, points: Sequence[tuple[float, float]]) -> np.ndarray:
    """Points with x measured from the center, to the right (1) or to the left (-1)."""
    return np.array(points) * (side, 1) + (MIDDLE, 0)


def mirrored(half: Sequence[tuple[float, float]]) -> np.ndarray:
    """A smooth closed shape from its right half, top to bottom, with x measured from the center."""
    shape: np.ndarray = outline(half) + np.array([MIDDLE, 0])
    return shape
