"""The light on a face, estimated from its skin, so that a mask laid on it is lit alike."""

from __future__ import annotations

import numpy as np

from maskedface.masking.sheet import MIDDLE, alignment_coordinates

_CENTRE, _REACH = (MIDDLE, 80.0), (40.0, 34.0)  # alignment px; where u and v are 0, and 1
LIT_SKIN = 150.0  # gray level of well-lit skin, halfway between light and dark
POWER = 0.6  # of the face's brightness in the mask's: dark skin is not less light
GAIN = (0.35, 1.05)  # darkest and brightest that a mask is made
SLOPE = 0.5  # most that the light changes from the middle to the rim, as a share
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


class FaceLight:
    """How to read the light off images of one alignment and size, and lay it on a mask.

    The light is taken as a + b u + c v, with u to the right and v downwards over the lower face. It
    is fitted, least squares, to the brightness of some hundred pixels between the eyes and the
    chin, which all lie under the mask or beside it. Brightness is that of the skin and of the light
    at once; so a mask follows its .6th power.

    Args:
        matrix: float array, shape (2, 3): image pixel = matrix @ (alignment x, alignment y, 1), from
            the 112-px ArcFace alignment.
        height, width: int, the images' size in pixels.

    Attributes:
        pixels: int64 array, shape (points,): the row-major numbers of the pixels that are read.
        reading: float32 array, shape (points * 3, 3): their RGB values @ reading = (a, b, c).
        field: float32 array, shape (3, height, width): (a, b, c) @ field = the light at each pixel.
    """

    def __init__(self, matrix: np.ndarray, height: int, width: int) -> None:
        # An even grid on the disc, without its corners.
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
    """What the light read off faces does to a mask.

    Args:
        read: float array, shape (batch, 3): a, b, c in gray levels.

    Returns:
        float32 array, shape (batch, 3): a, b, c as factors of the mask's own color.
    """
    level = np.maximum(read[:, :1], 1.0)
    gain = np.clip((level / LIT_SKIN) ** POWER, *GAIN)
    slopes = np.clip(read[:, 1:] / level, -SLOPE, SLOPE)
    return np.concatenate([gain, gain * slopes], 1).astype("float32")
