"""Chance without history: a number for each (seed, epoch, element), whatever was drawn before."""

from __future__ import annotations

import numpy as np

_VARIANT, _ORDER = 3, 4  # streams of `fixed_masks`; of the order one a style, from 4 on


def uniform(seed: int, epoch: int, elements: np.ndarray, stream: int) -> np.ndarray:
    """A number in [0, 1) for each element, from a hash of all four.

    Args:
        seed, epoch, stream: int >= 0; streams keep apart what is drawn for one (seed, epoch, element).
        elements: int array of any shape, each >= 0.

    Returns:
        float64 array of that shape.
    """
    state = np.zeros(np.shape(elements), "uint64")
    for part in (seed, epoch, stream, elements):
        # The mixing step of SplitMix64 (Steele, Lea and Flood 2014, figure 16).
        state = state ^ np.asarray(part, "uint64")
        state = state + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    top: np.ndarray = (state >> np.uint64(11)) * 2.0**-53
    return top


def fixed_masks(
    elements: np.ndarray, count: int, *, styles: int, variants: int, seed: int
) -> np.ndarray:
    """Masks of each element's own: of different styles, as far as there are so many.

    Args:
        elements: int array, shape (batch,), each >= 0.
        count: int in [1, styles * variants], how many each gets.
        styles, variants: int >= 1, how many styles and masks of each the bank has
            (`MaskBank.draw`).
        seed: int >= 0.

    Returns:
        int64 array, shape (batch, count): different numbers of the bank in each row; the first are
        the same for any larger `count`.

    Raises:
        ValueError: if `count` is out of its range.
    """
    if not 1 <= count <= styles * variants:
        raise ValueError(f"count must be in [1, {styles * variants}]. Received: count={count}")
    k = np.arange(count)
    keys = [uniform(seed, 0, elements, _ORDER + n) for n in range(styles)]
    style = np.argsort(np.stack(keys, 1), axis=1)[:, k % styles]
    first = (uniform(seed, 0, elements, _VARIANT) * variants).astype("int64")[:, None]
    return style * variants + (first + k // styles) % variants
