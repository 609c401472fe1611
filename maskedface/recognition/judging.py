"""What is said of two faces: by a threshold given, by a gallery's own, or else by a network's defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from maskedface.evaluation.false_matches import Condition, condition_of
from maskedface.masking import SEEMS_MASKED
from maskedface.recognition.default_rates import FAR, FPIR, UNLIKE, DefaultRates, Likelihood
from maskedface.recognition.remembered import WHOLE

if TYPE_CHECKING:
    from maskedface.recognition.faces import DetectedFace, EmbeddedFace
    from maskedface.recognition.gallery import Candidate, Gallery

ThresholdFrom = Literal["given", "gallery", "default", ""]
"""Where a threshold comes from: the caller, the gallery's calibration, the network's defaults, nowhere."""

_ROUNDING = 1e-6  # a cosine computed in another order


class Judged(NamedTuple):
    """What is said of a face and another, or somebody enrolled.

    Attributes:
        threshold: float, the score from which they are the same; None without one.
        threshold_from: a `ThresholdFrom`.
        likelihood: a `Likelihood`, or None where the network has no rates for these faces.
        false_positive_rate: float in (0, 1], of a gallery: at most this share of strangers looks as much
            like somebody enrolled; else None.
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
    calibrated: float | None,
) -> Judged:
    """What two faces' cosine means.

    Args:
        rates: the network's, or None.
        faces: the two.
        cosine: float in [-1, 1].
        given, calibrated: the caller's threshold, and the gallery's.

    Returns:
        A `Judged`.
    """
    conditions = [condition_of(*(face.masked >= SEEMS_MASKED for face in faces))]
    usable = None if any(face.aligned_by == WHOLE for face in faces) else rates
    likelihood = None if usable is None else usable.likelihood(cosine + _ROUNDING, conditions)
    if given is not None:
        return Judged(given, "given", likelihood)
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
    """What the score of the most alike person means.

    A default threshold keeps the false-positive identification rate by the mean cosine to the person's
    faces, which is no higher for strangers than that of a pair, and by counting everybody enrolled:
    1 - (1 - rate) ^ templates.

    Args:
        rates: the network's, or None.
        gallery: with somebody enrolled.
        face: the probe.
        candidate: of the gallery's search.
        given: the caller's threshold.

    Returns:
        A `Judged`.
    """
    calibration = gallery.calibration
    likelihood = false_positives = threshold = None
    # A template with drawn masks is no photograph's embedding: nothing was measured of those.
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
        return Judged(calibration.identify, "gallery", likelihood, false_positives)
    come_from: ThresholdFrom = "" if threshold is None else "default"
    return Judged(threshold, come_from, likelihood, false_positives)


def is_unlike(likelihood: Likelihood | None) -> bool:
    """Whether nearly all pairs of one person are more alike."""
    return likelihood is not None and likelihood.false_non_match_rate <= UNLIKE


def _conditions(masked: bool, enrolled_unmasked: bool) -> list[Condition]:
    """The condition of a probe and somebody enrolled; the two that it may be where they may wear a mask."""
    kinds = (False,) if enrolled_unmasked else (False, True)
    return [condition_of(masked, other) for other in kinds]
