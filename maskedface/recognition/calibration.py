"""The thresholds of a gallery: chosen for a stated rate of false positives, and kept with how."""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskedface.datasets.photo_groups import linked
from maskedface.evaluation.scoring import cosine_scores, normalized, threshold_at
from maskedface.names import shown
from maskedface.recognition.enrolled import Enrolled

_PAIRS = 1_000_000  # impostor pairs: tells a rate of 1e-5 by ten of them
_ROUNDING = np.float32(2e-6)  # a search adds the same numbers in another order
_BLOCK = 256  # probes compared at a time: a GB of scores with 1,000,000 people
_IDENTICAL = 1 - 1e-6  # the cosine of one photograph embedded twice, in batches of other sizes
_USUAL = 0.25  # quantile of genuine cosines: three of four photographs of somebody reach it
_TOLD = 3  # people named in a warning


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
        probes: int, photographs it was chosen from; near-identical ones count once.
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

    def to_dict(self) -> dict[str, Any]:
        """As plain values, which `Calibration(**values)` takes back."""
        return dataclasses.asdict(self)

    def expected_fpir(self, people: int) -> float:
        """About what `fpir` has become with another number of people enrolled: as if each were as easily
        mistaken for a stranger as those were, independently. Measured rates may be higher.

        Args:
            people: int >= 0, enrolled now.

        Returns:
            float in [0, 1].
        """
        return float(1 - (1 - self.fpir) ** (people / self.gallery))


def check_threshold(threshold: float | None, most: float) -> None:
    """Refuses a threshold that is no score.

    Args:
        threshold: float or None.
        most: float, the highest score there is; the lowest is `-most`.

    Raises:
        ValueError: if it is not finite, or out of [-most, most].
    """
    if threshold is not None and not -most <= threshold <= most:
        raise ValueError(
            f"threshold must be in [{-most:g}, {most:g}]. Received: threshold={threshold}"
        )


def calibrate(
    enrolled: Enrolled,
    embeddings: np.ndarray,
    people: Sequence[str],
    *,
    fpir: float,
    far: float,
    source: str,
    photos: Sequence[object] | None = None,
) -> Calibration:
    """Chooses thresholds from probes whose right answer is "unknown".

    A probe of somebody enrolled is compared with everybody else, so people of the gallery can serve as
    strangers to each other. A photograph counts once, by the highest score of its copies: copies make no
    rate known any better. People who are like somebody of another name as two photographs of one person
    are, in half of their photographs or more, are named in a warning (`logging`, "maskedface"): one who is
    enrolled lifts the threshold for all.

    Args:
        enrolled: the people of the gallery.
        embeddings: float array, shape (probes, features); not those that figures are reported on.
        people: whom each probe shows.
        fpir: float in [1 / photographs, 1].
        far: float in (0, 1].
        source: str, where the probes came from.
        photos: of which photograph each probe is, equal values for copies (`datasets.photo_groups`);
            by default probes of equal embeddings are.

    Returns:
        The `Calibration`.

    Raises:
        ValueError: if a rate is none, there are too few photographs for `fpir`, nobody to compare a probe
            with, or the threshold could never be reached: a probe is somebody else's photograph.
    """
    for name, rate in (("fpir", fpir), ("far", far)):
        if not 0 < rate <= 1:
            raise ValueError(f"{name} must be above 0 and at most 1. Received: {name}={rate}")
    unit, owners = normalized(embeddings), enrolled.owners
    if len(unit) != len(people) or len(enrolled.names) < 1 + bool({*people} & {*owners}):
        raise ValueError(
            "embeddings and people must have the same length, and a probe somebody else to be "
            f"compared with. Received: {len(unit)}, {len(people)} and {len(enrolled.names)} enrolled"
        )
    photo = _photo_numbers(unit, photos)
    scores, nearest = _best_of_others(enrolled, unit, people)
    best = np.full(photo.max(initial=-1) + 1, -np.inf, "float32")
    np.maximum.at(best, photo, scores + _ROUNDING)
    identify = threshold_at(best, fpir)
    offsets = enrolled.templates.offsets
    offsets = np.zeros(len(owners), "float32") if offsets is None else offsets
    if identify > 1 - offsets.min():
        probe = int(scores.argmax())
        raise ValueError(
            "a probe must show somebody else than who is enrolled, or no threshold can be reached. "
            f"Received: a photograph of {people[probe]!r} that is one of {owners[nearest[probe]]!r}"
        )
    once = np.unique(photo, return_index=True)[1]
    impostors, same = _pairs(unit[once], [people[probe] for probe in once])
    level = np.concatenate([same, enrolled.genuine()])
    if len(level):
        alike = scores + offsets[nearest] >= np.quantile(level, _USUAL)
        _warn_of_alike(people, [owners[row] for row in nearest], alike)
    return Calibration(
        fpir=fpir,
        identify=identify,
        far=far,
        verify=_verify_threshold(impostors, far),
        probes=len(best),
        people=len(set(people)),
        gallery=len(enrolled.names),
        source=source,
    )


