"""Other people whom everybody in a gallery is compared with, so that scores of different people compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maskedface.evaluation.scores import normalized

_BLOCK = 4_096  # templates at a time: 31 MB of cosines to two thousand people
COHORT_ARRAYS = _PEOPLE, _NEAREST = "cohort", "cohort_nearest"


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
    """

    people: np.ndarray
    nearest: int

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
