"""A summary of a `FaceIndex` in a few lines."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from maskedface.names import shown

if TYPE_CHECKING:
    from maskedface.datasets.face_index import FaceIndex

_FOLDERS = 5  # named, the largest first
_REASONS = 3


def index_facts(index: FaceIndex) -> dict[str, str]:
    """The summary of an index: {heading: text}.

    Args:
        index: any index, even without rows.
    """
    domains = Counter(face.domain for face in index.faces)
    people: Counter[str] = Counter(face.person for face in index.faces)
    folders = Counter(os.path.dirname(face.path).split("/")[0] or "." for face in index.faces)
    both = len({(face.person, face.domain) for face in index.faces}) - len(people)
    facts = {
        "folder": index.root,
        "people": f"{len(people)}, {both} of them with masked and unmasked images",
        "images": f"{len(index)}: {domains['masked']} masked, {domains['unmasked']} unmasked",
    }
    if people:
        (largest, most), (smallest, least) = people.most_common(1)[0], people.most_common()[-1]
        facts["images per person"] = (
            f"{len(index) / len(people):.1f}; fewest {least} ({smallest}), most {most} ({largest})"
        )
        facts["folders"] = _some(folders, _FOLDERS)
    five = sum(face.landmarks is not None for face in index.faces)
    stated = sum(face.landmarks is None and face.alignment != "" for face in index.faces)
    unknown = len(index) - five - stated
    facts["faces"] = (
        f"{five} located by landmarks, {stated} by a stated alignment, {unknown} not located"
    )
    if index.excluded:
        reasons = Counter(gone.reason for gone in index.excluded)
        facts["excluded files"] = f"{len(index.excluded)}: {_some(reasons, _REASONS)}"
    return {what: shown(words) for what, words in facts.items()}


def _some(counts: Counter[str], most: int) -> str:
    told = ", ".join(f"{name} {count}" for name, count in counts.most_common(most))
    return told if len(counts) <= most else f"{told} and {len(counts) - most} more"