def _photo_numbers(unit: np.ndarray, photos: Sequence[object] | None) -> np.ndarray:
    """Of which photograph each probe is, from 0 on."""
    if photos is None:
        return linked(unit, _IDENTICAL)
    if len(photos) != len(unit):
        raise ValueError(
            f"photos must have one for each probe. Received: {len(photos)} for {len(unit)} probes"
        )
    number = {photo: n for n, photo in enumerate(dict.fromkeys(photos))}
    return np.array([number[photo] for photo in photos], int)


def _verify_threshold(impostors: np.ndarray, far: float) -> float | None:
    """The cosine for a rate; None where the pairs are too few for it, or no cosine is high enough."""
    if len(impostors) * far < 1:
        return None
    threshold = threshold_at(impostors, far)
    return threshold if threshold <= 1 else None


def _warn_of_alike(people: Sequence[str], others: Sequence[str], alike: np.ndarray) -> None:
    """Names those of whom half the photographs or more are like another person's own."""
    photos = Counter(people)
    found = Counter(
        (name, other) for name, other, is_so in zip(people, others, alike, strict=True) if is_so
    )
    pairs = [pair for pair, count in found.items() if count >= photos[pair[0]] / 2]
    if pairs:
        named = ", ".join(f"{shown(name)} like {shown(other)}" for name, other in pairs[:_TOLD])
        more = f" and {len(pairs) - _TOLD} more" if len(pairs) > _TOLD else ""
        logging.getLogger("maskedface").warning(
            "%d of %d people that thresholds are chosen on are like somebody enrolled under another name "
            "as photographs of one person are: %s%s. Who is both lifts the threshold for all",
            len(pairs),
            len(photos),
            named,
            more,
        )


def _best_of_others(
    enrolled: Enrolled, unit: np.ndarray, people: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """(each probe's highest score of somebody else's row, which row that is)."""
    asked = np.array([enrolled.numbers.get(name, -1) for name in people])
    best, nearest = np.empty(len(unit), "float32"), np.empty(len(unit), int)
    for start in range(0, len(unit), _BLOCK):
        part = slice(start, start + _BLOCK)
        scores = enrolled.templates.scores(unit[part])
        for line, own in zip(scores, asked[part], strict=True):
            if own >= 0:
                line[enrolled.person == own] = -np.inf
        best[part], nearest[part] = scores.max(axis=1), scores.argmax(axis=1)
    return best, nearest


def _pairs(unit: np.ndarray, people: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The cosines of pairs of different people's probes, and of one person's: of all pairs, or of two
    million drawn by seed 0 up to a million of each."""
    number = np.unique(np.asarray(people, object), return_inverse=True)[1]
    if len(unit) ** 2 <= 4 * _PAIRS:
        first, second = np.triu_indices(len(unit), 1)
    else:
        first, second = np.random.default_rng(0).integers(len(unit), size=(2, 2 * _PAIRS))
    is_same = number[first] == number[second]
    both = [np.flatnonzero(kind & (first != second))[:_PAIRS] for kind in (~is_same, is_same)]
    impostors, same = (cosine_scores(unit, first[kept], second[kept]) for kept in both)
    return impostors, same
