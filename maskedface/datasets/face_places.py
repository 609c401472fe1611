"""The face's position in each image of an index: by landmarks, a stated alignment, or unknown."""

from __future__ import annotations

import os

import numpy as np

from maskedface.datasets.face_index import Face, FaceIndex
from maskedface.datasets.manifest import read_manifest
from maskedface.geometry import FacePoints


def face_source(face: Face) -> str | FacePoints:
    """The `source` argument of `geometry.chip_matrix` for a row's image.

    >>> from maskedface import datasets
    >>> datasets.face_source(datasets.Face("anna/1.jpg", "anna", "masked", alignment="arcface"))
    'arcface'

    Args:
        face: the row.

    Returns:
        The landmarks' points and pixel aspect, if it has landmarks; else the name of its stated
        alignment; "" if neither is known: the whole image becomes the chip.
    """
    if face.landmarks is None:
        return face.alignment
    return FacePoints(np.array(face.landmarks.points), face.landmarks.pixel_aspect)


def is_placed(face: Face) -> bool:
    """Whether the face's position is known, by landmarks or a stated alignment."""
    return face.landmarks is not None or face.alignment != ""


def as_whole_images(index: FaceIndex) -> FaceIndex:
    """The same rows without landmarks and alignments: whole images are used, as in the paper."""
    rows = (face._replace(landmarks=None, alignment="") for face in index.faces)
    return FaceIndex(index.root, rows, index.excluded)


def apply_landmarks(index: FaceIndex, file: str | os.PathLike[str]) -> FaceIndex:
    """Adds the landmarks of a manifest, as written by `maskedface align`, to the rows.

    >>> from maskedface import datasets, geometry
    >>> index = datasets.FaceIndex("photos", [datasets.Face("anna/1.jpg", "anna", "masked")])
    >>> five = datasets.Landmarks(geometry.alignment_points("arcface", 112, 112), "given", 1)
    >>> found = datasets.FaceIndex("photos", [index.faces[0]._replace(landmarks=five)])
    >>> datasets.write_manifest("aligned.csv", found)
    >>> datasets.apply_landmarks(index, "aligned.csv") == found
    True

    Args:
        index: the rows.
        file: a manifest whose paths are relative to the index's root. It may contain other rows
            too.

    Returns:
        The same rows, with the landmarks of the file where it has any for a row's path; all other
        rows are unchanged.

    Raises:
        ValueError: if no row's path has landmarks in the file, and as `read_manifest`.
        OSError: if the file cannot be read.
    """
    known = {
        face.path: face.landmarks
        for face in read_manifest(file, root=index.root, check_files=False).faces
        if face.landmarks is not None
    }
    if not any(face.path in known for face in index.faces):
        raise ValueError(
            "file must contain landmarks of the rows, with paths relative to their root. "
            f"Received: file={os.fspath(file)!r} with landmarks of {len(known)} paths "
            f"{sorted(known)[:1]}, none of them among the {len(index)} below root={index.root!r}"
        )
    rows = (face._replace(landmarks=known.get(face.path, face.landmarks)) for face in index.faces)
    return FaceIndex(index.root, rows, index.excluded)
