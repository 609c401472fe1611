"""Every pair of a list's faces, not only those it names: masked with unmasked, masked with masked."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskedface import evaluation
from maskedface.datasets import FaceIndex
from maskedface.evaluation.verification import tar_difference

KINDS = (("masked", "unmasked"), ("masked", "masked"))
FAR = 0.01


def score_every_pair(
    embedded: dict[str, np.ndarray], index: FaceIndex, baseline: str
) -> dict[str, dict[str, Any]]:
    """TAR at a FAR of .01 over all pairs of different images (of more than 1,000,000 impostor pairs so many
    by chance, `evaluation.draw_pairs`), and the paired difference to one of the models.

    Args:
        embedded: {model: float array, shape (images, features)}.
        index: the images.
        baseline: the model that the others are compared with.

    Returns:
        {model: {"masked-unmasked": `evaluation.verification_report`, with "difference", as
        `tar_difference` and "against", of every model but the baseline; "masked-masked": the
        same}}; {"skipped": why} in place of a report; nothing without masked and unmasked images.
    """
    people = [face.person for face in index.faces]
    domains = [face.domain for face in index.faces]
    found: dict[str, dict[str, Any]] = {name: {} for name in embedded}
    if set(domains) != {"masked", "unmasked"}:
        return found
    for kinds in KINDS:
        kind = "-".join(kinds)
        try:
            first, second, same = evaluation.draw_pairs(people, domains, kinds=kinds)
        except ValueError as error:
            for reports in found.values():
                reports[kind] = {"skipped": str(error)}
            continue
        both = [people[row] for row in first], [people[row] for row in second]
        scores = {
            name: evaluation.cosine_scores(embeddings, first, second)
            for name, embeddings in embedded.items()
        }
        for name, own in scores.items():
            report = evaluation.verification_report(own, same, both, fars=(FAR,))
            if name != baseline and FAR in report["tar_at_far"]:
                shift = tar_difference(own, scores[baseline], same, both, far=FAR)
                report["difference"] = {"against": baseline, **shift}
            found[name][kind] = report
    return found


def differences(every: dict[str, dict[str, Any]]) -> list[str]:
    """A line for each difference of `score_every_pair`."""
    return [
        f"{name} less {shift['against']}, TAR at FAR {FAR:g} of every {kind} pair: "
        f"{shift['difference']:+.3f} [{shift['low']:+.3f}, {shift['high']:+.3f}]"
        for name, kinds in every.items()
        for kind, report in kinds.items()
        for shift in [report.get("difference")]
        if shift
    ]
