"""Decides about two faces: by a given threshold, the gallery's, or the network's default one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from maskedface.evaluation.false_matches import Condition, condition_of
from maskedface.masking import SEEMS_MASKED
from maskedface.recognition.default_rates import FAR, FPIR, UNLIKE, DefaultRates, Likelihood
from maskedface.recognition.remembered import WHOLE

if TYPE_CHECKING:
    from maskedface.recognition.calibration import Calibration
    from maskedface.recognition.faces import DetectedFace, EmbeddedFace
    from maskedface.recognition.gallery import Candidate, Gallery

ThresholdFrom = Literal["given", "gallery", "default", ""]
"""The source of a threshold: the caller, the gallery's calibration, the network's defaults,
none."""

_ROUNDING = 1e-6  # a cosine computed in another order


class Judged(NamedTuple):
    """The decision about a face and another face or an enrolled person.

    Attributes:
        threshold: float, the lowest score of the same person, or None.
        threshold_from: a `ThresholdFrom`.
        likelihood: a `Likelihood`, or None if the network has no rates for these faces.
        false_positive_rate: float in (0, 1], for a gallery: upper bound of the share of strangers
            who look this much like somebody enrolled; else None.
    """

    threshold: float | None
    threshold_from: ThresholdFrom
    likelihood: Likelihood | None
    false_positive_rate: float | None = None


def judge_pair(
    rates: DefaultRates | None,
    faces: Sequence[DetectedFace],
    cosine: float,
    given: float | None,
    calibration: Calibration | None,
) -> Judged:
    """Decides about the cosine similarity of two faces.

    Args:
        rates: the network's error rates, or None.
        faces: the two faces.
        cosine: float in [-1, 1], their cosine similarity.
        given: the caller's threshold, or None.
        calibration: the gallery's thresholds, or None.

    Returns:
        A `Judged`.
    """
    conditions = [condition_of(*(face.masked >= SEEMS_MASKED for face in faces))]
    usable = None if any(face.aligned_by == WHOLE for face in faces) else rates
    likelihood = None if usable is None else usable.likelihood(cosine + _ROUNDING, conditions)
    if given is not None:
        return Judged(given, "given", likelihood)
    calibrated = None if calibration is None else calibration.for_pair(*map(is_masked, faces))
    if calibrated is not None:
        return Judged(calibrated, "gallery", likelihood)
    threshold = None if usable is None else usable.threshold(FAR, conditions)
    return Judged(threshold, "" if threshold is None else "default", likelihood)


def judge_candidate(
    rates: DefaultRates | None,
    gallery: Gallery,
    face: EmbeddedFace,
    candidate: Candidate,
    given: float | None,
) -> Judged:
    """Decides about the score of the most similar person.

    A default threshold bounds the false positive identification rate in two ways: it applies to the
    mean cosine to the person's faces, which is no higher for strangers than the cosine of a pair,
    and it accounts for everybody enrolled: 1 - (1 - rate) ^ templates.

    Args:
        rates: the network's error rates, or None.
        gallery: a gallery that is not empty.
        face: the probe.
        candidate: the first result of the gallery's search.
        given: the caller's threshold, or None.

    Returns:
        A `Judged`.
    """
    calibration = gallery.calibration
    likelihood = false_positives = threshold = None
    # Rates were measured on photographs' embeddings, not on templates with drawn masks.
    if rates is not None and not gallery.masks and face.aligned_by != WHOLE:
        found, templates = gallery.compared(candidate.person, face.embedding)
        conditions = _conditions(face.masked >= SEEMS_MASKED, found.is_unmasked)
        mean_cosine = found.cosine * found.length
        likelihood = rates.likelihood(mean_cosine + _ROUNDING, conditions)
        if likelihood is not None:
            false_positives = 1 - (1 - likelihood.false_match_rate) ** templates
        cosine = rates.threshold(1 - (1 - FPIR) ** (1 / templates), conditions)
        threshold = None if cosine is None else found.score(cosine - _ROUNDING)
    if given is not None:
        return Judged(given, "given", likelihood, false_positives)
    if calibration is not None:
        calibrated = calibration.for_probe(is_masked(face))
        return Judged(calibrated, "gallery", likelihood, false_positives)
    come_from: ThresholdFrom = "" if threshold is None else "default"
    return Judged(threshold, come_from, likelihood, false_positives)


def is_masked(face: DetectedFace) -> bool | None:
    """Whether a face seems masked; None if it is not known where in the photograph it is."""
    return None if face.aligned_by == WHOLE else face.masked >= SEEMS_MASKED


def is_unlike(likelihood: Likelihood | None) -> bool:
    """Whether nearly all genuine pairs are more similar."""
    return likelihood is not None and likelihood.false_non_match_rate <= UNLIKE


def _conditions(masked: bool, enrolled_unmasked: bool) -> list[Condition]:
    """The conditions that apply to a probe: one, or two if the enrolled face may be masked."""
    kinds = (False,) if enrolled_unmasked else (False, True)
    return [condition_of(masked, other) for other in kinds]
