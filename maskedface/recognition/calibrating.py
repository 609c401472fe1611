"""Chooses a gallery's thresholds for stated false positive rates."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from maskedface.datasets.face_index import Domain
from maskedface.datasets.photo_groups import linked
from maskedface.evaluation.false_matches import CONDITIONS, Condition
from maskedface.evaluation.scoring import can_tell, cosine_scores, normalized, threshold_at
from maskedface.names import did_you_mean, shown
from maskedface.recognition.calibration import KINDS, Calibration, MaskedFrom, ProbeKind
from maskedface.recognition.enrolled import Enrolled

_PAIRS = 1_000_000  # impostor pairs: a rate of 1e-5 is estimated from ten of them
_ROUNDING = np.float32(2e-6)  # float32 sums in another order
_BLOCK = 256  # probes per batch: 1 GB of scores with 1,000,000 people
_IDENTICAL = 1 - 1e-6  # cosine of one photograph embedded in batches of different sizes
_USUAL = 0.25  # quantile of genuine cosines: three of four genuine pairs reach it
_TOLD = 3  # people named in a warning


def calibrate(
    enrolled: Enrolled,
    embeddings: np.ndarray,
    people: Sequence[str],
    *,
    fpir: float,
    far: float,
    source: str,
    photos: Sequence[object] | None = None,
    kinds: Sequence[ProbeKind] | None = None,
) -> Calibration:
    """Chooses thresholds on probes whose correct answer is "unknown".

    A probe of an enrolled person is compared with everybody else, so the gallery's people can serve
    as strangers to each other. A photograph counts once, with the highest score of its copies, as
    copies do not make an estimate more precise. People at least half of whose unmasked photographs
    are as similar to another name as two photographs of one person are logged in a warning
    ("maskedface"): if they are enrolled twice, they raise the threshold for everybody.

    Unmasked and masked probes have a threshold each. That of masked ones is chosen on worn masks if
    there are 1 / fpir photographs of them, else on drawn ones. With too few of both all probes
    together choose one threshold. With too few unmasked photographs their threshold is the higher
    of that and the masked one.

    Args:
        enrolled: the people of the gallery.
        embeddings: float array, shape (probes, features); not of faces on which results are
            reported.
        people: the person in each probe.
        fpir: float in [1 / photographs, 1].
        far: float in (0, 1].
        source: str, where the probes came from.
        photos: the photograph of each probe, equal values for copies (`datasets.photo_groups`) and
            for a photograph with and without a drawn mask; by default probes with equal embeddings
            are copies.
        kinds: what each probe wears, a `ProbeKind`; default: no mask.

    Returns:
        The `Calibration`.

    Raises:
        ValueError: if a rate is out of range, there are too few photographs for `fpir`, a probe has
            nobody to be compared with, `kinds` has another value, or no face could reach the
            threshold, as a probe is a photograph of somebody enrolled under another name.
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
    probes = _Probes(
        unit,
        np.unique(np.asarray(people, object), return_inverse=True)[1],
        _photo_numbers(unit, photos),
        _kinds(kinds, len(unit)),
    )
    scores, nearest = _best_of_others(enrolled, unit, people)
    identify, masked_from = _to_identify(probes, scores + _ROUNDING, fpir)
    offsets = enrolled.templates.offsets
    offsets = np.zeros(len(owners), "float32") if offsets is None else offsets
    if max(identify.values()) > 1 - offsets.min():
        probe = int(scores.argmax())
        raise ValueError(
            "a probe must not be a photograph of somebody enrolled under another name, or no face "
            f"can reach the threshold. Received: a photograph of {people[probe]!r} that is one of "
            f"{owners[nearest[probe]]!r}"
        )
    # Faces under a mask resemble each other in some networks.
    level = np.concatenate([probes.genuine(probes.rows("unmasked")), enrolled.genuine()])
    unmasked = np.flatnonzero(probes.kind == "unmasked")
    if len(level) and len(unmasked):
        alike = scores[unmasked] + offsets[nearest[unmasked]] >= np.quantile(level, _USUAL)
        others = [owners[row] for row in nearest[unmasked]]
        _warn_of_alike([people[row] for row in unmasked.tolist()], others, alike)
    return Calibration(
        fpir=fpir,
        identify=identify,
        far=far,
        verify=_to_verify(probes, masked_from, far),
        probes=len(probes.rows()),
        masked_from=masked_from,
        people=len(set(people)),
        gallery=len(enrolled.names),
        source=source,
    )


