"""Compares models on a list of pairs, and on all pairs of its faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from maskedface.evaluation.embedded_faces import EmbeddedFaces
from maskedface.evaluation.pair_drawing import draw_pairs
from maskedface.evaluation.scoring import cosine_scores
from maskedface.evaluation.verification import tar_difference, verification_report

KINDS = (("masked", "unmasked"), ("masked", "masked"))
FAR = 0.01  # false accept rate at which models are compared over all pairs


class _Pairs(Protocol):
    """A `datasets.PairList`."""

    @property
    def first(self) -> np.ndarray: ...
    @property
    def second(self) -> np.ndarray: ...
    @property
    def same(self) -> np.ndarray: ...
    @property
    def folds(self) -> np.ndarray: ...


def pair_list_reports(
    models: Mapping[str, EmbeddedFaces], pairs: _Pairs, *, baseline: str
) -> dict[str, dict[str, Any]]:
    """Scores models on a list of pairs. If its images are of both domains, it also scores all pairs
    of its images, masked-unmasked and masked-masked, at a FAR of 0.01 (with at most 1,000,000
    impostor pairs, a random sample; see `draw_pairs`).

    Args:
        models: {name: the list's faces}, with the same faces in the same order for all models.
        pairs: the result of `datasets.read_pairs`.
        baseline: the model that the others are compared with over all pairs.

    Returns:
        {name: {"kinds": {"all", and by the domains of its pairs "masked-unmasked", ...:
        `verification_report`}, "every_pair": {"masked-unmasked", "masked-masked": the same, with
        "difference", as `tar_difference` and "against", for every model but the baseline}}};
        {"skipped": reason} instead of a report; "every_pair" is {} without both domains.

    >>> import types
    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> from maskedface.evaluation.pair_lists import pair_list_reports
    >>> people, domains = ["Ada", "Ada", "Bo", "Bo"], ["masked"] * 4
    >>> faces = evaluation.EmbeddedFaces(np.eye(4)[[0, 0, 1, 1]], people, domains)
    >>> one, two = np.array([0, 2, 0, 1]), np.array([1, 3, 2, 3])
    >>> same, folds = np.array([True, True, False, False]), np.array([0, 1, 0, 1])
    >>> pairs = types.SimpleNamespace(first=one, second=two, same=same, folds=folds)
    >>> report = pair_list_reports({"tiny": faces}, pairs, baseline="tiny")["tiny"]
    >>> report["kinds"]["all"]["accuracy"]["value"], report["every_pair"]
    (1.0, {})
    """
    faces = models[baseline]
    domains = np.array(faces.domains)
    both = np.sort(np.stack([domains[pairs.first], domains[pairs.second]]), axis=0)
    kinds = np.array(["-".join(pair) for pair in both.T])
    reports: dict[str, dict[str, Any]] = {name: {"kinds": {}, "every_pair": {}} for name in models}
    for kind in ("all", *sorted(set(kinds))):
        rows = np.full(len(kinds), True) if kind == "all" else kinds == kind
        sides = pairs.first[rows], pairs.second[rows], pairs.same[rows]
        folds = pairs.folds if kind == "all" else None
        for name, report in _reports(models, *sides, folds=folds).items():
            reports[name]["kinds"][kind] = report
    if set(faces.domains) == {"masked", "unmasked"}:
        for pair in KINDS:
            for name, report in _every_pair(models, pair, baseline).items():
                reports[name]["every_pair"]["-".join(pair)] = report
    return reports


def _reports(
    models: Mapping[str, EmbeddedFaces],
    first: np.ndarray,
    second: np.ndarray,
    same: np.ndarray,
    **words: Any,
) -> dict[str, dict[str, Any]]:
    if same.all() or not same.any():
        return {name: {"skipped": f"{len(same)} pairs, all of one kind"} for name in models}
    return {
        name: verification_report(
            cosine_scores(faces.embeddings, first, second),
            same,
            _people(faces, first, second),
            **words,
        )
        for name, faces in models.items()
    }


def _every_pair(
    models: Mapping[str, EmbeddedFaces], kinds: tuple[str, str], baseline: str
) -> dict[str, dict[str, Any]]:
    base = models[baseline]
    try:
        first, second, same = draw_pairs(base.people, base.domains, kinds=kinds)
    except ValueError as error:
        return {name: {"skipped": str(error)} for name in models}
    found = _reports(models, first, second, same, fars=(FAR,))
    for name, report in found.items():
        if name == baseline or FAR not in report["tar_at_far"]:
            continue
        ours, theirs = (
            cosine_scores(models[one].embeddings, first, second) for one in (name, baseline)
        )
        shift = tar_difference(ours, theirs, same, _people(base, first, second), far=FAR)
        report["difference"] = {"against": baseline, **shift}
    return found


def _people(
    faces: EmbeddedFaces, first: np.ndarray, second: np.ndarray
) -> tuple[list[str], list[str]]:
    return [faces.people[row] for row in first], [faces.people[row] for row in second]
