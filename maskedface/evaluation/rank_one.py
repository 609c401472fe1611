"""Rank-1 accuracy on unseen identities: masked probes in a gallery of unmasked faces."""

from __future__ import annotations

from typing import Any, Literal

from maskedface.evaluation.bootstrap import bootstrap_interval
from maskedface.evaluation.embedded_faces import EmbeddedFaces
from maskedface.evaluation.matching import Matches, OwnPhoto, match_probes
from maskedface.reprs import Report

Domain = Literal["masked", "unmasked"]

# The kinds of probes: their domain, and how their own photograph in the gallery is treated.
_KINDS: dict[str, tuple[Domain, OwnPhoto]] = {
    "masked": ("masked", "keep"),
    "masked_other_photo": ("masked", "skip"),
    "unmasked": ("unmasked", "leave_out"),
}


def rank_one_matches(faces: EmbeddedFaces) -> dict[str, Matches]:
    """Compares each kind of probes with a gallery of one mean of unmasked faces per person.

        Args:
            faces: the faces, with their templates and cohort.

        Returns:
            {"masked": all masked faces of people with an unmasked one; "masked_other_photo": those whose
            own photograph is not in the gallery; "unmasked": each unmasked face, compared with its
            person's other photographs}. The last two only if all photographs are known; kinds
            without probes are left out.

        Raises:
            ValueError: if there is no unmasked face, lengths differ, or as `Cohort.offsets`.

        >>> import numpy as np

    from maskedface.reprs import Report
        >>> from maskedface import evaluation
        >>> domains = ["unmasked", "unmasked", "masked"]
        >>> faces = evaluation.EmbeddedFaces(np.eye(2)[[0, 1, 0]], ["Ada", "Bo", "Ada"], domains)
        >>> evaluation.rank_one_matches(faces)["masked"].ranks()
        array([1])
    """
    known = faces.photos is not None and "" not in faces.photos
    found = {
        kind: match_probes(faces, probes=probes, own_photo=own_photo)
        for kind, (probes, own_photo) in _KINDS.items()
        if own_photo == "keep" or known
    }
    return {kind: matches for kind, matches in found.items() if len(matches.rows)}


def rank_one_report(faces: EmbeddedFaces) -> dict[str, dict[str, Any]]:
    """Rank-1 accuracy of each kind of probes.

    Args:
        faces: as for `rank_one_matches`.

    Returns:
        {kind: {"faces", "people", "gallery": int; "accuracy": rank-1, float in [0, 1];
        "accuracy_interval": [low, high] (95 %, bootstrap over people)}}.

    Raises:
        ValueError: as `rank_one_matches`.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> domains = ["unmasked", "unmasked", "masked"]
    >>> faces = evaluation.EmbeddedFaces(np.eye(2)[[0, 1, 0]], ["Ada", "Bo", "Ada"], domains)
    >>> report = evaluation.rank_one_report(faces)["masked"]
    >>> report["accuracy"], report["gallery"]
    (1.0, 2)
    """
    report = {}
    for kind, matches in rank_one_matches(faces).items():
        hits = matches.hits()
        report[kind] = {
            "faces": len(hits),
            "people": len(set(matches.known_people)),
            "gallery": len(matches.gallery),
            "accuracy": float(hits.mean()),
            "accuracy_interval": list(bootstrap_interval(hits, matches.known_people)),
        }
    return Report(report)
