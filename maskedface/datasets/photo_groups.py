"""Which images of a person were made from one photograph, where nobody wrote it down."""

from __future__ import annotations

import os
from collections import defaultdict

import numpy as np
from PIL import Image

from maskedface.datasets.face_index import Face, FaceIndex
from maskedface.datasets.images import read_image
from maskedface.datasets.reading import read_many

# Own lines, not the imagehash package, which brings PyWavelets for the sake of these.
# pHash (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions",
# section 3.2.1) of the upper half: the 16 x 16 lowest frequencies of a 32 x 32 grey image.
_SIZE = 32
_FREQUENCIES = 16
BITS = _FREQUENCIES**2 - 1  # without the mean grey, so that brightness does not count

# Of 255 bits. See `with_photo_groups` for what it finds on MLFW.
MAX_DISTANCE = 10


def with_photo_groups(
    index: FaceIndex,
    *,
    max_distance: int = MAX_DISTANCE,
    progress: bool = True,
    workers: int | None = None,
) -> FaceIndex:
    """Fills in the photo of the rows that have none, by near-duplicates within each person.

    Two images of a person are of one photo where the perceptual hashes of their upper halves (a
    mask hides the lower one) differ in few bits, as they are or mirrored; chains of such pairs
    make one group. Both domains are compared together. What this finds is copies: re-encoded,
    rescaled, brightened, mirrored, a mask drawn on. A copy that was cropped or shifted by 3 % or
    more is mostly missed.

    On MLFW, whose manifest names the photos, the default finds 98.4 % of the pairs of one photo, and
    99.98 % of the pairs it finds are (`tools/measure_photo_groups.py`).

    Args:
        index: the rows. Rows that name a photo keep it, and a row near them takes it over (the
            first such name by alphabet).
        max_distance: int in [0, 255], bits in which two hashes of one photo may differ.
        progress, workers: as for `reading.read_many`.

    Returns:
        A `FaceIndex` of the same rows, each with a photo. A new group is named after its first
        path, so a group never depends on other people.

    Raises:
        ImageError: if a file does not decode; `audit` and `usable` take such rows out.
        OSError: if a file cannot be read.
        ValueError: if `max_distance` is out of range.
    """
    if not 0 <= max_distance <= BITS:
        raise ValueError(
            f"max_distance must be in 0-{BITS}. Received: max_distance={max_distance}"
        )
    unknown = {face.person for face in index.faces if not face.photo}
    rows = [face for face in index.faces if face.person in unknown]
    paths = [os.path.join(index.root, face.path) for face in rows]
    hashes = read_many(_hashes, paths, label="Comparing photos", progress=progress, workers=workers)
    people: dict[str, list[int]] = defaultdict(list)
    for row, face in enumerate(rows):
        people[face.person].append(row)
    named: list[Face] = [face for face in index.faces if face.person not in unknown]
    for members in people.values():
        both = np.stack([hashes[row] for row in members])
        named += _name_photos([rows[row] for row in members], photo_groups(both, max_distance))
    return FaceIndex(index.root, named, index.excluded)


def photo_hashes(image: np.ndarray) -> np.ndarray:
    """The perceptual hash of an image's upper half, and of its mirror image.

    Args:
        image: uint8 array, shape (height, width, 3).

    Returns:
        bool array, shape (2, 255): the hash, the mirror image's hash.
    """
    # scipy comes with scikit-learn; imported here because it takes a while.
    from scipy.fft import dctn

    height, width = image.shape[:2]
    upper = Image.fromarray(image).convert("L")
    small = upper.resize((_SIZE, _SIZE), Image.Resampling.BILINEAR, box=(0, 0, width, height / 2))
    grey = np.asarray(small, "float32")
    lowest = dctn(grey, norm="ortho")[:_FREQUENCIES, :_FREQUENCIES]
    # Mirroring an image turns the sign of its odd horizontal frequencies.
    mirrored = lowest * (-1.0) ** np.arange(_FREQUENCIES)
    values = np.stack([lowest.ravel()[1:], mirrored.ravel()[1:]])
    return np.asarray(values > np.median(values, axis=1, keepdims=True))


def photo_groups(hashes: np.ndarray, max_distance: int = MAX_DISTANCE) -> np.ndarray:
    """Groups one person's images.

    Args:
        hashes: bool array, shape (images, 2, 255), of `photo_hashes`.
        max_distance: int in [0, 255].

    Returns:
        int array, shape (images,): equal numbers are one photo.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    # With bits as -1 and 1, the product of two hashes is bits - 2 * (bits that differ).
    plain, mirrored = (2 * hashes.astype("float32") - 1).transpose(1, 0, 2)
    likeness = np.maximum(plain @ plain.T, plain @ mirrored.T)
    near = likeness >= BITS - 2 * max_distance
    return np.asarray(connected_components(csr_array(near), directed=False)[1])


def _hashes(path: str) -> np.ndarray:
    return photo_hashes(read_image(path))


def _name_photos(faces: list[Face], groups: np.ndarray) -> list[Face]:
    """One person's rows, sorted by path, with the photo of each group on the rows without one."""
    names: dict[int, str] = {}
    for group, face in sorted(zip(groups.tolist(), faces, strict=True), key=_known_first):
        names.setdefault(group, face.photo or face.path)
    return [
        face._replace(photo=face.photo or names[group])
        for group, face in zip(groups.tolist(), faces, strict=True)
    ]


def _known_first(member: tuple[int, Face]) -> tuple[bool, str, str]:
    face = member[1]
    return not face.photo, face.photo, face.path
