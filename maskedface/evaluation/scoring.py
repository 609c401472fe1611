"""Scores of embeddings: normalization, templates, cohort score normalization, thresholds."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskedface.reprs import short_repr

_PAIRS = 65_536  # pairs per batch: 64 MB with 128 features
_BLOCK = 4_096  # templates per batch: 31 MB of cosines to two thousand people
COHORT_ARRAYS = _PEOPLE, _NEAREST, _BY_PHOTOS = "cohort", "cohort_nearest", "cohort_by_photos"


def normalized(embeddings: np.ndarray) -> np.ndarray:
    """Scales every embedding to length 1, so that dot products are cosine similarities.

    Args:
        embeddings: float array, shape (faces, features).

    Returns:
        float32 array of the same shape. A zero row stays zero, and has cosine 0 to everything.

    Raises:
        ValueError: if the array is not two-dimensional, or a value is not finite.

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
    """One unit vector per person: the mean of their faces' unit embeddings, scaled to length 1.

    Args:
        embeddings: float array, shape (faces, features).
        people: the person of each face.

    Returns:
        (sorted names; float32 array, shape (people, features), in the same order).

    Raises:
        ValueError: if there are no faces, the lengths differ or a value is not finite.

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


def photo_keys(
    people: Sequence[object], photos: Sequence[str] | None = None
) -> list[tuple[Any, str | int]]:
    """The (person, photograph) of each face, equal for versions of one photograph.

    Args:
        people, photos: as for `photo_counts`.

    >>> from maskedface.evaluation.scoring import photo_keys
    >>> photo_keys(["ada", "ada", "bo"], ["one.jpg", "one.jpg", ""])
    [('ada', 'one.jpg'), ('ada', 'one.jpg'), ('bo', 2)]
    """
    names = [""] * len(people) if photos is None else photos
    pairs = zip(people, names, strict=True)
    return [(person, photo or row) for row, (person, photo) in enumerate(pairs)]


def photo_counts(people: Sequence[object], photos: Sequence[str] | None = None) -> dict[Any, int]:
    """How many photographs there are of each person.

    Args:
        people: the person of each face.
        photos: the photograph that each face was made from; "" or None = unknown, counted as a
            separate one.

    Returns:
        {person: number of photographs, at least 1}.

    >>> from maskedface.evaluation.scoring import photo_counts
    >>> sorted(photo_counts(["ada", "ada", "bo"], ["one.jpg", "one.jpg", "two.jpg"]).items())
    [('ada', 1), ('bo', 1)]
    """
    return Counter(person for person, _ in {*photo_keys(people, photos)})


def cosine_scores(embeddings: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cosine similarities of pairs of faces.

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
    """People for cohort score normalization.

    Some faces are similar to everybody, above all those with covered mouths: they are the nearest
    neighbor of many probes of other people (hubs). An enrolled person's mean cosine to the nearest
    people of the cohort, less what the cohort's people have among themselves (`typical`), is
    subtracted from each probe's cosine to them. In speaker recognition this is Z-norm with a top-N
    cohort (Auckenthaler et al., "Score normalization for text-independent speaker verification
    systems", 2000; Matejka et al., "Analysis of score normalization in multilingual speaker
    recognition", 2017), here without the division by the standard deviation; word translation uses
    the same term against hubs (CSLS, Conneau et al., "Word translation without parallel data",
    2018).

    What is subtracted is divided by the number of the person's photographs. A mean of many
    photographs is no hub by accident, and the full term costs accuracy there (our own rule,
    measured in docs/experiments.md).

    Args:
        people: float array, shape (people, features): the mean embeddings of at least two people
            who are not enrolled; stored as float32, scaled to length 1.
        nearest: int >= 1, number of nearest people to average over; at most all but one.
        by_photos: bool; False = the mean cosine itself is subtracted, whatever the number of
            photographs: the rule of runs and galleries that an earlier version wrote.

    Raises:
        ValueError: if there are fewer than two people, a value is not finite or `nearest` is below 1.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> cohort = evaluation.Cohort(np.array([[1, 0], [0.8, 0.6], [0, 1]]), nearest=1)
    >>> round(cohort.typical, 3)  # cosines 0.8, 0.8 and 0.6 to the nearest of the others
    0.733
    >>> ada = np.array([[1, 0]], "float32")  # 0.8, as the very nearest is left out
    >>> [round(float(cohort.offsets(ada, np.array([n]))[0]), 3) for n in (1, 2)]
    [0.067, 0.033]
    """

    people: np.ndarray
    nearest: int
    by_photos: bool = True

    __repr__ = short_repr

    def __post_init__(self) -> None:
        object.__setattr__(self, "people", normalized(self.people))
        if len(self.people) < 2 or self.nearest < 1:
            raise ValueError(
                "a cohort must have at least two people, and nearest must be at least 1. "
                f"Received: {len(self.people)} people, nearest={self.nearest}"
            )

    @property
    def typical(self) -> float:
        """The mean over the cohort's people of their mean cosine to the nearest others. It takes a
        second for 5,000 people, once in a process."""
        return _typical(self.people.tobytes(), self.people.shape[1], self.nearest)

    def offsets(self, templates: np.ndarray, photos: np.ndarray | None = None) -> np.ndarray:
        """The value to subtract from every score of each template: its mean cosine to the nearest
        people less `typical`, divided by its number of photographs.

        The very nearest is left out, as it may be the same person, whom the network knows from
        training.

        Args:
            templates: float array, shape (templates, features), of unit length.
            photos: int array, shape (templates,), each >= 1: the number of photographs behind each
                template; default: 1. Not used if `by_photos` is False.

        Returns:
            float32 array in [-1, 1], shape (templates,).

        Raises:
            ValueError: if the number of features is not the cohort's, or a number of photographs is
                below 1.
        """
        if photos is not None:
            photos = np.asarray(photos)
            if photos.shape != templates.shape[:1] or not (photos >= 1).all():
                raise ValueError(
                    "photos must have one number per template, each at least 1. "
                    f"Received: {photos.tolist()[:5]} for {len(templates)} templates"
                )
        found = self._nearness(templates)
        if not self.by_photos:
            return found
        less: np.ndarray = (found - np.float32(self.typical)).clip(-1, 1)
        return less if photos is None else less / photos.astype("float32")

    def _nearness(self, templates: np.ndarray) -> np.ndarray:
        """The mean cosine of each template to the nearest people but one."""
        if templates.shape[1:] != self.people.shape[1:]:
            raise ValueError(
                f"templates must have {self.people.shape[1]} features, like the cohort. "
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
        """The arrays to store in a file; `Cohort.among` restores them."""
        return {
            _PEOPLE: self.people,
            _NEAREST: np.array(self.nearest, "int64"),
            _BY_PHOTOS: np.array(self.by_photos),
        }

    @classmethod
    def among(cls, arrays: Mapping[str, np.ndarray]) -> Cohort | None:
        """The cohort in a file's arrays, or None."""
        if _PEOPLE not in arrays:
            return None
        # Runs of before have no such array, and keep their scores.
        return cls(arrays[_PEOPLE], int(arrays[_NEAREST]), bool(arrays.get(_BY_PHOTOS, False)))

    @classmethod
    def joined(cls, cohorts: Sequence[Cohort | None]) -> Cohort | None:
        """The cohort of joined embeddings, each of unit length.

        Args:
            cohorts: one per embedding, with the same people in the same order.

        Returns:
            The joined cohort; None if any is None.

        Raises:
            ValueError: if they differ in the number of people, in `nearest` or in `by_photos`.
        """
        known = [cohort for cohort in cohorts if cohort is not None]
        if len(known) < len(cohorts):
            return None
        kinds = {(len(cohort.people), cohort.nearest, cohort.by_photos) for cohort in known}
        if len(kinds) != 1:
            raise ValueError(
                "cohorts must have equal people, nearest and by_photos to be joined (by_photos is False "
                "in runs of an earlier version: train them again in a new folder). Received: "
                f"{sorted(kinds)}"
            )
        people = np.hstack([cohort.people for cohort in known])
        return cls(people, known[0].nearest, known[0].by_photos)


@functools.lru_cache(maxsize=4)  # quadratic in the people; galleries of one run share it
def _typical(people: bytes, features: int, nearest: int) -> float:
    rows = np.frombuffer(people, "float32").reshape(-1, features)
    return float(Cohort(rows, nearest)._nearness(rows).mean(dtype="float64"))


@dataclass(frozen=True, eq=False)
class Templates:
    """The vectors that probes are compared with: cosine similarities with cohort score
    normalization.

    Evaluation, galleries, search and calibration all compute scores with it.

    Args:
        vectors: float32 array, shape (templates, features), of unit length (`normalized`).
        cohort: the cohort for score normalization, or None for plain cosine similarities.
        known_offsets: float32 array, shape (templates,): the cohort's offsets, if already computed.
        photos: as for `Cohort.offsets`.

    Raises:
        ValueError: as `Cohort.offsets`, when the offsets are computed.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> ada_and_bo = evaluation.Templates(np.array([[1, 0], [0, 1]], "float32"))
    >>> ada_and_bo.scores(np.array([[0.6, 0.8]], "float32")).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    vectors: np.ndarray
    cohort: Cohort | None = None
    known_offsets: np.ndarray | None = None
    photos: np.ndarray | None = None

    __repr__ = short_repr

    @functools.cached_property
    def offsets(self) -> np.ndarray | None:
        """float32 array, shape (templates,), subtracted from each template's scores; None without a
        cohort."""
        if self.cohort is None or self.known_offsets is not None:
            return self.known_offsets
        if not len(self.vectors):
            return np.empty(0, "float32")
        return self.cohort.offsets(self.vectors, self.photos)

    def scores(self, probes: np.ndarray, rows: Any = slice(None)) -> np.ndarray:
        """The score of each probe with each template.

        Args:
            probes: float32 array, shape (probes, features) or (features,), of unit length.
            rows: a slice or int array that selects templates; default: all.

        Returns:
            float32 array, shape (probes, templates) or (templates,): cosine similarities in
            [-1, 1]; with a cohort minus `Cohort.offsets`, in [-2, 2].
        """
        return self._less_offsets(probes @ self.vectors[rows].T, rows)

    def only(self, rows: np.ndarray) -> Templates:
        """Selects some of the templates.

        Args:
            rows: int or bool array.
        """
        offsets = None if self.offsets is None else self.offsets[rows]
        return Templates(self.vectors[rows], self.cohort, offsets)

    def own_scores(self, probes: np.ndarray) -> np.ndarray:
        """The score of each probe with the template in the same row.

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
    """Whether a rate can be measured with `count` scores: whether it is in [1 / count, 1], up to
    rounding.

    Args:
        rate: float.
        count: int >= 0.
    """
    return rate <= 1 and rate * count >= 1 - 1e-9


def threshold_at(scores: np.ndarray, rate: float) -> float:
    """The lowest threshold that accepts at most a given share of scores; equal scores are accepted.

    Args:
        scores: float array, shape (n,): impostor scores, or the highest score of each unknown
            probe.
        rate: float in [1 / n, 1], the share that may be accepted.

    Returns:
        The threshold: at most floor(rate * n) of the scores are >= it, in float32.

    Raises:
        ValueError: if there are no scores, or `rate` is above 1 or below 1 / n, the lowest rate
            that n scores can measure.

    >>> import numpy as np
    >>> from maskedface.evaluation.scoring import threshold_at
    >>> scores = np.arange(10) / 10
    >>> (scores.astype("float32") >= threshold_at(scores, 0.2)).sum().item()
    2
    """
    scores = np.asarray(scores, "float32")
    if not can_tell(rate, len(scores)):
        raise ValueError(
            "a false accept rate must be between 1 / scores and 1. "
            f"Received: {rate} for {len(scores)} scores"
        )
    allowed = int(rate * len(scores) + 1e-9)
    if allowed == len(scores):
        return float(scores.min())
    # The highest score to reject: the threshold is the next float above it.
    refused = np.partition(scores, len(scores) - allowed - 1)[len(scores) - allowed - 1]
    return float(np.nextafter(refused, np.float32(np.inf)))
