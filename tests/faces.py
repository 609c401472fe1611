"""Drawn faces, each drawn once: most of what is asked of one costs less than drawing it."""

from __future__ import annotations

import functools

import numpy as np

from maskedface import synthetic

_drawn = functools.cache(synthetic.draw_face)


def draw_face(
    person: int, photo: int, masked: bool, *, size: int = 112, seed: int = 0
) -> np.ndarray:
    """`synthetic.draw_face`, the second time from memory; the array is the caller's own."""
    return _drawn(person, photo, masked, size=size, seed=seed).copy()
