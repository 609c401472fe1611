"""Selects pairs of faces to compare without a protocol file: all, or a random sample."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

LIMIT = 1_000_000  # impostor pairs: a FAR of 1e-4 is estimated from a hundred of them


def draw_pairs(
    people: Sequence[str],
    domains: Sequence[str],
    photos: Sequence[str] | None = None,
    *,
    kinds: tuple[str, str] = ("masked", "unmasked"),
    limit: int = LIMIT,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All genuine pairs of two domains, and all impostor pairs or a random sample of `limit`.

    Args:
        people, domains: each face's person and "masked" or "unmasked".
        photos: the photograph that each face was made from. Genuine pairs from one photograph are
            left out, as the photograph gives them away. None means unknown; nothing is left out.
        kinds: the domains of the first and of the second face, each "masked" or "unmasked".
        limit: int >= 1, the maximum number of impostor pairs.
        seed: int, the random seed.

    Returns:
        (first, second, same): int64 arrays with the rows of the pairs' faces, and a bool array,
        whether they show the same person, each of shape (pairs,); no pair occurs twice or in both
        orders.

    Raises:
        ValueError: if lengths differ, a photo is "", `limit` is below 1, or there is no genuine or
            no impostor pair.

    >>> from maskedface import evaluation
    >>> first, second, same = evaluation.draw_pairs(
    ...     ["Ada", "Bo", "Ada"], ["unmasked", "unmasked", "masked"]
    ... )
    >>> first.tolist(), second.tolist(), same.tolist()
    ([2, 2], [0, 1], [True, False])
    """
    names, domain = np.asarray(people, object), np.asarray(domains, "U")
    photo = np.asarray(
        [str(row) for row in range(len(names))] if photos is None else photos, object
    )
    if len({len(names), len(domain), len(photo)}) != 1 or "" in photo or limit < 1:
        raise ValueError(
            "people, domains and photos must have the same length, no photo may be '', and limit "
            f"must be at least 1. Received: {len(names)}, {len(domain)}, {len(photo)}, "
            f"limit={limit}"
        )
    rows, columns = np.flatnonzero(domain == kinds[0]), np.flatnonzero(domain == kinds[1])
    genuine = _genuine(rows, columns, names, photo)
    impostor = _impostors(rows, columns, names, limit, np.random.default_rng(seed))
    if not len(genuine) or not len(impostor):
        raise ValueError(
            f"there must be genuine and impostor pairs of {kinds}. "
            f"Received: {len(genuine)} and {len(impostor)}"
        )
    pairs = np.concatenate([genuine, impostor])
    same = np.arange(len(pairs)) < len(genuine)
    return pairs[:, 0], pairs[:, 1], same


def _genuine(
    rows: np.ndarray, columns: np.ndarray, people: np.ndarray, photos: np.ndarray
) -> np.ndarray:
    partners = defaultdict(list)
    for column in columns:
        partners[people[column]].append(column)
    ordered = not np.array_equal(rows, columns)
    found = [
        (row, column)
        for row in rows
        for column in partners[people[row]]
        if photos[row] != photos[column] and (ordered or row < column)
    ]
    return np.array(found, "int64").reshape(-1, 2)


def _impostors(
    rows: np.ndarray, columns: np.ndarray, people: np.ndarray, limit: int, rng: np.random.Generator
) -> np.ndarray:
    total, width = len(rows) * len(columns), max(1, len(columns))
    # Sampling from few pairs would repeat them: list all instead.
    listed = total <= 4 * limit
    flat = np.arange(total) if listed else np.unique(rng.integers(total, size=3 * limit))
    pairs = np.stack([rows[flat // width], columns[flat % width]], axis=1)
    kept = people[pairs[:, 0]] != people[pairs[:, 1]]
    if np.array_equal(rows, columns):
        kept &= pairs[:, 0] < pairs[:, 1]
    pairs = pairs[kept]
    if len(pairs) > limit:
        pairs = pairs[np.sort(rng.choice(len(pairs), limit, replace=False))]
    return np.asarray(pairs)
