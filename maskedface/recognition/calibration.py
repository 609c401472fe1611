"""Calibrates a gallery's thresholds for stated false positive rates, and records how."""

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

_PAIRS = 1_000_000  # impostor pairs: a rate of 1e-5 is estimated from ten of them
_ROUNDING = np.float32(2e-6)  # float32 sums in another order
_BLOCK = 256  # probes per batch: 1 GB of scores with 1,000,000 people
_IDENTICAL = 1 - 1e-6  # cosine of one photograph embedded in batches of different sizes
_USUAL = 0.25  # quantile of genuine cosines: three of four genuine pairs reach it
_TOLD = 3  # people named in a warning


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Thresholds, and the data they were chosen on.

    Attributes:
        fpir: float in (0, 1], the false positive identification rate for which `identify` was
            chosen: at most this share of the probes of people who are not enrolled got a name.
        identify: float, a score (`Candidate.score`); the most similar person is named at or above
            it.
        far: float in (0, 1], the false accept rate for which `verify` was chosen.
        verify: float or None, a cosine similarity; two faces are the same person's at or above it.
            None if there were too few impostor pairs for this rate.
        probes: int, number of photographs it was chosen on; near-duplicates count once.
        people: int, number of people they show.
        gallery: int, number of people enrolled at the time; FPIR grows with it.
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
        """Returns a JSON-serializable dict; `Calibration(**values)` restores it."""
        return dataclasses.asdict(self)

    def expected_fpir(self, people: int) -> float:
        """Estimates the FPIR for another number of people enrolled, assuming that false matches
        with each person are equally likely and independent. The true rate may be higher.

        Args:
            people: int >= 0, number of people enrolled now.

        Returns:
            float in [0, 1].
        """
        return float(1 - (1 - self.fpir) ** (people / self.gallery))


def check_threshold(threshold: float | None, most: float) -> None:
    """Refuses a threshold that is not a possible score.

    Args:
        threshold: float or None.
        most: float, the highest possible score; the lowest is `-most`.

    Raises:
        ValueError: if it is not finite or not in [-most, most].
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
    """Chooses thresholds on probes whose correct answer is "unknown".

    A probe of an enrolled person is compared with everybody else, so the gallery's people can serve
    as strangers to each other. A photograph counts once, with the highest score of its copies, as
    copies do not make an estimate more precise. People at least half of whose photographs are as
    similar to another name as two photographs of one person are logged in a warning ("maskedface"):
    if they are enrolled twice, they raise the threshold for everybody.

    Args:
        enrolled: the people of the gallery.
        embeddings: float array, shape (probes, features); not of faces on which results are
            reported.
        people: the person in each probe.
        fpir: float in [1 / photographs, 1].
        far: float in (0, 1].
        source: str, where the probes came from.
        photos: the photograph of each probe, equal values for copies (`datasets.photo_groups`); by
            default probes with equal embeddings are copies.

    Returns:
        The `Calibration`.

    Raises:
        ValueError: if a rate is out of range, there are too few photographs for `fpir`, a probe has
            nobody to be compared with, or no face could reach the threshold, as a probe is a
            photograph of somebody enrolled under another name.
    """
    for name, rate in (("fpir", fpir), ("far", far)):
        if not 0 < rate <= 1:
            raise ValueError(f"{name} must be above 0 and at most 1. Received: {name}={rate}")
    unit, owners = normalized(embeddings), enrolled.owners
    if len(unit) != len(people) or len(enrolled.names) < 1 + bool({*people} & {*owners}):
        raise ValueError(
            "embeddings and people must have the same length, and each probe another enrolled "
            f"person to be compared with. Received: {len(unit)}, {len(people)} and "
            f"{len(enrolled.names)} enrolled"
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
            "a probe must not be a photograph of somebody enrolled under another name, or no face "
            f"can reach the threshold. Received: a photograph of {people[probe]!r} that is one of "
            f"{owners[nearest[probe]]!r}"
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
    """The number of each probe's photograph, starting at 0."""
    if photos is None:
        return linked(unit, _IDENTICAL)
    if len(photos) != len(unit):
        raise ValueError(
            f"photos must have one value per probe. Received: {len(photos)} for {len(unit)} probes"
        )
    number = {photo: n for n, photo in enumerate(dict.fromkeys(photos))}
    return np.array([number[photo] for photo in photos], int)


def _verify_threshold(impostors: np.ndarray, far: float) -> float | None:
    """The threshold for a FAR; None if there are too few pairs, or no cosine is high enough."""
    if len(impostors) * far < 1:
        return None
    threshold = threshold_at(impostors, far)
    return threshold if threshold <= 1 else None


def _warn_of_alike(people: Sequence[str], others: Sequence[str], alike: np.ndarray) -> None:
    """Warns of people at least half of whose photographs look like another enrolled person."""
    photos = Counter(people)
    found = Counter(
        (name, other) for name, other, is_so in zip(people, others, alike, strict=True) if is_so
    )
    pairs = [pair for pair, count in found.items() if count >= photos[pair[0]] / 2]
    if pairs:
        named = ", ".join(f"{shown(name)} like {shown(other)}" for name, other in pairs[:_TOLD])
        more = f" and {len(pairs) - _TOLD} more" if len(pairs) > _TOLD else ""
        logging.getLogger("maskedface").warning(
            "%d of %d people to calibrate on are as similar to somebody enrolled under another "
            "name as photographs of one person: %s%s. Duplicates raise the threshold for everybody",
            len(pairs),
            len(photos),
            named,
            more,
        )


def _best_of_others(
    enrolled: Enrolled, unit: np.ndarray, people: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """(the highest score of each probe with another person's rows, the index of that row)."""
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
    """(impostor cosines, genuine cosines) of pairs of probes: of all pairs, or of two million
    random ones with seed 0, and at most a million of each kind."""
    number = np.unique(np.asarray(people, object), return_inverse=True)[1]
    if len(unit) ** 2 <= 4 * _PAIRS:
        first, second = np.triu_indices(len(unit), 1)
    else:
        first, second = np.random.default_rng(0).integers(len(unit), size=(2, 2 * _PAIRS))
    is_same = number[first] == number[second]
    both = [np.flatnonzero(kind & (first != second))[:_PAIRS] for kind in (~is_same, is_same)]
    impostors, same = (cosine_scores(unit, first[kept], second[kept]) for kept in both)
    return impostors, same
