"""Cohort score normalization: scores relative to those of other people."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maskedface.evaluation.scoring import normalized
from maskedface.reprs import short_repr

_BLOCK = 4_096  # templates per batch: 31 MB of cosines to two thousand people
COHORT_ARRAYS = _PEOPLE, _NEAREST, _BY_PHOTOS = "cohort", "cohort_nearest", "cohort_by_photos"


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
