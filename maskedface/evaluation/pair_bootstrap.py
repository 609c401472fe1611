"""Intervals for figures over pairs, where each pair hangs on two people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

DRAWS = 1_000  # a draw weighs every pair anew: 10 ms a million pairs


def pair_weights(
    first: Sequence[str], second: Sequence[str], *, draws: int = DRAWS, seed: int = 0
) -> Iterator[np.ndarray]:
    """Draws whole people, with replacement, and says how often each pair is then there.

    A person drawn twice brings their own pairs twice, and a pair of two people as often as both
    together were drawn (the vertex bootstrap; Bolle, Ratha, Pankanti 2004, "Error analysis of
    pattern recognition systems: the subsets bootstrap", has why pairs must not be drawn alone).

    Args:
        first, second: the people of each pair's two faces.
        draws: int >= 1.
        seed: int, of the drawing.

    Yields:
        float32 array, shape (pairs,), whole numbers >= 0.

    Raises:
        ValueError: if there is no pair, or the lengths differ.
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
    """95 % percentile bootstrap intervals of figures over pairs, drawing whole people.

    Args:
        figures: weights of the pairs, shape (pairs,) -> float array, shape (figures,); NaN where a
            draw left nothing to compute a figure from: such draws are left out of its interval.
        first, second, draws, seed: as for `pair_weights`.

    Returns:
        {"low", "high"} of each figure, floats, NaN where no draw gave it.

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