class _Probes(NamedTuple):
    """Probes to calibrate on: their unit embeddings, and the number of each one's person, that of
    its photograph, and its `ProbeKind`."""

    unit: np.ndarray
    person: np.ndarray
    photo: np.ndarray
    kind: np.ndarray

    def rows(self, kind: ProbeKind | None = None) -> np.ndarray:
        """The first probe of each photograph, of those of a kind or of all."""
        rows = np.arange(len(self.kind)) if kind is None else np.flatnonzero(self.kind == kind)
        return rows[np.unique(self.photo[rows], return_index=True)[1]]

    def highest(self, scores: np.ndarray, kind: ProbeKind | None = None) -> np.ndarray:
        """The highest of each photograph's scores, of those of a kind or of all."""
        rows = slice(None) if kind is None else self.kind == kind
        number = np.unique(self.photo[rows], return_inverse=True)[1]
        best = np.full(number.max(initial=-1) + 1, -np.inf, "float32")
        np.maximum.at(best, number, scores[rows])
        return best

    def impostors(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """The cosines of pairs of people, a row of `first` and one of `second` each."""
        return self._cosines(first, second, is_same=False)

    def genuine(self, rows: np.ndarray) -> np.ndarray:
        """The cosines of pairs of rows of one person."""
        return self._cosines(rows, rows, is_same=True)

    def _cosines(self, first: np.ndarray, second: np.ndarray, *, is_same: bool) -> np.ndarray:
        """Of all pairs, or of two million random ones with seed 0; at most about a million."""
        if len(first) * len(second) > 4 * _PAIRS:
            draw = np.random.default_rng(0).integers
            left, right = (draw(len(rows), size=2 * _PAIRS) for rows in (first, second))
        elif np.array_equal(first, second):
            left, right = np.triu_indices(len(first), 1)
        else:
            left, right = np.indices((len(first), len(second))).reshape(2, -1)
        left, right = first[left], second[right]
        is_wanted = (self.person[left] == self.person[right]) == is_same
        kept = np.flatnonzero(is_wanted & (left != right))
        kept = kept[:: -(-len(kept) // _PAIRS) or 1]
        return cosine_scores(self.unit, left[kept], right[kept])


def _to_identify(
    probes: _Probes, scores: np.ndarray, fpir: float
) -> tuple[dict[Domain, float], MaskedFrom]:
    """(`Calibration.identify`, `Calibration.masked_from`), from each probe's highest score."""
    together = threshold_at(probes.highest(scores), fpir)
    best = {kind: probes.highest(scores, kind) for kind in KINDS}
    found = {k: threshold_at(of, fpir) for k, of in best.items() if can_tell(fpir, len(of))}
    masked_from: Literal["masked", "drawn mask"] = "masked" if "masked" in found else "drawn mask"
    if masked_from not in found:
        return {"unmasked": together, "masked": together}, ""
    masked = found[masked_from]
    # Too few unmasked photographs: the higher of two, as neither is chosen on them.
    unmasked = found.get("unmasked", max(together, masked))
    return {"unmasked": unmasked, "masked": masked}, masked_from


def _to_verify(
    probes: _Probes, masked_from: MaskedFrom, far: float
) -> dict[Condition, float | None]:
    """`Calibration.verify`, from photographs of the same kinds as those of `_to_identify`; where
    these make too few pairs, from the pairs of all photographs."""
    every = probes.rows()
    together = _at_far(probes.impostors(every, every), far)
    if not masked_from:
        return dict.fromkeys(CONDITIONS, together)
    bare, masked = probes.rows("unmasked"), probes.rows(masked_from)

    def chosen(first: np.ndarray, second: np.ndarray) -> float | None:
        pairs = probes.impostors(first, second)
        return _at_far(pairs, far) if can_tell(far, len(pairs)) else together

    return {
        "both unmasked": chosen(bare, bare),
        "one masked": chosen(bare, masked),
        "both masked": chosen(masked, masked),
    }


def _at_far(impostors: np.ndarray, far: float) -> float | None:
    """The threshold for a FAR; None if there are too few pairs, or no cosine is high enough."""
    if not can_tell(far, len(impostors)):
        return None
    threshold = threshold_at(impostors, far)
    return threshold if threshold <= 1 else None


def _kinds(kinds: Sequence[ProbeKind] | None, count: int) -> np.ndarray:
    """The kind of each probe."""
    if kinds is None:
        return np.full(count, "unmasked")
    wrong = sorted({*map(str, kinds)} - {*KINDS})
    if wrong or len(kinds) != count:
        raise ValueError(
            f"kinds must have one of {KINDS} per probe. Received: {len(kinds)} for {count} probes, "
            f"{wrong}{did_you_mean(wrong[0], KINDS) if wrong else ''}"
        )
    return np.array(kinds)


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
            len({name for name, _ in pairs}),
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
