"""A drawn face that is identical on every machine, and its embedding, to compare backbones."""

from __future__ import annotations

import keras
import numpy as np

SIZE = 224
# Two machines round differently; other weights are about 1 apart.
TOLERANCE = 1e-3
# Ellipses in drawing order: color (R, G, B), centre (x, y) and half axes (x, y), in pixels of a
# 224 x 224 image. All integers, so no library or machine draws it differently.
_ELLIPSES = (
    ((62, 44, 34), (112, 98), (84, 92)),  # hair
    ((222, 178, 148), (112, 118), (70, 88)),  # face
    ((92, 62, 44), (82, 84), (20, 4)),  # brows
    ((92, 62, 44), (142, 84), (20, 4)),
    ((250, 250, 246), (82, 100), (16, 9)),  # eyes
    ((250, 250, 246), (142, 100), (16, 9)),
    ((70, 110, 150), (83, 100), (7, 8)),
    ((70, 110, 150), (141, 100), (7, 8)),
    ((198, 148, 120), (112, 132), (11, 17)),  # nose
    ((176, 72, 76), (112, 170), (27, 9)),  # mouth
)
_TOP, _BOTTOM = (150, 176, 200), (96, 118, 132)  # the background's colors


def drawn_face(size: int = SIZE) -> np.ndarray:
    """Draws the fixed probe face with integer arithmetic only.

    >>> from maskedface import conversion
    >>> conversion.drawn_face().shape, conversion.drawn_face()[118, 112].tolist()
    ((224, 224, 3), [198, 148, 120])

    Args:
        size: int, height and width in pixels; sizes other than 224 use nearest-neighbor sampling.

    Returns:
        uint8 array of shape (size, size, 3), RGB, 0-255.
    """
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.int64)
    down = y[..., None]
    image = (np.array(_TOP) * (SIZE - 1 - down) + np.array(_BOTTOM) * down) // (SIZE - 1)
    for color, (cx, cy), (a, b) in _ELLIPSES:
        inside = (x - cx) ** 2 * b**2 + (y - cy) ** 2 * a**2 <= (a * b) ** 2
        image[inside] = color
    near = np.arange(size) * SIZE // size
    face: np.ndarray = image[near][:, near].astype(np.uint8)
    return face


def embedding(backbone: keras.Model) -> np.ndarray:
    """A backbone's embedding of the drawn face.

    Args:
        backbone: a model with square input images; 224 px are used if it accepts any size.

    Returns:
        float32 array of shape (features,).
    """
    batch = drawn_face(backbone.input_shape[1] or SIZE)[None].astype(np.float32)
    result: np.ndarray = keras.ops.convert_to_numpy(backbone(batch, training=False))[0]
    return result


def difference(first: np.ndarray, second: np.ndarray) -> float:
    """The relative difference of two embeddings of the drawn face.

    Args:
        first: float array of shape (features,).
        second: the same.

    Returns:
        The largest difference relative to the largest value of the first: below 1e-4 for the same
        weights on two machines, about 1 for other weights. Infinity if their lengths differ.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape:
        return float("inf")
    return float(np.abs(first - second).max() / np.abs(first).max())
