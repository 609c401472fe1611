"""Estimates the light on a face from its skin, so that a drawn mask has the same light."""

from __future__ import annotations

import numpy as np

from maskedface.masking.sheet import MIDDLE, alignment_coordinates

_CENTRE, _REACH = (MIDDLE, 80.0), (40.0, 34.0)  # alignment px; where u and v are 0, and their scale
LIT_SKIN = 150.0  # gray level of well-lit skin, halfway between light and dark
POWER = 0.6  # exponent from the face's to the mask's brightness: dark skin is not low light
GAIN = (0.35, 1.05)  # range of a mask's brightness factor
SLOPE = 0.5  # maximum relative change of the light from the center to the edge
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


class FaceLight:
    """Estimates the light on images of one alignment and size, and applies it to masks.

    The light is modeled as a + b u + c v, with u to the right and v downwards over the lower face.
    It is fitted by least squares to the brightness of some hundred pixels between eyes and chin,
    all under the mask or next to it. Brightness depends on skin and light, so a mask is scaled with
    its power of 0.6.

    Args:
        matrix: float array, shape (2, 3): image pixel = matrix @ (alignment x, alignment y, 1), from
            the 112-px ArcFace alignment.
        height, width: int, the images' size in pixels.

    Attributes:
        pixels: int64 array, shape (points,): the row-major indices of the pixels that are used.
        reading: float32 array, shape (points * 3, 3): their RGB values @ reading = (a, b, c).
        field: float32 array, shape (3, height, width): (a, b, c) @ field = the light at each pixel.
    """

    def __init__(self, matrix: np.ndarray, height: int, width: int) -> None:
        # A regular grid in a disc.
        u, v = (axis.ravel() for axis in np.meshgrid(*[np.linspace(-0.75, 0.75, 12)] * 2))
        u, v = u[np.hypot(u, v) < 0.8], v[np.hypot(u, v) < 0.8]
        points = np.stack([_CENTRE[0] + u * _REACH[0], _CENTRE[1] + v * _REACH[1]], 1)
        placed = np.rint(points @ matrix[:, :2].T + matrix[:, 2]).astype("int64")
        columns, rows = placed.T.clip(0, np.array([[width - 1], [height - 1]]))
        self.pixels = rows * width + columns
        fit = np.linalg.pinv(np.stack([np.ones_like(u), u, v], 1)).T
        self.reading = (fit[:, None] * _LUMA[:, None]).reshape(-1, 3).astype("float32")
        x, y = alignment_coordinates(matrix, height, width)
        u, v = (x - _CENTRE[0]) / _REACH[0], (y - _CENTRE[1]) / _REACH[1]
        field = np.stack([np.ones_like(u), u.clip(-1.2, 1.2), v.clip(-1.2, 1.2)])
        self.field = field.astype("float32")


def gains(read: np.ndarray) -> np.ndarray:
    """Converts the estimated light of faces to factors for masks.

    Args:
        read: float array, shape (batch, 3): a, b, c in gray levels.

    Returns:
        float32 array, shape (batch, 3): a, b, c as factors of the mask's own color.
    """
    level = np.maximum(read[:, :1], 1.0)
    gain = np.clip((level / LIT_SKIN) ** POWER, *GAIN)
    slopes = np.clip(read[:, 1:] / level, -SLOPE, SLOPE)
    return np.concatenate([gain, gain * slopes], 1).astype("float32")
