"""The thresholds of a gallery: chosen for a stated rate of false positives, and kept with how."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskedface.evaluation import normalised, threshold_at

_PAIRS = 1_000_000  # impostor pairs: tells a rate of 1e-5 by ten of them
_ROUNDING = np.float32(2e-6)  # a search adds the same numbers in another order
_BLOCK = 256  # probes compared at a time: a GB of scores with 1,000,000 people


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Thresholds, and what they were chosen from.

    Attributes:
        fpir: float in (0, 1], the false-positive identification rate that `identify` was chosen for:
            at most this share of the probes of people nobody enrolled got a name.
        identify: float, a score (`Candidate.score`): from here on the most alike person is named.
        far: float in (0, 1], the false-acceptance rate that `verify` was chosen for.
        verify: float or None, a cosine: from here on two faces are one person's; None where the
            probes were too few pairs for this rate.
        probes: int, faces it was chosen from.
        people: int, the people they show.
        gallery: int, people enrolled at the time: more people are more to be mistaken for.
        source: str, where the probes came from.
    """

    fpir: float
    identify: float
    far: float
    verify: float | None
    probes: int
    people: int
    gallery: int
    source: str

    def to_json(self) -> dict[str, Any]:
        """As plain values, which `Calibration(**values)` takes back."""
        return dataclasses.asdict(self)


def calibrate(
    rows: np.ndarray,
    row_people: Sequence[str],
    embeddings: np.ndarray,
    people: Sequence[str],
    offsets: np.ndarray | None = None,
    *,
    fpir: float,
    far: float,
    source: str,
) -> Calibration:
    """Chooses thresholds from probes whose right answer is "unknown".

    A probe of somebody enrolled is compared with everybody else, so people of the gallery can serve as
    strangers to each other.

    Args:
        rows: float32 array, shape (rows, features), of unit length: the gallery.
        row_people: whose row each is.
        embeddings: float array, shape (probes, features); not those that figures are reported on.
        people: whom each probe shows.
        offsets: float32 array, shape (rows,), taken off the cosines to each row; by default nothing is.
        fpir: float in [1 / probes, 1].
        far: float in (0, 1].
        source: str, where the probes came from.

    Returns:
        The `Calibration`.

    Raises:
        ValueError: if there are too few probes for `fpir`, or nobody to compare a probe with.
    """
    unit = normalised(embeddings)
    if len(unit) != len(people) or len(set(row_people)) < 1 + bool({*people} & {*row_people}):
        raise ValueError(
            "embeddings and people must have the same length, and a probe somebody else to be "
            f"compared with. Received: {len(unit)}, {len(people)} and {len(set(row_people))} enrolled"
        )
    if offsets is None:
        offsets = np.zeros(len(rows), "float32")
    best = _best_of_others(rows, row_people, unit, people, offsets) + _ROUNDING
    pairs = _impostor_pairs(unit, people)
    return Calibration(
        fpir=fpir,
        identify=threshold_at(best, fpir),
        far=far,
        verify=threshold_at(pairs, far) if len(pairs) * far >= 1 else None,
        probes=len(unit),
        people=len(set(people)),
        gallery=len(set(row_people)),
        source=source,
    )


def _best_of_others(
    rows: np.ndarray,
    row_people: Sequence[str],
    unit: np.ndarray,
    people: Sequence[str],
    offsets: np.ndarray,
) -> np.ndarray:
    number = {name: n for n, name in enumerate(dict.fromkeys(row_people))}
    person = np.array([number[name] for name in row_people])
    asked = np.array([number.get(name, -1) for name in people])
    best = np.empty(len(unit), "float32")
    for start in range(0, len(unit), _BLOCK):
        part = slice(start, start + _BLOCK)
        scores = (unit[part] @ rows.T).clip(-1, 1) - offsets
        for line, own in zip(scores, asked[part], strict=True):
            if own >= 0:
                line[person == own] = -np.inf
        best[part] = scores.max(axis=1)
    return best


def _impostor_pairs(unit: np.ndarray, people: Sequence[str]) -> np.ndarray:
    """The cosines of pairs of different people's probes: all, or a million drawn by seed 0."""
    number = np.unique(np.asarray(people, object), return_inverse=True)[1]
    if len(unit) ** 2 <= 4 * _PAIRS:
        first, second = np.triu_indices(len(unit), 1)
    else:
        first, second = np.random.default_rng(0).integers(len(unit), size=(2, 2 * _PAIRS))
    kept = np.flatnonzero(number[first] != number[second])[:_PAIRS]
    scores = np.empty(len(kept), "float32")
    for start in range(0, len(kept), 65_536):
        part = kept[start : start + 65_536]
        scores[start : start + 65_536] = np.einsum("ij,ij->i", unit[first[part]], unit[second[part]])
    return scores.clip(-1, 1)
