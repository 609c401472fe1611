"""Detects images that were resized with another aspect ratio, from the faces of groups of
images."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np

from maskedface import geometry
from maskedface.datasets import FaceIndex, Landmarks
from maskedface.datasets.face_index import Face
from maskedface.images import ImageError
from maskedface.images.in_threads import read_many
from maskedface.images.reading import open_image

Size = tuple[int, int]

# Measured on the people of RMFRD with fewer than 8 masked images (docs/alignment.md).
_LEAST = 0.2  # log stretch, relative to the usual one, from which a group counts as squashed
_IMAGES = 20  # minimum faces of a group for a reliable estimate
_OWN = 0.5  # weight of an image's own estimate, relative to its group's
_REACH = 0.3  # log: maximum shift by an image's own estimate
# The measured stretch of faces in undistorted photographs: the median over LFW's training people
# (`tools/measure_alignment.py stretch`).
_USUAL = 0.08


def with_pixel_aspects(index: FaceIndex) -> FaceIndex:
    """Sets the pixel aspect of landmarks, if a group of images was resized with another aspect
    ratio.

    RMFRD's unmasked faces are 1.3 times too wide, as are the masked ones in some of its copies. A
    single face does not distinguish a squashed image from a rotated head, but twenty of the same
    size and domain do: the median of their `geometry.pixel_aspect` decides whether they were
    squashed, and by how much. An image's own estimate moves its aspect half of the way. Rows with a
    stated aspect are not changed.

    Args:
        index: the rows; those without landmarks are not changed.

    Returns:
        A `FaceIndex` of the same rows.
    """
    open_ones = [
        (face, face.landmarks, path)
        for face, path in zip(index.faces, index.paths, strict=True)
        if face.landmarks is not None and face.landmarks.pixel_aspect == 1
    ]
    sizes = read_many(_size_of, [path for *_, path in open_ones], label="", progress=False)
    asked = [
        (face, marks, (face.domain, size))
        for (face, marks, _), size in zip(open_ones, sizes, strict=True)
    ]
    counts = Counter(kind for *_, kind in asked)
    groups: dict[tuple[str, Size | None], list[tuple[Face, Landmarks]]] = defaultdict(list)
    for face, marks, (domain, size) in asked:  # rare sizes are grouped together
        groups[domain, size if counts[domain, size] >= _IMAGES else None].append((face, marks))
    changed = {}
    for group in groups.values():
        if len(group) < _IMAGES:
            continue
        aspects = [geometry.pixel_aspect(np.array(marks.points)) for _, marks in group]
        logs = -np.log(aspects)
        median = float(np.median(logs))
        if abs(median - _USUAL) < _LEAST:
            continue
        moved = median - _USUAL + (_OWN * (logs - median)).clip(-_REACH, _REACH)
        for (face, marks), log in zip(group, moved, strict=True):
            squashed = replace(marks, pixel_aspect=float(np.exp(-log)))
            changed[face.path] = face._replace(landmarks=squashed)
    if not changed:
        return index
    rows = [changed.get(face.path, face) for face in index.faces]
    return FaceIndex(index.root, rows, index.excluded)


def _size_of(path: str) -> Size | None:
    try:
        with open_image(path) as image:
            return image.size
    except (ImageError, OSError):
        return None
