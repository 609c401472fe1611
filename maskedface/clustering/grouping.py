"""Faces grouped into people by their embeddings alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from maskedface.evaluation.false_matches import CONDITIONS, Condition
from maskedface.evaluation.scoring import normalized

MOST_TOGETHER = 20_000
"""Faces that are clustered together at most: their pairs take 4.8 GB."""

# Of the groups nearest to a face so many are its cohort; the very nearest may be parts of the same person.
# Chosen on training people, by `tools/measure_clustering.py --set train` (docs/experiments.md).
_COHORT, _LEFT_OUT = 20, 3
_BLOCK = 2_048  # faces compared with all others at once
# Taken off the margin of two faces of one photograph: more than all other faces together can add.
_APART = 1e6


class Grouped(NamedTuple):
    """Faces grouped into people.

    Attributes:
        labels: int array, shape (faces,): the group of each, 0 the largest.
        nearest: for each group the most similar other group and the mean margin to it, float, below 0;
            None where no face of another group comes near.
    """

    labels: np.ndarray
    nearest: list[tuple[int, float] | None]


def group_faces(
    embeddings: np.ndarray,
    masked: np.ndarray,
    thresholds: Mapping[Condition, float],
    *,
    photos: Sequence[str] | None = None,
) -> Grouped:
    """Groups faces into people: agglomerative clustering with average linkage.

    Two groups become one person where their pairs of faces exceed the threshold in the mean. What
    a pair exceeds is the threshold of its own condition, so masked and unmasked faces of one
    person come together although their similarity is lower. Two faces of one photograph are never the
    same person.

    Some faces are similar to everybody, those with covered mouths above all. So the faces are grouped
    twice: of each face the mean similarity to the means of 20 groups near it (those of masked faces and of
    unmasked ones apart), as far as it differs from other faces', is taken off its pairs the second
    time. This is cohort score normalization with the photographs' own people as the cohort, much as
    `evaluation.Cohort` has it for galleries; with fewer than 23 groups nothing is taken off.

    Average linkage is what Otto et al. compare with ("Clustering Millions of Faces by Identity", IEEE TPAMI
    2018); the clustering is scikit-learn's `AgglomerativeClustering`.

    Args:
        embeddings: float array, shape (faces, features).
        masked: bool array, shape (faces,).
        thresholds: {condition: float in [-1, 1], the cosine from which two faces are one person's}, of all
            conditions that occur (`recognition.default_rates.DefaultRates.threshold`).
        photos: the photograph of each face; by default each has its own.

    Returns:
        A `Grouped`: the faces' groups, numbered from the largest, of equal ones from the first face.

    Raises:
        ValueError: if lengths differ, a value is not finite, a threshold is missing, or more than 20,000
            faces are connected by similar pairs.

    >>> import numpy as np
    >>> from maskedface import clustering
    >>> faces = np.array([[1, 0], [0.99, 0.1], [0, 1]])
    >>> thresholds = {"both unmasked": 0.9, "one masked": 0.8, "both masked": 0.85}
    >>> clustering.group_faces(faces, np.zeros(3, bool), thresholds).labels.tolist()
    [0, 0, 1]
    """
    unit, masked = normalized(embeddings), np.asarray(masked, bool)
    shown = np.arange(len(unit)) if photos is None else np.unique(photos, return_inverse=True)[1]
    if not len(unit) == len(masked) == len(shown):
        raise ValueError(
            "embeddings, masked and photos must have the same length. "
            f"Received: {len(unit)}, {len(masked)} and {len(shown)}"
        )
    nothing = np.zeros((2, len(unit)), "float32")
    pairs = _Pairs(unit, masked.astype(int), shown, _by_condition(thresholds, masked), nothing)
    pairs = pairs._replace(offsets=_offsets(pairs, _grouped(pairs)))
    labels = _by_size(_grouped(pairs))
    return Grouped(labels, _nearest(pairs, labels))


class _Pairs(NamedTuple):
    """What is known of all pairs of faces.

    Attributes:
        unit: float32 array, shape (faces, features), embeddings of unit length.
        masked: int array, shape (faces,), 0 or 1.
        photos: int array, shape (faces,).
        thresholds: float32 array, by the number of masked faces of a pair.
        offsets: float32 array, shape (2, faces): what is taken off each face's similarity to unmasked faces
            and to masked ones.
    """

    unit: np.ndarray
    masked: np.ndarray
    photos: np.ndarray
    thresholds: np.ndarray
    offsets: np.ndarray

    def margins(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """By how much each pair exceeds its threshold: float32 array, shape (rows, columns)."""
        cosines = self.unit[rows] @ self.unit[columns].T
        condition = self.masked[rows][:, None] + self.masked[columns]
        # Of each face what it has in common with faces like the other one.
        common = self.offsets[self.masked[columns]][:, rows].T
        common = common + self.offsets[self.masked[rows]][:, columns]
        margins = cosines - self.thresholds[condition] - common / 2
        margins[self.photos[rows][:, None] == self.photos[columns]] -= _APART
        found: np.ndarray = margins
        return found


def _by_condition(thresholds: Mapping[Condition, float], masked: np.ndarray) -> np.ndarray:
    """The thresholds by the number of masked faces of a pair."""
    unmasked, worn = int((~masked).sum()), int(masked.sum())
    occur = (unmasked > 1, unmasked > 0 < worn, worn > 1)
    for condition, occurs in zip(CONDITIONS, occur, strict=True):
        if occurs and thresholds.get(condition) is None:
            raise ValueError(
                f"thresholds must have {condition!r}: there are such pairs. Received: {dict(thresholds)}"
            )
    return np.array([thresholds.get(name) or 0.0 for name in CONDITIONS], "float32")


def _grouped(pairs: _Pairs) -> np.ndarray:
    """The group of each face, in no order."""
    labels, count = np.empty(len(pairs.unit), int), 0
    for rows in _connected(pairs):
        found = _average_linkage(pairs, rows)
        labels[rows] = found + count
        count += int(found.max()) + 1
    return labels


def _offsets(pairs: _Pairs, labels: np.ndarray) -> np.ndarray:
    """The offsets of `_Pairs` by the groups near each face."""
    found = np.zeros_like(pairs.offsets)
    for state in (0, 1):
        groups, of = np.unique(labels[pairs.masked == state], return_inverse=True)
        if len(groups) < _COHORT + _LEFT_OUT:
            continue
        sums = np.zeros((len(groups), pairs.unit.shape[1]))
        np.add.at(sums, of, pairs.unit[pairs.masked == state])
        means = normalized(sums)
        for start in range(0, len(labels), _BLOCK):
            part = slice(start, start + _BLOCK)
            cosines = pairs.unit[part] @ means.T
            cosines[labels[part][:, None] == groups] = -1.0
            near = -np.partition(-cosines, [_LEFT_OUT, _LEFT_OUT + _COHORT - 1], axis=1)
            found[state, part] = near[:, _LEFT_OUT : _LEFT_OUT + _COHORT].mean(axis=1)
        found[state] -= np.median(found[state])
    return found


def _connected(pairs: _Pairs) -> list[np.ndarray]:
    """The rows of faces that a chain of similar pairs connects: a group never reaches over two of them,
    since of two groups that exceed the threshold in the mean one pair does."""
    from scipy.sparse import csr_matrix, vstack
    from scipy.sparse.csgraph import connected_components

    every = np.arange(len(pairs.unit))
    if not len(every):
        return []
    near = vstack(
        [
            csr_matrix(pairs.margins(every[start : start + _BLOCK], every) >= 0)
            for start in range(0, len(every), _BLOCK)
        ]
    )
    _, of = connected_components(near, directed=False)
    order = np.argsort(of, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(of[order])) + 1)
    largest = max(map(len, parts))
    if largest > MOST_TOGETHER:
        raise ValueError(
            f"faces connected by similar pairs must be at most {MOST_TOGETHER}: ask for a lower rate of "
            f"false matches, or for fewer photographs at once. Received: {largest}"
        )
    return parts


def _average_linkage(pairs: _Pairs, rows: np.ndarray) -> np.ndarray:
    """The groups of connected faces: int array, shape (rows,), from 0 on."""
    if len(rows) == 1:
        return np.zeros(1, int)
    from sklearn.cluster import AgglomerativeClustering

    highest = 2.0  # the largest margin, of cosines: a distance must not be below 0
    distances = highest - pairs.margins(rows, rows).astype("float64")
    distances = np.maximum((distances + distances.T) / 2, 0)
    np.fill_diagonal(distances, 0.0)
    found: np.ndarray = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=highest
    ).fit_predict(distances)
    return found


def _by_size(labels: np.ndarray) -> np.ndarray:
    """The same groups numbered from the largest on."""
    if not len(labels):
        return labels
    _, first, old, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort((first, -sizes))
    number = np.empty(len(order), int)
    number[order] = np.arange(len(order))
    found: np.ndarray = number[old]
    return found


def _nearest(pairs: _Pairs, labels: np.ndarray) -> list[tuple[int, float] | None]:
    """Of each group the most similar other one, by the mean margin of their pairs; those of which
    all faces lie in the same photographs are different people."""
    order = np.argsort(labels, kind="stable")
    groups, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    found: list[tuple[int, float] | None] = []
    while len(found) < len(groups):
        first = len(found)  # whole groups, of a block of faces together
        last = int(np.searchsorted(starts, starts[first] + _BLOCK, "left"))
        rows = order[starts[first] : starts[first] + sizes[first:last].sum()]
        sums = np.add.reduceat(pairs.margins(rows, order), starts, axis=1)
        sums = np.add.reduceat(sums, starts[first:last] - starts[first], axis=0)
        means = sums / sizes / sizes[first:last, None]
        means[np.arange(last - first), np.arange(first, last)] = -np.inf
        best = means.argmax(axis=1)
        for row, other in enumerate(best.tolist()):
            mean = float(means[row, other])
            found.append((other, mean) if mean > -1.0 else None)  # else they share a photograph
    return found
