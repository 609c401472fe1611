"""Identification metrics (1:N): rank-k and CMC, and for open sets FPIR and FNIR."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskedface.evaluation.bootstrap import bootstrap_interval
from maskedface.evaluation.embedded_faces import EmbeddedFaces
from maskedface.evaluation.matching import Matches, match_probes
from maskedface.evaluation.scoring import threshold_at
from maskedface.reprs import Report


def cmc(matches: Matches, up_to: int = 20) -> np.ndarray:
    """The cumulative match characteristic.

    Args:
        matches: with at least one probe of an enrolled person.
        up_to: int >= 1, the last rank.

    Returns:
        float64 array, shape (up_to,): the share of enrolled people's probes whose own person is
        among the first 1, 2, ... up_to.

    Raises:
        ValueError: if `up_to` is below 1 or no probe is of an enrolled person.
    """
    ranks = matches.ranks()
    if up_to < 1 or not len(ranks):
        raise ValueError(
            "up_to must be at least 1, and a probe must be of an enrolled person. "
            f"Received: up_to={up_to}, {len(ranks)} probes of enrolled people"
        )
    return np.array([(ranks <= k).mean() for k in range(1, up_to + 1)])


def threshold_at_fpir(matches: Matches, fpir: float) -> float:
    """The lowest threshold with at most a given FPIR.

    Use other people than those results are reported on, with a gallery of the same size, as FPIR
    grows with the gallery.

    Args:
        matches: with at least 1 / fpir probes of people who are not enrolled.
        fpir: float in (0, 1], false positive identification rate: the share of these probes that
            may get a name.

    Returns:
        The threshold, a score of `Matches`; a score equal to it is accepted.

    Raises:
        ValueError: if there are too few unknown probes for this rate.
    """
    return threshold_at(matches.best_of_unknown(), fpir)


def identification_report(
    matches: Matches,
    *,
    ranks: Sequence[int] = (1, 5, 10),
    thresholds: Sequence[float] = (),
) -> dict[str, Any]:
    """Scores one kind of probes. Intervals are 95 % bootstrap intervals over people.

    FPIR and FNIR are defined as in NIST's FRVT (IR 8271, section 3.2) at rank 1: FPIR is the share
    of unknown people's probes whose best score is at or above the threshold; FNIR is the share of
    enrolled people's probes whose own person is not first, or is below the threshold.

    Args:
        matches: from `match_probes`, with at least one probe of an enrolled person.
        ranks: ints >= 1, the values of k for rank-k accuracy.
        thresholds: floats, scores at which FPIR and FNIR are reported. The intervals do not include
            the uncertainty of the thresholds.

    Returns:
        {"probes", "unknown_probes", "people", "gallery": int; "rank": {k: {"value", "low",
        "high"}}; "open_set": [{"threshold", "fpir", "fnir"}, ...]}, the last two as
        {"value", "low", "high"}, "fpir" is None if all probes are of enrolled people.

    Raises:
        ValueError: if no probe is of an enrolled person, or a rank is below 1.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> domains = ["unmasked", "unmasked", "masked"]
    >>> faces = evaluation.EmbeddedFaces(np.eye(2)[[0, 1, 0]], ["Ada", "Bo", "Ada"], domains)
    >>> report = evaluation.identification_report(evaluation.match_probes(faces), ranks=(1,))
    >>> report["rank"][1]["value"], report["gallery"]
    (1.0, 2)
    """
    if not matches.known.any():
        raise ValueError("at least one probe must be of an enrolled person. Received: none")
    known = matches.known_people
    return Report(
        {
            "probes": len(known),
            "unknown_probes": int((~matches.known).sum()),
            "people": len(set(known)),
            "gallery": len(matches.gallery),
            "rank": {k: _value(matches.hits(k), known) for k in ranks},
            "open_set": [_at_threshold(matches, float(threshold)) for threshold in thresholds],
        }
    )


def gallery_report(faces: EmbeddedFaces, is_enrolled: Sequence[bool]) -> dict[str, Any]:
    """Scores the faces of a published list of a gallery and probes, whatever their domains.

    Args:
        faces: gallery and probes.
        is_enrolled: one bool per face: whether it is in the gallery; the others are probes.

    Returns:
        The result of `identification_report`.

    Raises:
        ValueError: as `match_probes` and `identification_report`.
    """
    # `match_probes` compares "masked" with "unmasked"; here these mean probes and gallery.
    roles = ["unmasked" if one else "masked" for one in is_enrolled]
    return identification_report(match_probes(dataclasses.replace(faces, domains=roles)))


def _at_threshold(matches: Matches, threshold: float) -> dict[str, Any]:
    known = matches.known
    mine = matches.scores[known, matches.own[known]]
    missed = (matches.ranks() > 1) | (mine < np.float32(threshold))
    named = matches.best_of_unknown() >= np.float32(threshold)
    return {
        "threshold": threshold,
        "fpir": _value(named, matches.unknown_people) if len(named) else None,
        "fnir": _value(missed, matches.known_people),
    }


def _value(values: np.ndarray, people: Sequence[str]) -> dict[str, float]:
    low, high = bootstrap_interval(values, people)
    return {"value": float(np.mean(values)), "low": low, "high": high}
