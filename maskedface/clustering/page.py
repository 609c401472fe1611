"""The page of people found: one HTML file with its pictures, that loads nothing and sends nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources

from maskedface.clustering.clusters import (
    FOLDER_RULE,
    LONGEST_FOLDER,
    NO_FOLDER,
    Clusters,
    file_values,
)
from maskedface.masking import SEEMS_MASKED


def page_of(clusters: Clusters, pictures: Mapping[int, str], folder: str) -> str:
    """The page as HTML.

    Args:
        clusters: the faces and their people.
        pictures: {number of a face: its picture, a `data:` address}; the others are not shown.
        folder: str, the name of the people's folder, for the command that the page shows.
    """
    here = resources.files(__package__)
    script = (here / "page.js").read_text(encoding="utf-8")
    facts = {
        "file": file_values(clusters),
        "pictures": {str(number): uri for number, uri in pictures.items()},
        "folder": folder,
        "seems_masked": SEEMS_MASKED,
        "names": {"never": NO_FOLDER, "longest": LONGEST_FOLDER, "rule": FOLDER_RULE},
    }
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    text = (here / "page.html").read_text(encoding="utf-8")
    # Names and paths are data: nothing in them ends the element that they stand in.
    data = json.dumps(facts).replace("<", "\\u003c")
    for place, part in (("HASH", f"sha256-{digest}"), ("SCRIPT", script), ("FACTS", data)):
        text = text.replace(f"{{{{ {place} }}}}", part, 1)
    return text
