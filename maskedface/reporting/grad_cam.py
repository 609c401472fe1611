"""Grad-CAM of a run's network on masked test faces, and its share in the mask area."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskedface.datasets import FaceIndex, face_source
from maskedface.datasets.aligned_faces import read_aligned_face
from maskedface.evaluation import EmbeddedFaces, bootstrap_interval, overlay, paired_difference
from maskedface.images.data_uri import as_data_uri
from maskedface.models import embedder
from maskedface.reporting.heat_maps import (
    HeatMaps,
    heat_maps,
    masked_with_others,
    means_of_others,
)
from maskedface.reporting.run_groups import RunGroup
from maskedface.reporting.tables import Table
from maskedface.training.run import MODEL

# More faces narrow the interval, but each needs a gradient: about 50 ms on two cores with dlib's
# network.
_FACES, _PICTURES = 96, 6
_SIDE = 150  # pixels of a picture


def masked_face_maps(group: RunGroup) -> HeatMaps | str:
    """Heat maps of the first seed's network on at most 96 masked test faces, sampled with seed 0.

    The score is the classifier's highest for people trained on, and for unseen identities the
    similarity to the mean of the person's other unmasked photographs. The same test rows give the
    same faces, so that groups can be paired by face.

    Returns:
        The `HeatMaps`, or the reason why there are none.
    """
    pairs = _pairs(group)
    if not pairs:
        return "The test rows have no masked face" + (
            " with an unmasked one from another photograph." if group.is_open else "."
        )
    chosen = [pairs[n] for n in np.random.default_rng(0).permutation(len(pairs))[:_FACES]]
    rows = [row for row, _ in chosen]
    if not all(os.path.isfile(group.test.paths[row]) for row in rows):
        return "The image files no longer exist."
    run = group.runs[0]
    if not os.path.isfile(os.path.join(run.path, MODEL)):
        return "The run has no saved model."
    size, alignment = run.record["image_size"], run.record["alignment"]
    chips = np.stack([_chip(group.test, row, size, alignment) for row in rows])
    if not group.is_open:
        return heat_maps(run.model, chips, alignment, rows=rows)
    known = EmbeddedFaces.among(run.predictions, group.test.faces).enrolled_as
    references = means_of_others(known, chosen)
    return heat_maps(embedder(run.model), chips, alignment, rows=rows, references=references)


def _pairs(group: RunGroup) -> list[tuple[int, list[int]]]:
    if group.is_open:
        return masked_with_others(group.test)
    faces = enumerate(group.test.faces)
    return [(row, []) for row, face in faces if face.domain == "masked"]


def _chip(test: FaceIndex, row: int, size: int, alignment: str) -> np.ndarray:
    source = face_source(test.faces[row])
    return read_aligned_face(test.paths[row], size=size, alignment=alignment, source=source)


def grad_cam_part(groups: Sequence[RunGroup], faces: bool) -> list[dict[str, Any]]:
    """The page's texts and pictures for groups that were tested on the same faces.

    Args:
        groups: at least one group.
        faces: whether to show pictures.

    Returns:
        One dict per group: "label"; "why", the reason if there is nothing, or ""; "faces",
        "people", "share", "even" and "change" (the paired difference to the first group) as text;
        "pictures", each with a face and its overlay as `data:` URIs, and its share.
    """
    parts: list[dict[str, Any]] = []
    first: HeatMaps | None = None
    for group in groups:
        found = masked_face_maps(group)
        if isinstance(found, str):
            parts.append({"label": group.label, "why": found})
            continue
        people = [group.test.faces[row].person for row in found.rows]
        first = first or found
        shift = paired_difference(found.shares, first.shares, people)
        low, high = bootstrap_interval(found.shares, people)
        parts.append(
            {
                "label": group.label,
                "why": "",
                "faces": len(people),
                "people": len(set(people)),
                "share": f"{found.shares.mean():.3f} [{low:.3f}, {high:.3f}]",
                "even": f"{found.even:.3f}",
                "change": "{difference:+.3f} [{low:+.3f}, {high:+.3f}]".format(**shift),
                "pictures": _shown_faces(found) if faces else [],
            }
        )
    return parts


def grad_cam_table(parts: Sequence[dict[str, Any]]) -> Table:
    """The shares from `grad_cam_part`, one row per group that has one."""
    shown = [part for part in parts if not part["why"]]
    head: tuple[str, ...] = ("run", "masked faces", "share in the mask area", "uniform attention")
    rows: list[tuple[str, ...]] = [
        (part["label"], f"{part['faces']} of {part['people']} people", part["share"], part["even"])
        for part in shown
    ]
    if len(shown) > 1:
        head = (*head, f"difference to {shown[0]['label']}, paired")
        changes = ["", *(part["change"] for part in shown[1:])]
        rows = [(*row, change) for row, change in zip(rows, changes, strict=True)]
    return Table("", head, [("", row) for row in rows])


def _shown_faces(found: HeatMaps) -> list[dict[str, str]]:
    drawn = zip(found.chips, found.maps, found.shares, strict=True)
    return [
        {
            "face": as_data_uri(chip, _SIDE),
            "overlay": as_data_uri(overlay(chip, heat), _SIDE),
            "share": f"{share:.2f}",
        }
        for chip, heat, share in itertools.islice(drawn, _PICTURES)
    ]
