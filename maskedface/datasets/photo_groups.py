"""Detects which images of a person were made from the same photograph."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image

from maskedface.datasets.face_index import Face, FaceIndex
from maskedface.images.in_threads import read_many
from maskedface.images.reading import read_image

# Not by the package imagehash, which would bring PyWavelets for these few lines.
# pHash (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions",
# section 3.2.1) of the upper half: the 16 x 16 lowest frequencies of a 32 x 32 gray image.
_SIZE = 32
_FREQUENCIES = 16
BITS = _FREQUENCIES**2 - 1  # without the mean gray, so that brightness does not count

# Of 255 bits. See `with_photo_groups` for what it finds on MLFW.
MAX_DISTANCE = 10
_BLOCK = 1024  # rows compared with all others at a time


def with_photo_groups(
    index: FaceIndex,
    *,
    max_distance: int = MAX_DISTANCE,
    progress: bool = True,
) -> FaceIndex:
    """Fills in missing source photos by near-duplicate detection within each person.

    Two images of a person count as made from the same photo if the perceptual hashes of their upper
    halves (a mask hides the lower one) differ in few bits, either directly or with one image
    flipped; chains of such pairs form one group. Both domains are compared together. This finds
    copies that were re-encoded, rescaled, brightened, flipped, or had a mask drawn on. Most copies
    that were cropped or shifted by 3 % or more are missed.

    On MLFW, whose manifest names the photos, the default has a recall of 98.4 % of the pairs of one
    photo, and a precision of 99.98 % (`tools/measure_photo_groups.py`).

    >>> from maskedface import datasets, synthetic
    >>> drawn = synthetic.draw_people("drawn", people=2, photos=2, size=64)
    >>> index = datasets.with_photo_groups(datasets.rmfrd("drawn"), progress=False)
    >>> index.faces[0].photo  # of no other face: named after itself
    'AFDB_face_dataset/person_0000/0_0_person_0000_0000.jpg'

    Args:
        index: the rows. Rows with a known photo keep it, and their near-duplicates get the same one
            (the alphabetically first, if there are several).
        max_distance: int in [0, 255], the number of bits in which two hashes of one photo may
            differ.
        progress: whether to show a progress bar on stderr.

    Returns:
        A `FaceIndex` of the same rows, each with a photo. A new group is named after its first
        path, so a group never depends on other people.

    Raises:
        ImageError: if a file cannot be decoded; `audit.audit_images` and `audit.usable` remove such
            rows.
        OSError: if a file cannot be read.
        ValueError: if `max_distance` is out of range.
    """
    if not 0 <= max_distance <= BITS:
        raise ValueError(f"max_distance must be in 0-{BITS}. Received: max_distance={max_distance}")
    unknown = {face.person for face in index.faces if not face.photo}
    rows = sorted(
        (face for face in index.faces if face.person in unknown), key=lambda face: face.person
    )

    def hashes_of(face: Face) -> np.ndarray:
        return photo_hashes(read_image(os.path.join(index.root, face.path)))

    hashes = read_many(hashes_of, rows, label="Comparing photos", progress=progress)
    named: list[Face] = [face for face in index.faces if face.person not in unknown]
    pairs = zip(rows, hashes, strict=True)
    for _, members in itertools.groupby(pairs, key=lambda pair: pair[0].person):
        faces, own = zip(*members, strict=True)
        named += _name_photos(faces, photo_groups(np.stack(own), max_distance))
    return FaceIndex(index.root, named, index.excluded)


def photo_hashes(image: np.ndarray) -> np.ndarray:
    """The perceptual hashes of an image's upper half and of its mirror image.

    Args:
        image: uint8 array, shape (height, width, 3).

    Returns:
        bool array, shape (2, 255): the hash of the image, and that of its mirror image.
    """
    # scipy comes with scikit-learn; imported here because it takes a while.
    from scipy.fft import dctn

    height, width = image.shape[:2]
    upper = Image.fromarray(image).convert("L")
    small = upper.resize((_SIZE, _SIZE), Image.Resampling.BILINEAR, box=(0, 0, width, height / 2))
    gray = np.asarray(small, "float32")
    lowest = dctn(gray, norm="ortho")[:_FREQUENCIES, :_FREQUENCIES]
    # Mirroring an image turns the sign of its odd horizontal frequencies.
    mirrored = lowest * (-1.0) ** np.arange(_FREQUENCIES)
    values = np.stack([lowest.ravel()[1:], mirrored.ravel()[1:]])
    return np.asarray(values > np.median(values, axis=1, keepdims=True))


def photo_groups(hashes: np.ndarray, max_distance: int = MAX_DISTANCE) -> np.ndarray:
    """Groups one person's images.

    Args:
        hashes: bool array, shape (images, 2, 255), from `photo_hashes`.
        max_distance: int in [0, 255].

    Returns:
        int array, shape (images,): images with equal numbers are of one photo.
    """
    # With bits as -1 and 1, the product of two hashes is bits - 2 * (bits that differ).
    plain, mirrored = (2 * hashes.astype("float32") - 1).transpose(1, 0, 2)
    return linked(plain, BITS - 2 * max_distance, mirrored)


def linked(rows: np.ndarray, least: float, *others: np.ndarray) -> np.ndarray:
    """Groups rows into connected components: rows with a large dot product are connected.

    Args:
        rows: float32 array, shape (rows, features).
        least: float, the minimum dot product of two connected rows.
        others: alternative forms of the rows; a row is also connected to a row whose alternative
            form it matches.

    Returns:
        int array, shape (rows,): rows with equal numbers, from 0 on, are one group.
    """
    from scipy.sparse import csr_array, vstack
    from scipy.sparse.csgraph import connected_components

    if not len(rows):
        return np.empty(0, int)
    parts = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
    links = vstack(
        [
            csr_array(np.maximum.reduce([part @ form.T for form in (rows, *others)]) >= least)
            for part in parts
        ]
    )
    return np.asarray(connected_components(links, directed=False)[1])


def _name_photos(faces: Sequence[Face], groups: np.ndarray) -> list[Face]:
    """One person's rows, where rows without a photo get that of their group."""
    members = list(zip(groups.tolist(), faces, strict=True))
    names: dict[int, str] = {}
    for group, face in sorted(members, key=lambda m: (not m[1].photo, m[1].photo or m[1].path)):
        names.setdefault(group, face.photo or face.path)
    return [face._replace(photo=face.photo or names[group]) for group, face in members]
