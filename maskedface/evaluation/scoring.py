"""Embeddings compared: unit vectors, templates, what a cohort takes off, the threshold for a rate."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskedface.reprs import short_repr

_PAIRS = 65_536  # compared at a time: 64 MB at 128 numbers a face
_BLOCK = 4_096  # templates at a time: 31 MB of cosines to two thousand people
COHORT_ARRAYS = _PEOPLE, _NEAREST = "cohort", "cohort_nearest"


def normalized(embeddings: np.ndarray) -> np.ndarray:
    """Scales every embedding to length 1, so that a product of two is their cosine.

    Args:
        embeddings: float array, shape (faces, features).

    Returns:
        float32 array of the same shape. A row of zeros stays zeros: its cosine to anything is 0.

    Raises:
        ValueError: if the shape is another, or a value is not finite.

    >>> import numpy as np
    >>> from maskedface.evaluation.scoring import normalized
    >>> normalized(np.array([[3.0, 4.0], [0.0, 0.0]])).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    rows = np.asarray(embeddings, "float32")
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError(
            "embeddings must have shape (faces, features) and finite values. "
            f"Received: shape={rows.shape}, finite={bool(np.isfinite(rows).all())}"
        )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.where(lengths > 0, lengths, 1)
    return unit


def person_means(
    embeddings: np.ndarray, people: Sequence[str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """One unit vector a person: the mean of the unit embeddings of their faces, scaled to length 1.

    Args:
        embeddings: float array, shape (faces, features).
        people: the person of each face.

    Returns:
        (names, sorted; float32 array, shape (people, features), row by row the same person).

    Raises:
        ValueError: if there is no face, the lengths differ or a value is not finite.

    >>> import numpy as np
    >>> from maskedface.evaluation.scoring import person_means
    >>> names, means = person_means(np.eye(2), ["bo", "ada"])
    >>> names, means[0].tolist()
    (('ada', 'bo'), [0.0, 1.0])
    """
    unit = normalized(embeddings)
    if not len(unit) or len(unit) != len(people):
        raise ValueError(
            "embeddings and people must have the same length, at least 1. "
            f"Received: {len(unit)} embeddings, {len(people)} people"
        )
    names, person = np.unique(np.asarray([*map(str, people)], object), return_inverse=True)
    sums = np.zeros((len(names), unit.shape[1]), "float32")
    np.add.at(sums, person, unit)
    return tuple(names), normalized(sums)


def cosine_scores(embeddings: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cosines of pairs of faces.

    Args:
        embeddings: float array, shape (faces, features).
        first, second: int arrays, shape (pairs,): the rows of each pair's two faces.

    Returns:
        float32 array in [-1, 1], shape (pairs,).

    Raises:
        ValueError: if `first` and `second` differ in shape, or as `normalized`.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> faces = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> evaluation.cosine_scores(faces, np.array([0, 0]), np.array([1, 2])).tolist()
    [1.0, 0.0]
    """
    unit, first, second = normalized(embeddings), np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            "first and second must both have shape (pairs,). "
            f"Received: {first.shape} and {second.shape}"
        )
    scores = np.empty(len(first), "float32")
    for start in range(0, len(first), _PAIRS):
        part = slice(start, start + _PAIRS)
        scores[part] = np.einsum("ij,ij->i", unit[first[part]], unit[second[part]])
    return scores.clip(-1, 1)


@dataclass(frozen=True, eq=False)
class Cohort:
    """People who are not enrolled, and how many of the nearest count.

    Some faces are alike to everybody, those with covered mouths above all: they are the nearest of
    many probes that show others. What an enrolled person has in common with the nearest people of a cohort
    is taken off the cosine of each probe to them. Speaker recognition calls this Z-norm with a top-N cohort
    (Auckenthaler et al., "Score normalization for text-independent speaker verification systems", 2000;
    Matejka et al., "Analysis of score normalization in multilingual speaker recognition", 2017), here
    without the division by the standard deviation; word translation calls the same term the hubs' (CSLS,
    Conneau et al., "Word translation without parallel data", 2018).

    Args:
        people: float array, shape (people, features), at least two: the mean embedding of each; kept
            as float32, scaled to length 1.
        nearest: int >= 1, how many count; all but one where there are not so many.

    Raises:
        ValueError: if there are fewer than two people, a value is not finite or `nearest` is below 1.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> cohort = evaluation.Cohort(np.array([[1, 0], [0.8, 0.6], [0, 1]]), nearest=1)
    >>> cohort.offsets(np.array([[1, 0]], "float32")).round(1).tolist()  # the very nearest is left out
    [0.800000011920929]
    """

    people: np.ndarray
    nearest: int

    __repr__ = short_repr

    def __post_init__(self) -> None:
        object.__setattr__(self, "people", normalized(self.people))
        if len(self.people) < 2 or self.nearest < 1:
            raise ValueError(
                "a cohort must have at least two people, and nearest be at least 1. "
                f"Received: {len(self.people)} people, nearest={self.nearest}"
            )

    def offsets(self, templates: np.ndarray) -> np.ndarray:
        """What is taken off every score of each template: the mean cosine to the nearest people.

        The very nearest is left out, since it may be the same person, known to the network from training.

        Args:
            templates: float array, shape (templates, features), of unit length.

        Returns:
            float32 array in [-1, 1], shape (templates,).

        Raises:
            ValueError: if the features are not as many as the cohort's.
        """
        if templates.shape[1:] != self.people.shape[1:]:
            raise ValueError(
                f"templates must have {self.people.shape[1]} features, as the cohort has. "
                f"Received: shape {templates.shape}"
            )
        last = len(self.people) - 1 - min(self.nearest, len(self.people) - 1)
        found = np.empty(len(templates), "float32")
        for start in range(0, len(templates), _BLOCK):
            part = slice(start, start + _BLOCK)
            cosines = np.partition(templates[part] @ self.people.T, [last, -1], axis=1)
            found[part] = cosines[:, last:-1].mean(axis=1)
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """As arrays for a file, which `Cohort.among` finds again."""
        return {_PEOPLE: self.people, _NEAREST: np.array(self.nearest, "int64")}

    @classmethod
    def among(cls, arrays: Mapping[str, np.ndarray]) -> Cohort | None:
        """The cohort among a file's arrays, or None where there is none."""
        if _PEOPLE not in arrays:
            return None
        return cls(arrays[_PEOPLE], int(arrays[_NEAREST]))

    @classmethod
    def joined(cls, cohorts: Sequence[Cohort | None]) -> Cohort | None:
        """The cohort of joined embeddings, each of unit length.

        Args:
            cohorts: one of each embedding, of the same people in the same order.

        Returns:
            Theirs, person by person; None where one has none.

        Raises:
            ValueError: if they differ in people or in how many count.
        """
        known = [cohort for cohort in cohorts if cohort is not None]
        if len(known) < len(cohorts):
            return None
        kinds = {(len(cohort.people), cohort.nearest) for cohort in known}
        if len(kinds) != 1:
            raise ValueError(f"cohorts must be alike to be joined. Received: {sorted(kinds)}")
        return cls(np.hstack([cohort.people for cohort in known]), known[0].nearest)


@dataclass(frozen=True, eq=False)
class Templates:
    """What probes are compared with: one place for cosines and what a cohort takes off them.

    Evaluation, a gallery, its search and its thresholds all score by it.

    Args:
        vectors: float32 array, shape (templates, features), of unit length (`normalized`).
        cohort: whom each is compared with, or None for plain cosines.
        known_offsets: float32 array, shape (templates,): the cohort's, where they are known already.

    Raises:
        ValueError: from `offsets` and what uses it, as `Cohort.offsets`.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> ada_and_bo = evaluation.Templates(np.array([[1, 0], [0, 1]], "float32"))
    >>> ada_and_bo.scores(np.array([[0.6, 0.8]], "float32")).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    vectors: np.ndarray
    cohort: Cohort | None = None
    known_offsets: np.ndarray | None = None

    __repr__ = short_repr

    @functools.cached_property
    def offsets(self) -> np.ndarray | None:
        """float32 array, shape (templates,), taken off every score of each; None without a cohort."""
        if self.cohort is None or self.known_offsets is not None:
            return self.known_offsets
        return self.cohort.offsets(self.vectors) if len(self.vectors) else np.empty(0, "float32")

    def scores(self, probes: np.ndarray, rows: Any = slice(None)) -> np.ndarray:
        """The score of each probe to each template.

        Args:
            probes: float32 array, shape (probes, features) or (features,), of unit length.
            rows: a slice or int array, to which of the templates; by default to all.

        Returns:
            float32 array, shape (probes, templates) or (templates,): cosines in [-1, 1]; with a
            cohort, less `Cohort.offsets`, in [-2, 2].
        """
        return self._less_offsets(probes @ self.vectors[rows].T, rows)

    def only(self, rows: np.ndarray) -> Templates:
        """Some of them.

        Args:
            rows: int or bool array, which.
        """
        offsets = None if self.offsets is None else self.offsets[rows]
        return Templates(self.vectors[rows], self.cohort, offsets)

    def own_scores(self, probes: np.ndarray) -> np.ndarray:
        """The score of each probe to the template in the same row.

        Args:
            probes: float32 array, shape (templates, features), of unit length.

        Returns:
            float32 array, shape (templates,), as `scores`.
        """
        return self._less_offsets(np.einsum("ij,ij->i", probes, self.vectors), slice(None))

    def _less_offsets(self, cosines: np.ndarray, rows: Any) -> np.ndarray:
        cosines = cosines.clip(-1, 1)
        return cosines if self.offsets is None else cosines - self.offsets[rows]


def can_tell(rate: float, count: int) -> bool:
    """Whether so many scores can tell a rate: in [1 / count, 1], but for rounding.

    Args:
        rate: float.
        count: int >= 0.
    """
    return rate <= 1 and rate * count >= 1 - 1e-9


def threshold_at(scores: np.ndarray, rate: float) -> float:
    """The lowest threshold that accepts at most a share of scores; a score equal to it is accepted.

    Args:
        scores: float array, shape (n,): those of impostors, or the best of each unknown probe.
        rate: float in [1 / n, 1], the share that may be accepted.

    Returns:
        The threshold: at most floor(rate * n) of the scores are >= it, in float32.

    Raises:
        ValueError: if there is no score, or `rate` is below 1 / n or above 1: n scores cannot tell
            so small a rate.

    >>> import numpy as np
    >>> from maskedface.evaluation.scoring import threshold_at
    >>> scores = np.arange(10) / 10
    >>> (scores.astype("float32") >= threshold_at(scores, 0.2)).sum().item()
    2
    """
    scores = np.asarray(scores, "float32")
    if not can_tell(rate, len(scores)):
        raise ValueError(
            "a false-acceptance rate must be between 1 / scores and 1. "
            f"Received: {rate} for {len(scores)} scores"
        )
    allowed = int(rate * len(scores) + 1e-9)
    if allowed == len(scores):
        return float(scores.min())
    # The highest score that must be refused: the threshold is the next number above it.
    refused = np.partition(scores, len(scores) - allowed - 1)[len(scores) - allowed - 1]
    return float(np.nextafter(refused, np.float32(np.inf)))
