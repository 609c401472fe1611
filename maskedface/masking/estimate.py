"""Does the face seem to wear a mask? Colours and edges of mouth and chin, weighed by coefficients of
our own (`tools/fit_mask_estimate.py` fits them)."""

from __future__ import annotations

import numpy as np

from maskedface import geometry
from maskedface.masking.estimate_coefficients import COEFFICIENTS, INTERCEPT

# From this probability on a face counts as masked.
SEEMS_MASKED = 0.5

SIZE = 56  # pixels of the ArcFace crop that is looked at: half the resolution MLFW has
_SIDES = slice(8, 48)  # columns without the background beside the face
_LOWER = slice(28, 56)  # rows from the nose down
_BETWEEN = slice(16, 32)  # rows of the eyes and the nose's bridge, which no mask covers
_CELLS = 4  # a side


def mask_features(image: np.ndarray, source: str | np.ndarray) -> np.ndarray:
    """What the estimate looks at: colours of 16 cells against the skin between the eyes, and edges.

    Args:
        image: uint8 array, shape (height, width, 3), RGB.
        source: where the face is, as for `geometry.chip_matrix`: an alignment, five points, or "".

    Returns:
        float32 array, shape (80,), in grey levels.
    """
    matrix = geometry.chip_matrix(*image.shape[:2], source=source, target="arcface", size=SIZE)
    face = geometry.warp(image, matrix, SIZE)[:, _SIDES].astype("float32")
    colours = _cells(face[_LOWER]) - face[_BETWEEN].mean(axis=(0, 1))
    grey = face.mean(axis=-1)
    across = np.abs(np.diff(grey, axis=1, prepend=grey[:, :1]))
    down = np.abs(np.diff(grey, axis=0, prepend=grey[:1]))
    edges = [_cells(change[_LOWER, :, None]) for change in (across, down)]
    return np.concatenate([part.ravel() for part in (colours, *edges)])


def masked_probability(image: np.ndarray, source: str | np.ndarray) -> float:
    """How probable it is that mouth and chin are covered.

    A logistic regression fitted on MLFW, whose masks are drawn on photographs; docs/recognition.md
    says how often it is right there. On masks of skin's own colour, hands and beards it may err.

    Args:
        image, source: as for `mask_features`.

    Returns:
        float in [0, 1], with masked and unmasked faces taken to be equally frequent.
    """
    activation = INTERCEPT + float(mask_features(image, source) @ np.array(COEFFICIENTS))
    return float(1 / (1 + np.exp(-np.clip(activation, -60, 60))))


def _cells(pixels: np.ndarray) -> np.ndarray:
    """The means of 4 x 4 cells, shape (4, 4, channels)."""
    height, width = (side // _CELLS for side in pixels.shape[:2])
    cells = pixels.reshape(_CELLS, height, _CELLS, width, -1)
    means: np.ndarray = cells.mean(axis=(1, 3))
    return means
