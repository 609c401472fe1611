"""How well an embedding finds people it was not trained on: masked faces among bare ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from maskedface.evaluation.bootstrap import bootstrap_interval
from maskedface.evaluation.cohort import Cohort
from maskedface.evaluation.matching import Matches, OwnPhoto, match_probes

Domain = Literal["masked", "unmasked"]

# The kinds of probes: their domain, and what is done about their own photograph in the gallery.
_KINDS: dict[str, tuple[Domain, OwnPhoto]] = {
    "masked": ("masked", "keep"),
    "masked_other_photo": ("masked", "skip"),
    "unmasked": ("unmasked", "leave_out"),
}


def rank_one_matches(
    embeddings: np.ndarray,
    people: Sequence[str],
    domains: Sequence[str],
    photos: Sequence[str],
    cohort: Cohort | None = None,
    templates: np.ndarray | None = None,
) -> dict[str, Matches]:
    """Compares each kind of probes with a gallery of one mean of unmasked faces a person.

    Args:
        embeddings: float array, shape (faces, features).
        people, domains: each face's person and "masked" or "unmasked".
        photos: the photograph each face was made from; "" = unknown.
        cohort, templates: as for `match_probes`.

    Returns:
        {"masked": all masked faces of people with an unmasked one; "masked_other_photo": those whose
        own photograph is not in the gallery; "unmasked": each unmasked face against its person's other
        photographs}. The last two only where all photographs are known; a kind without probes is left
        out.

    Raises:
        ValueError: if there is no unmasked face, lengths differ, or as `Cohort.offsets`.
    """
    known = "" not in photos
    found = {}
    for kind, (probes, own_photo) in _KINDS.items():
        if own_photo == "keep" or known:
            matches = match_probes(
                embeddings,
                people,
                domains,
                photos,
                probes=probes,
                own_photo=own_photo,
                cohort=cohort,
                templates=templates,
            )
            if len(matches.rows):
                found[kind] = matches
    return found


def rank_one_report(
    embeddings: np.ndarray,
    people: Sequence[str],
    domains: Sequence[str],
    photos: Sequence[str],
    cohort: Cohort | None = None,
    templates: np.ndarray | None = None,
) -> dict[str, dict[str, Any]]:
    """Rank-1 of each kind of probes.

    Args:
        embeddings, people, domains, photos, cohort, templates: as for `rank_one_matches`.

    Returns:
        {kind: {"faces", "people", "gallery": int; "accuracy": rank-1, float in [0, 1];
        "accuracy_interval": [low, high] (95 %, bootstrap over people)}}.

    Raises:
        ValueError: as `rank_one_matches`.
    """
    report = {}
    found = rank_one_matches(embeddings, people, domains, photos, cohort, templates)
    for kind, matches in found.items():
        hits = matches.hits()
        report[kind] = {
            "faces": len(hits),
            "people": len(set(matches.known_people)),
            "gallery": len(matches.gallery),
            "accuracy": float(hits.mean()),
            "accuracy_interval": list(bootstrap_interval(hits, matches.known_people)),
        }
    return report
