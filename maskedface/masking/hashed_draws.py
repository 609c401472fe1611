"""Stateless random numbers: one for each (seed, epoch, element), independent of earlier draws."""

from __future__ import annotations

import numpy as np


def uniform(seed: int, epoch: int, elements: np.ndarray, stream: int | np.ndarray) -> np.ndarray:
    """A uniform number in [0, 1) for each element, from a hash of all arguments.

    Args:
        seed, epoch: int >= 0.
        elements: int array of any shape, each >= 0.
        stream: int >= 0, or an array of these of the same shape; different streams give independent
            numbers for the same (seed, epoch, element).

    Returns:
        float64 array of the shape of `elements`.
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
