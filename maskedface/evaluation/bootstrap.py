"""Confidence intervals over people: results for one person's faces are correlated, so whole people
are resampled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DRAWS = 10_000  # enough that the 2.5 % quantiles vary by less than 0.002 with 100 people


def bootstrap_interval(
    values: np.ndarray, people: Sequence[str], *, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float]:
    """A 95 % percentile bootstrap interval of the mean over faces, resampling whole people.

    Args:
        values: float array, shape (faces,): 1 for a recognized face and 0 for a missed one, or a
            mean over seeds in [0, 1], or a difference of two such values.
        people: the person of each face.
        draws: int >= 1, number of resamples.
        seed: int, random seed of the resampling.

    Returns:
        (low, high), in the unit of `values`.

    Raises:
        ValueError: if there are no faces, or the lengths differ.

    Example:
        >>> bootstrap_interval(np.array([1.0, 1.0, 0.0, 1.0]), ["ada", "ada", "bob", "eva"])
        (0.0, 1.0)
    """
    values = np.asarray(values, "float64")
    if not len(values) or len(values) != len(people):
        raise ValueError(
            "values and people must have the same length, at least 1. "
            f"Received: {len(values)} values, {len(people)} people"
        )
    _, person = np.unique(np.asarray([*map(str, people)], object), return_inverse=True)
    sums, counts = np.bincount(person, values), np.bincount(person)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=draws)
    means = (times @ sums) / (times @ counts)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def paired_difference(
    values: np.ndarray,
    baseline: np.ndarray,
    people: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, float]:
    """The paired difference between two recognizers on the same faces.

    Args:
        values, baseline: float arrays, shape (faces,), as for `bootstrap_interval`, in the same
            order of faces.
        people, draws, seed: as for `bootstrap_interval`.

    Returns:
        {"difference": mean, "low": 2.5 %, "high": 97.5 %}. The difference is significant if the
        interval excludes 0.

    Raises:
        ValueError: if the shapes differ or are empty.

    Example:
        >>> ours, theirs = np.array([1.0, 1.0, 1.0]), np.array([1.0, 0.0, 0.0])
        >>> paired_difference(ours, theirs, ["ada", "bob", "eva"])["difference"]
        0.6666666666666666
    """
    values, baseline = np.asarray(values, "float64"), np.asarray(baseline, "float64")
    if values.shape != baseline.shape:
        raise ValueError(
            "values and baseline must have the same shape. "
            f"Received: {values.shape} and {baseline.shape}"
        )
    low, high = bootstrap_interval(values - baseline, people, draws=draws, seed=seed)
    return {"difference": float((values - baseline).mean()), "low": low, "high": high}


def spread(values: Sequence[float]) -> dict[str, float]:
    """The mean and standard deviation ("sd") over seeds or draws; "sd" is 0 for a single value."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(np.mean(values)), "sd": sd}
