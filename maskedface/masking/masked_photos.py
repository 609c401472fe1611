"""Draws a mask or an occlusion on a photograph of any size."""

from __future__ import annotations

import cv2
import numpy as np

from maskedface import geometry
from maskedface.masking.bank import MaskBank
from maskedface.masking.patches import draw_patch, style_rng
from maskedface.masking.sheet import face_matrix
from maskedface.masking.styles import Style

_FRONT = geometry.alignment_points("arcface", 112, 112)
REACH = ((0.0, 112.0), (45.0, 128.0))  # alignment x and y range of a mask with straps
_FINEST = 4.0  # maximum resolution of a patch, in pixels per alignment pixel
_DEPTH = 25.0  # alignment px from the nose tip to the plane of eyes and mouth corners


def mask_photo(image: np.ndarray, points: np.ndarray, style: Style, *, seed: int = 0) -> np.ndarray:
    """Draws a mask on one face of a photograph, at the photograph's own resolution.

    The mask follows the face's size, position and tilt, and turns with the head, which is estimated
    from the offset of the nose from the middle between eyes and mouth corners.

    >>> from maskedface import geometry, masking, synthetic
    >>> photo = synthetic.draw_face(0, 0, masked=False)
    >>> points = geometry.alignment_points("arcface", 112, 112)  # where its face lies
    >>> masked = masking.mask_photo(photo, points, masking.STYLES[0])
    >>> bool((masked[80:] != photo[80:]).any()), bool((masked[:50] != photo[:50]).any())
    (True, False)

    Args:
        image: uint8 array, shape (height, width, 3), RGB.
        points: float array, shape (5, 2), (x, y) in pixels: left eye, right eye, nose tip, left and
            right mouth corner, as seen by the viewer.
        style: the style: one of `STYLES`, `LOOSE_STYLES` or `OCCLUSIONS`, a `MaskStyle`, or one from
            `style_from_picture`.
        seed: int >= 0, random seed of fit, color and pattern.

    Returns:
        A new uint8 array, shape (height, width, 3), RGB.

    Raises:
        ValueError: if the image or the points have another shape, or the points coincide.
    """
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image must have shape (height, width, 3). Received: {image.shape}")
    points = np.asarray(points, "float64")
    matrix = face_matrix(points, *image.shape[:2])
    reach = getattr(style, "reach", REACH)
    corners = np.array([(x, y) for x in reach[0] for y in reach[1]])
    placed = corners @ matrix[:, :2].T + matrix[:, 2]
    left, top = np.floor(placed.min(axis=0)).astype(int).clip(0)
    right, bottom = (np.ceil(placed.max(axis=0)).astype(int) + 1).clip(0)
    laid = image.copy()
    part = laid[top:bottom, left:right]
    if part.size:
        inside = matrix - [[0, 0, left], [0, 0, top]]
        patch = _drawn(style, seed, inside, part.shape[:2], _turn(points))
        part[:] = MaskBank(patch[None], inside).lay(part[None], np.zeros(1, int))[0]
    return laid


def _drawn(
    style: Style, seed: int, matrix: np.ndarray, shape: tuple[int, int], turn: float
) -> np.ndarray:
    """Draws a patch. Very large ones are drawn smaller and enlarged, as fabric has no finer
    detail."""
    zoom = max(1.0, float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))) / _FINEST)
    height, width = (max(1, round(side / zoom)) for side in shape)
    step = np.array([[width / shape[1]], [height / shape[0]]])
    shrunk = matrix * step
    shrunk[:, 2:] += (step - 1) / 2  # pixel centers: the edge is at -0.5
    patch = draw_patch(style, style_rng(style, seed, 0), shrunk, height, width, turn=turn)
    return cv2.resize(patch, shape[::-1], interpolation=cv2.INTER_LINEAR)


def _turn(points: np.ndarray) -> float:
    """The rotation of the head to the viewer's right, in radians."""
    upright = geometry.similarity(points[[0, 1, 3, 4]], _FRONT[[0, 1, 3, 4]])
    away = upright[0, :2] @ points[2] + upright[0, 2] - _FRONT[2, 0]
    return float(np.arcsin(np.clip(away / _DEPTH, -0.7, 0.7)))
