"""Images that somebody resized out of shape: told by their faces, group by group."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from maskedface import geometry
from maskedface.datasets import FaceIndex, ImageError
from maskedface.datasets.face_index import Face
from maskedface.datasets.images import open_image

Size = tuple[int, int]

# Ours, by measurement on the people of RMFRD with fewer than 8 masked images (docs/alignment.md).
_LEAST = 0.2  # log of the stretch, less the usual one, from which a group counts as squashed
_IMAGES = 20  # a group needs: fewer faces say too little
_OWN = 0.5  # how far an image's own estimate moves it from its group's
_REACH = 0.3  # log: nothing is moved further
# The stretch that faces of photographs as they were taken seem to have: the median of LFW's training
# people (`tools/measure_alignment.py stretch`).
_USUAL = 0.08


def with_pixel_aspects(index: FaceIndex) -> FaceIndex:
    """Gives landmarks their pixel aspect where a group of images was resized out of shape.

    RMFRD's unmasked faces are 1.4 times too wide, as are the masked ones of some of its copies. One face
    cannot tell a squashed image from a turned head, twenty of one size and domain can: the median of their
    `geometry.pixel_aspect` decides whether they were squashed, and by how much; an image's own estimate
    moves its aspect half the way. Rows whose aspect somebody stated stay as they are.

    Args:
        index: the rows; those without landmarks stay as they are.

    Returns:
        A `FaceIndex` of the same rows.
    """
    groups: dict[tuple[str, Size | None], list[Face]] = defaultdict(list)
    for face, path in zip(index.faces, index.paths, strict=True):
        if face.landmarks is not None and face.landmarks.pixel_aspect == 1:
            groups[face.domain, _size_of(path)].append(face)
    pooled: dict[tuple[str, Size | None], list[Face]] = defaultdict(list)  # too rare sizes together
    for (domain, size), faces in groups.items():
        pooled[domain, size if len(faces) >= _IMAGES else None] += faces
    changed = {}
    for faces in pooled.values():
        logs = np.array([-np.log(geometry.pixel_aspect(_points(face))) for face in faces])
        median = float(np.median(logs))
        if len(faces) < _IMAGES or abs(median - _USUAL) < _LEAST:
            continue
        moved = median - _USUAL + (_OWN * (logs - median)).clip(-_REACH, _REACH)
        for face, log in zip(faces, moved, strict=True):
            assert face.landmarks is not None
            marks = replace(face.landmarks, pixel_aspect=float(np.exp(-log)))
            changed[face.path] = face._replace(landmarks=marks)
    if not changed:
        return index
    rows = [changed.get(face.path, face) for face in index.faces]
    return FaceIndex(index.root, rows, index.excluded)


def _points(face: Face) -> np.ndarray:
    assert face.landmarks is not None
    return np.array(face.landmarks.points)


def _size_of(path: str) -> Size | None:
    try:
        with open_image(path) as image:
            return image.size
    except (ImageError, OSError):
        return None
