"""The order of an epoch, as a pure function of (seed, epoch).

It does not depend on a generator's state, so a resumed run sees the same order as an uninterrupted
one, and a run with cached features the same as an ordinary one.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Sampling = Literal["in_order", "shuffled", "balanced", "grouped"]
# Rows of one class that are next to each other, so that any useful batch has several groups.
GROUP = 4
_ORDER, _BALANCE, _GROUP = 0, 2, 3  # keep the streams of one (seed, epoch) apart


def shuffled(count: int, seed: int, epoch: int) -> np.ndarray:
    """An epoch's order: each row once.

    Args:
        count: int, the number of rows.
        seed, epoch: int >= 0.

    Returns:
        int64 array, shape (count,), a permutation of 0 ... count - 1.
    """
    return np.random.default_rng([seed, epoch, _ORDER]).permutation(count)


def balanced(labels: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """An epoch's order with class-balanced sampling: class counts differ by at most one.

    Each class contributes an equal share of the rows: a small class repeats its rows (their counts
    differ by at most one), and a large class contributes a random subset.

    Args:
        labels: int array, shape (rows,), the class of each row.
        seed, epoch: int >= 0.

    Returns:
        int64 array, shape (rows,), row numbers in random order.
    """
    rng = np.random.default_rng([seed, epoch, _BALANCE])
    classes = rng.permutation(np.unique(labels))
    quotas = np.full(len(classes), len(labels) // len(classes))
    quotas[: len(labels) % len(classes)] += 1
    rows = []
    for label, quota in zip(classes, quotas, strict=True):
        members = rng.permutation(np.flatnonzero(labels == label))
        rows.append(np.resize(members, quota))
    return rng.permutation(np.concatenate(rows))


def grouped(labels: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """An epoch's order: each row once, in runs of up to `GROUP` rows of the same class.

    Args:
        labels: int array, shape (rows,), the class of each row.
        seed, epoch: int >= 0.

    Returns:
        int64 array, shape (rows,), a permutation; the groups, and the rows within each, are in
        random order.
    """
    rng = np.random.default_rng([seed, epoch, _GROUP])
    order = rng.permutation(len(labels))
    parts = np.stack([labels[order], _times_before(labels[order]) // GROUP])
    groups, group = np.unique(parts, axis=1, return_inverse=True)
    ranks = np.argsort(rng.permutation(groups.shape[1]))
    return order[np.argsort(ranks[group], kind="stable")]


def elements(rows: np.ndarray, count: int) -> np.ndarray:
    """Numbers the occurrences of repeated rows in an epoch, which get different random numbers.

    Args:
        rows: int array, shape (n,), row numbers.
        count: int, the number of rows.

    Returns:
        int64 array, shape (n,): row + count * number of earlier occurrences of the row.
    """
    found: np.ndarray = rows + count * _times_before(rows)
    return found


def plan(
    labels: np.ndarray, seed: int, epoch: int, *, sampling: Sampling = "shuffled"
) -> np.ndarray:
    """The rows of an epoch, in order.

    Args:
        labels: int array, shape (rows,), the class of each row.
        seed, epoch: int >= 0.
        sampling: "in_order", the order of the rows; "shuffled" (`shuffled`); "balanced"
            (`balanced`); or "grouped" (`grouped`).

    Returns:
        int64 array, shape (rows,), `elements` (element % rows is the row).
    """
    if sampling == "in_order":
        rows = np.arange(len(labels))
    elif sampling == "shuffled":
        rows = shuffled(len(labels), seed, epoch)
    else:
        rows = (balanced if sampling == "balanced" else grouped)(labels, seed, epoch)
    return elements(rows, len(labels))


def _times_before(values: np.ndarray) -> np.ndarray:
    """The number of earlier occurrences of each value."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-1))
    times = np.empty(len(values), "int64")
    times[order] = np.arange(len(values)) - np.repeat(starts, np.diff(starts, append=len(values)))
    return times
