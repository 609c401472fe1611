"""Grad-CAM of a run's network on masked test faces, and its share in the mask area."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskedface.datasets import FaceIndex, face_source
from maskedface.datasets.aligned_faces import read_aligned_face
from maskedface.evaluation import (
    EmbeddedFaces,
    attention_share,
    bootstrap_interval,
    grad_cam,
    overlay,
    paired_difference,
)
from maskedface.images.data_uri import as_data_uri
from maskedface.masking import mask_area
from maskedface.reporting.run_groups import RunGroup
from maskedface.reporting.tables import Table
from maskedface.training.run import MODEL

# More faces narrow the interval, but each needs a gradient: about 50 ms on two cores with dlib's
# network.
_FACES, _PICTURES = 96, 6
_SIDE = 150  # pixels of a picture


@dataclass(frozen=True)
class MaskedFaceMaps:
    """Heat maps of several masked faces.

    Attributes:
        rows: list of int, indices of the faces in the test rows, in random order.
        chips: uint8 array, shape (N, size, size, 3), RGB, the network's inputs.
        maps: float32 array, shape (N, size, size), in [0, 1], from `evaluation.grad_cam`.
        shares: float64 array, shape (N,), in [0, 1], the share of each map in the mask area; 0 for
            an all-zero map.
        even: float, the share of uniform attention.
    """

    rows: list[int]
    chips: np.ndarray
    maps: np.ndarray
    shares: np.ndarray
    even: float


def masked_with_others(test: FaceIndex) -> list[tuple[int, list[int]]]:
    """Finds masked faces that can be compared with another photograph of the same person.

    Args:
        test: the rows; faces with an unknown photograph ("") count as one photograph.

    Returns:
        (row of a masked face, rows of at least one unmasked face of the person from other
        photographs).
    """
    bare: dict[str, list[int]] = {}
    for row, face in enumerate(test.faces):
        if face.domain == "unmasked":
            bare.setdefault(face.person, []).append(row)
    found = []
    for row, face in enumerate(test.faces):
        others = [n for n in bare.get(face.person, []) if test.faces[n].photo != face.photo]
        if face.domain == "masked" and others:
            found.append((row, others))
    return found


def masked_face_maps(group: RunGroup) -> MaskedFaceMaps | str:
    """Heat maps of the first seed's network on at most 96 masked test faces, sampled with seed 0.

    The score is the classifier's highest for people trained on, and for unseen identities the
    similarity to the mean of the person's other unmasked photographs. The same test rows give the
    same faces, so that groups can be paired by face.

    Returns:
        A `MaskedFaceMaps`, or the reason why there is none.
    """
    pairs = _pairs(group)
    if not pairs:
        return "The test rows have no masked face" + (
            " with an unmasked one from another photograph." if group.is_open else "."
        )
    order = np.random.default_rng(0).permutation(len(pairs))[:_FACES]
    rows = [pairs[number][0] for number in order]
    if not all(os.path.isfile(group.test.paths[row]) for row in rows):
        return "The image files no longer exist."
    run = group.runs[0]
    if not os.path.isfile(os.path.join(run.path, MODEL)):
        return "The run has no saved model."
    size, alignment = run.record["image_size"], run.record["alignment"]
    chips = np.stack([_chip(group.test, row, size, alignment) for row in rows])
    if group.is_open:
        known = EmbeddedFaces.among(run.predictions, group.test.faces).enrolled_as
        references = np.stack([known[pairs[number][1]].mean(axis=0) for number in order])
        from maskedface import models

        maps = grad_cam(models.embedder(run.model), chips, references=references)
    else:
        maps = grad_cam(run.model, chips)
    area = mask_area(alignment, size)
    return MaskedFaceMaps(
        rows, chips, maps, np.nan_to_num(attention_share(maps, area)), float(area.mean())
    )


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
    first: MaskedFaceMaps | None = None
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


def _shown_faces(found: MaskedFaceMaps) -> list[dict[str, str]]:
    drawn = zip(found.chips, found.maps, found.shares, strict=True)
    return [
        {
            "face": as_data_uri(chip, _SIDE),
            "overlay": as_data_uri(overlay(chip, heat), _SIDE),
            "share": f"{share:.2f}",
        }
        for chip, heat, share in itertools.islice(drawn, _PICTURES)
    ]
