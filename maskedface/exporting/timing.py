"""Benchmarks models against each other."""

from __future__ import annotations

import functools
import timeit
from collections.abc import Mapping

import numpy as np

from maskedface.exporting.loading import Predict


def time_models(
    models: Mapping[str, Predict], images: np.ndarray, *, rounds: int = 5
) -> dict[str, float]:
    """Times models in turns, so that other load on the machine affects all of them.

    Args:
        models: name -> function of images.
        images: one batch, shape (N, height, width, 3).
        rounds: int >= 1, after an additional warmup round.

    Returns:
        {name: median time in ms per image}.

    Raises:
        ValueError: if `rounds` is below 1.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1. Received: rounds={rounds}")
    times = [
        [timeit.timeit(functools.partial(predict, images), number=1) for predict in models.values()]
        for _ in range(rounds + 1)
    ]
    medians = np.median(times[1:], axis=0) * 1000 / len(images)
    return dict(zip(models, medians.tolist(), strict=True))
