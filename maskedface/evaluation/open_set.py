"""The open-set protocol: thresholds from one set of people, results on another, over several
draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskedface.evaluation.bootstrap import spread
from maskedface.evaluation.embedded_faces import EmbeddedFaces
from maskedface.evaluation.identification import identification_report, threshold_at_fpir
from maskedface.evaluation.matching import Matches, match_probes
from maskedface.evaluation.pair_bootstrap import pair_intervals
from maskedface.evaluation.pair_drawing import draw_pairs
from maskedface.evaluation.scoring import can_tell, cosine_scores, threshold_at
from maskedface.reprs import Report

KINDS = (("masked", "unmasked"), ("masked", "masked"), ("unmasked", "unmasked"))
_IMPOSTORS = 200_000  # sampled pairs: a FAR of 1e-3 is estimated from two hundred of them
_BOOTSTRAPS = 500


def open_set_report(
    train: EmbeddedFaces,
    test: EmbeddedFaces,
    *,
    enrolled: int = 200,
    draws: int = 10,
    fpirs: Sequence[float] = (0.01, 0.1),
    fars: Sequence[float] = (1e-2, 1e-3),
) -> dict[str, Any]:
    """Evaluates a model with enrolled people and strangers.

    In draw d, seed d selects which test people with both domains are enrolled, each with the mean
    of their unmasked faces. The masked faces of all test people are the probes; those of people who
    are not enrolled are unknown. A probe is never compared with its own photograph
    (`own_photo="leave_out"`). The same number of training people is enrolled with the same seed,
    and thresholds are chosen on the probes of the other training people. TAR is over all test
    people's pairs, with genuine pairs from different photographs only, at thresholds from the
    training people's impostor pairs.

    Args:
        train, test: faces of different people, with known photographs; a cohort applies to rank-1
            and FNIR but not to pairs.
        enrolled: int >= 1, people enrolled per draw; fewer than the people with both domains in
            each part.
        draws: int >= 1, number of draws, with seeds 0, 1, 2, ...
        fpirs: floats in (0, 1], false positive identification rates to choose thresholds for.
        fars: floats in (0, 1], false accept rates to choose thresholds for.

    Returns:
        {"people", "enrolled", "draws": int; "masked" and "unmasked" (probes): {"rank_1": {"mean", "sd"},
        "rank_1_own_photo_kept" (masked probes only), "fnir": {fpir: {"mean", "sd", "fpir": the rate
        measured on the test people}}, "per_draw": [`identification_report`, ...]}; "pairs":
        {"masked-unmasked": {"genuine", "impostors": int; "at_far": {far: {"tar", "far": {"value", "low",
        "high"}, "threshold"}}}, ...}; "sd" is the standard deviation over draws, low and high a 95 %
        bootstrap interval over people.

    Raises:
        ValueError: if parts share people, photos are unknown, too few people have both domains, a rate is
            out of range or too low for the number of probes, `draws` is below 1, or as
            `Cohort.offsets`.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> rows = np.repeat(np.eye(4), 4, axis=0)  # four photographs of four people, by a faultless network
    >>> domains, photos = ["unmasked", "unmasked", "masked", "masked"] * 4, [*map(str, range(16))]
    >>> train, test = (
    ...     evaluation.EmbeddedFaces(rows, np.repeat([*names], 4), domains, photos)
    ...     for names in ("abcd", "efgh")
    ... )
    >>> report = evaluation.open_set_report(
    ...     train, test, enrolled=2, draws=2, fpirs=(0.5,), fars=(0.1,)
    ... )
    >>> report["masked"]["rank_1"]["mean"], report["masked"]["fnir"][0.5]["mean"]
    (1.0, 0.0)
    """
    check_open_set(train, test, enrolled=enrolled, draws=draws, fpirs=fpirs, fars=fars)
    candidates = [_in_both(part) for part in (train, test)]
    report: dict[str, Any] = {"people": len({*test.people}), "enrolled": enrolled, "draws": draws}
    for domain in ("masked", "unmasked"):
        report[domain] = _identification(train, test, candidates, domain, enrolled, draws, fpirs)
    report["pairs"] = {"-".join(kinds): _verification(train, test, kinds, fars) for kinds in KINDS}
    return Report(report)


def check_open_set(
    train: EmbeddedFaces,
    test: EmbeddedFaces,
    *,
    enrolled: int,
    draws: int,
    fpirs: Sequence[float],
    fars: Sequence[float],
) -> None:
    """Makes the checks of `open_set_report` before any face is embedded.

    Args:
        train, test: the faces; their embeddings may have no columns yet.
        enrolled, draws, fpirs, fars: as for `open_set_report`.

    Raises:
        ValueError: if parts share people, too few people have both domains, a rate is out of range
            or too low for the number of probes, or `draws` is below 1.
    """
    shared = {*train.people} & {*test.people}
    candidates = [_in_both(part) for part in (train, test)]
    if shared or min(map(len, candidates)) <= enrolled:
        raise ValueError(
            "train and test must have different people, and each more people with both domains "
            f"than enrolled. Received: {len(shared)} shared, {[*map(len, candidates)]} for "
            f"enrolled={enrolled}"
        )
    if min(draws, enrolled) < 1 or not all(0 < rate <= 1 for rate in (*fpirs, *fars)):
        raise ValueError(
            "draws and enrolled must be at least 1, and rates must be above 0 and at most 1. "
            f"Received: draws={draws}, enrolled={enrolled}, fpirs={fpirs}, fars={fars}"
        )
    for domain in ("masked", "unmasked"):
        faces = Counter(
            p for p, of in zip(train.people, train.domains, strict=True) if of == domain
        )
        unknown = [
            faces.total() - sum(faces[person] for person in _chosen(candidates[0], enrolled, seed))
            for seed in range(draws)
        ]
        if not can_tell(min(fpirs, default=1), min(unknown)):
            raise ValueError(
                f"fpirs must be at least 1 / {min(unknown)}, as training people who are not "
                f"enrolled have {min(unknown)} {domain} faces. Received: fpirs={fpirs}, "
                f"enrolled={enrolled}"
            )


def _chosen(names: Sequence[str], enrolled: int, seed: int) -> list[str]:
    chosen: list[str] = np.random.default_rng(seed).choice(names, enrolled, replace=False).tolist()
    return chosen


def _in_both(faces: EmbeddedFaces) -> list[str]:
    of = {"masked": set[str](), "unmasked": set[str]()}
    for person, domain in zip(faces.people, faces.domains, strict=True):
        of[domain].add(person)
    return sorted(of["masked"] & of["unmasked"])


def _identification(
    train: EmbeddedFaces,
    test: EmbeddedFaces,
    candidates: list[list[str]],
    domain: Any,
    enrolled: int,
    draws: int,
    fpirs: Sequence[float],
) -> dict[str, Any]:
    reports, kept = [], []
    for seed in range(draws):
        chosen = [_chosen(names, enrolled, seed) for names in candidates]
        thresholds = [threshold_at_fpir(_matches(train, chosen[0], domain), fpir) for fpir in fpirs]
        found = _matches(test, chosen[1], domain)
        reports.append(identification_report(found, ranks=(1,), thresholds=thresholds))
        if domain == "masked":
            kept.append(_matches(test, chosen[1], domain, "keep").hits().mean())
    figures: dict[str, Any] = {
        "rank_1": spread([report["rank"][1]["value"] for report in reports]),
        "fnir": {},
        "per_draw": reports,
    }
    if kept:
        figures["rank_1_own_photo_kept"] = spread(kept)
    for number, fpir in enumerate(fpirs):
        at = [report["open_set"][number] for report in reports]
        figures["fnir"][fpir] = spread([one["fnir"]["value"] for one in at]) | {
            "fpir": spread([one["fpir"]["value"] for one in at])
        }
    return figures


def _matches(
    faces: EmbeddedFaces, chosen: Sequence[str], domain: Any, own_photo: Any = "leave_out"
) -> Matches:
    return match_probes(faces, probes=domain, own_photo=own_photo, enrolled=chosen)


def _verification(
    train: EmbeddedFaces, test: EmbeddedFaces, kinds: tuple[str, str], fars: Sequence[float]
) -> dict[str, Any]:
    scores, same, _ = _scored(train, kinds)
    thresholds = [threshold_at(scores[~same], far) for far in fars]
    scores, same, people = _scored(test, kinds)
    accepted = [scores >= np.float32(threshold) for threshold in thresholds]

    def figures(weights: np.ndarray) -> np.ndarray:
        sums = [(weights[kind].sum(), kind) for kind in (same, ~same)]
        return np.array(
            [
                weights[kind] @ one[kind] / total if total else np.nan
                for one in accepted
                for total, kind in sums
            ]
        )

    values = figures(np.ones(len(scores), "float32"))
    bounds = pair_intervals(figures, *people, draws=_BOOTSTRAPS)
    told = [
        {"value": float(value), **interval} for value, interval in zip(values, bounds, strict=True)
    ]
    return {
        "genuine": int(same.sum()),
        "impostors": int((~same).sum()),
        "at_far": {
            far: {"tar": told[2 * row], "far": told[2 * row + 1], "threshold": thresholds[row]}
            for row, far in enumerate(fars)
        },
    }


def _scored(
    faces: EmbeddedFaces, kinds: tuple[str, str]
) -> tuple[np.ndarray, np.ndarray, tuple[list[str], list[str]]]:
    first, second, same = draw_pairs(
        faces.people, faces.domains, faces.photos, kinds=kinds, limit=_IMPOSTORS
    )
    people = [faces.people[row] for row in first], [faces.people[row] for row in second]
    return cosine_scores(faces.embeddings, first, second), same, people
