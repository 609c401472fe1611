"""Small random changes of place and light, as functions of (seed, epoch, element)."""

from __future__ import annotations

import cv2
import numpy as np

# At strength 1, each drawn evenly from minus to plus this much. Sizes of the changes that aligned
# photographs of one person show; of a face that fills its chip as the alignments have it.
_TURN = 0.12  # radians
_ZOOM = 0.10  # of the size
_SHIFT = 0.04  # of the chip's width
_CONTRAST = 0.30  # of the distance to the mean
_BRIGHTNESS = 30.0  # gray levels
_STREAM = 9  # apart from the streams of `datasets.order`


def augmented(
    images: np.ndarray, elements: np.ndarray, *, seed: int, epoch: int, strength: float = 1.0
) -> np.ndarray:
    """Shifts, zooms, turns, brightens and stretches each image a little, at random.

    The same (seed, epoch, element) always gets the same change, whatever else is in the batch.

    Args:
        images: uint8 array, shape (batch, height, width, 3), RGB, 0-255.
        elements: int array, shape (batch,), each >= 0: the images' numbers in their data set.
        seed, epoch: int >= 0.
        strength: float >= 0. At 1: turns of up to .12 rad, zooms of up to 10 %, shifts of up to 4 % of
            the width, contrast of up to 30 % and brightness of up to 30 gray levels either way (our
            own choice). 0 changes nothing.

    Returns:
        New uint8 array of the images' shape; edges are repeated where an image is moved in.
    """
    if strength == 0:
        return images
    changed = np.empty_like(images)
    for row, (image, element) in enumerate(zip(images, elements, strict=True)):
        draws = np.random.default_rng([seed, epoch, int(element), _STREAM]).uniform(-1, 1, 6)
        changed[row] = _change(image, draws * strength)
    return changed


def _change(image: np.ndarray, draws: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    turn, zoom, right, down, contrast, brightness = draws
    size = 1 + _ZOOM * zoom
    linear = size * np.array(
        [
            [np.cos(_TURN * turn), -np.sin(_TURN * turn)],
            [np.sin(_TURN * turn), np.cos(_TURN * turn)],
        ]
    )
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = middle - linear @ middle + _SHIFT * width * np.array([right, down])
    moved = cv2.warpAffine(
        image,
        np.column_stack([linear, shift]),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    mean = float(moved.mean())
    factor = 1 + _CONTRAST * contrast
    lit: np.ndarray = cv2.LUT(
        moved,
        (mean + factor * (np.arange(256) - mean) + _BRIGHTNESS * brightness)
        .round()
        .clip(0, 255)
        .astype("uint8"),
    )
    return lit
