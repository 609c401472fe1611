"""Confidence intervals for metrics over pairs, each of which depends on two people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

DRAWS = 1_000  # each draw computes new weights for all pairs: 10 ms per million pairs


def pair_weights(
    first: Sequence[str], second: Sequence[str], *, draws: int = DRAWS, seed: int = 0
) -> Iterator[np.ndarray]:
    """Resamples whole people, with replacement, and yields how often each pair is drawn.

    A person's own pairs count as often as the person was drawn, and a pair of two people by the
    product of both counts (the vertex bootstrap; Bolle, Ratha, Pankanti 2004, "Error analysis of
    pattern recognition systems: the subsets bootstrap", explains why pairs must not be drawn
    independently).

    Args:
        first, second: the people of each pair's two faces.
        draws: int >= 1.
        seed: int, the random seed.

    Yields:
        float32 array, shape (pairs,), integers >= 0.

    Raises:
        ValueError: if there are no pairs, or the lengths differ.
    """
    if not len(first) or len(first) != len(second):
        raise ValueError(
            "first and second must have the same length, at least 1. "
            f"Received: {len(first)} and {len(second)}"
        )
    both = np.concatenate([np.asarray(first, object), np.asarray(second, object)])
    names, person = np.unique(both, return_inverse=True)
    one, other = person[: len(first)], person[len(first) :]
    genuine = one == other
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        times = times.astype("float32")
        yield times[one] * np.where(genuine, 1, times[other])


def pair_intervals(
    figures: Callable[[np.ndarray], np.ndarray],
    first: Sequence[str],
    second: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[dict[str, float]]:
    """95 % percentile bootstrap intervals of metrics over pairs, resampling whole people.

    Args:
        figures: a function from the pairs' weights, shape (pairs,), to the metrics, float array,
            shape (figures,); NaN if a metric is undefined in a draw, which is then ignored for its
            interval.
        first, second, draws, seed: as for `pair_weights`.

    Returns:
        {"low", "high"} for each metric, floats, NaN if it is undefined in all draws.

    Raises:
        ValueError: as `pair_weights`.
    """
    values = np.array(
        [figures(weights) for weights in pair_weights(first, second, draws=draws, seed=seed)]
    )
    found = []
    for column in values.T:
        finite = column[np.isfinite(column)]
        low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) else (np.nan, np.nan)
        found.append({"low": float(low), "high": float(high)})
    return found
