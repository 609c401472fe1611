"""Mask estimate: a logistic regression on the colors and edges of mouth and chin, fitted by
`tools/fit_mask_estimate.py`."""

from __future__ import annotations

import cv2
import numpy as np

from maskedface import geometry
from maskedface.masking.estimate_coefficients import COEFFICIENTS, INTERCEPT

SEEMS_MASKED = 0.5
"""The probability (`masked_probability`) from which a face counts as masked: float in [0, 1]."""

# Rows and columns of the crop, chosen on the training faces (docs/recognition.md).
SIZE = 56  # pixels of the ArcFace crop that is used: half of MLFW's resolution
_SIDES = slice(8, 48)  # columns without background
_UPPER = slice(8, 28)  # rows of the brows and eyes
_LOWER = slice(28, 56)  # rows from the nose down
_BETWEEN = slice(16, 32)  # rows of the eyes and the nose's bridge, which no mask covers
_EDGE = slice(20, 44), slice(0, 39)  # where a mask's upper edge may be
_CELLS = (4, 4)  # down, across
_UPPER_CELLS, _EDGE_CELLS = (2, 4), (12, 3)
_LEAST_CONTRAST = 10.0  # gray levels; limits the normalization of flat images


def mask_features(image: np.ndarray, source: geometry.Source) -> np.ndarray:
    """The features of the estimate: colors relative to the skin between the eyes, edges, and
    texture.

    Args:
        image: uint8 array, shape (height, width, 3), RGB.
        source: the location of the face, as for `geometry.chip_matrix`: an alignment, five points,
            or "".

    Returns:
        float32 array, shape (204,), in standard deviations of the face's gray levels.
    """
    matrix = geometry.chip_matrix(*image.shape[:2], source=source, target="arcface", size=SIZE)
    face = geometry.warp(image, matrix, SIZE)[:, _SIDES].astype("float32")
    gray = face.mean(axis=-1)
    skin = face[_BETWEEN].mean(axis=(0, 1))
    colors = _cells(face[_LOWER], _CELLS) - skin
    across = np.abs(np.diff(gray, axis=1, prepend=gray[:, :1]))[_LOWER]
    darker = np.diff(gray, axis=0, prepend=gray[:1])  # downwards, signed
    squares = _cells(gray[_LOWER] ** 2, _CELLS) - _cells(gray[_LOWER], _CELLS) ** 2
    parts = (
        colors,
        np.abs(colors),
        _cells(face[_UPPER], _UPPER_CELLS) - skin,
        _cells(across, _CELLS),
        _cells(np.abs(darker)[_LOWER], _CELLS),
        np.sqrt(np.maximum(squares, 0)),
        _cells(darker[_EDGE], _EDGE_CELLS),
    )
    contrast = max(float(gray.std()), _LEAST_CONTRAST)
    return np.concatenate([part.ravel() for part in parts]) / np.float32(contrast)


def masked_probability(image: np.ndarray, source: geometry.Source) -> float:
    """The probability that mouth and chin are covered.

    A logistic regression, fitted on real and drawn masks, in color and gray. docs/recognition.md
    reports its accuracy, and what was not measured (hands, scarves, beards, skin-colored masks).
    The location of the face should be known: the accuracy is lower for whole images.

    >>> from maskedface import masking, synthetic
    >>> face = synthetic.draw_face(0, 0, masked=True)
    >>> masking.masked_probability(face, "arcface") >= masking.SEEMS_MASKED
    True

    Args:
        image: uint8 array, shape (height, width, 3), RGB, 0-255.
        source: the location of the face, as for `geometry.chip_matrix`: an alignment, five points,
            or "".

    Returns:
        float in [0, 1], assuming that masked and unmasked faces are equally frequent.

    Raises:
        ValueError: if the alignment is unknown, or the points cannot be fitted.
    """
    activation = INTERCEPT + float(mask_features(image, source) @ np.array(COEFFICIENTS))
    return float(1 / (1 + np.exp(-np.clip(activation, -60, 60))))


def _cells(pixels: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """The means of equal cells, shape (down, across, ...)."""
    return cv2.resize(pixels, cells[::-1], interpolation=cv2.INTER_AREA)
