"""Splits of a `FaceIndex` that anybody can repeat: a row's place depends on its own names alone.

Each rule ranks by a hash of (seed, person, path or photo), so adding a person moves nobody else's
rows from one part to the other, and the part kept at a small share is inside the one at a larger.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable

from maskedface.datasets.face_index import Face, FaceIndex


def split_by_image(
    index: FaceIndex, train_fraction: float = 0.7, seed: int = 0
) -> tuple[FaceIndex, FaceIndex]:
    """The paper's split: a stratified share of each person's images (section IV: 70/30).

    Images of one photo, with another mask on it say, can fall on both sides: on MLFW that lifts a
    linear head from .60 to .97. Use it to repeat the paper; use `split_by_photo` to measure.

    >>> from maskedface import datasets
    >>> faces = [datasets.Face(f"anna/{n}.jpg", "anna", "masked") for n in range(10)]
    >>> train, test = datasets.split_by_image(datasets.FaceIndex("photos", faces), 0.7, seed=0)
    >>> len(train), len(test)
    (7, 3)

    Args:
        index: the rows to split.
        train_fraction: float in (0, 1), the share of each person's images of each domain in train,
            rounded, at least one image on each side; a single image goes to train.
        seed: int, another seed gives another split.

    Returns:
        (train, test), every row in one of them.

    Raises:
        ValueError: if `train_fraction` is out of range or a part would be empty.
    """
    return _parts(index, _in_share(index, train_fraction, seed), train_fraction)


def split_by_photo(
    index: FaceIndex, train_fraction: float = 0.7, seed: int = 0
) -> tuple[FaceIndex, FaceIndex]:
    """Splits by photograph: all images made from one photo stay on one side.

    >>> from maskedface import datasets
    >>> names = ["1.jpg", "1_masked.jpg", "2.jpg", "2_masked.jpg"]
    >>> faces = [datasets.Face(name, "anna", "unmasked", photo=name[0]) for name in names]
    >>> train, test = datasets.split_by_photo(datasets.FaceIndex("photos", faces), 0.5)
    >>> len({face.photo for face in train.faces}), len({face.photo for face in test.faces})
    (1, 1)

    Args:
        index: rows with a known photo: from a manifest, or by `datasets.with_photo_groups`.
        train_fraction: float in (0, 1), the share of each person's photos in train, rounded, at
            least one photo on each side; a person with a single photo goes to train.
        seed: int, another seed gives another split.

    Returns:
        (train, test), every row in one of them.

    Raises:
        ValueError: if a row's photo is unknown, `train_fraction` is out of range or a part would be
            empty.
    """
    unknown = sum(not face.photo for face in index.faces)
    if unknown:
        raise ValueError(
            "every row must name its photo; datasets.with_photo_groups(index) finds them. "
            f"Received: {unknown} of {len(index)} rows without"
        )
    return _parts(index, _in_share(index, train_fraction, seed, by_photo=True), train_fraction)


def split_by_person(
    index: FaceIndex, train_fraction: float = 0.7, seed: int = 0
) -> tuple[FaceIndex, FaceIndex]:
    """Splits by person, for the open set: nobody is on both sides.

    >>> from maskedface import datasets
    >>> faces = [datasets.Face(f"{name}.jpg", name, "masked") for name in "abcdefghij"]
    >>> train, test = datasets.split_by_person(datasets.FaceIndex("photos", faces), 0.5, seed=1)
    >>> set(train.people) & set(test.people)
    set()

    Args:
        index: the rows to split.
        train_fraction: float in (0, 1), the chance that a person is in train. It is drawn for each
            person alone, so the share of few people is only near it.
        seed: int, another seed gives another split.

    Returns:
        (train, test), every row in one of them.

    Raises:
        ValueError: if `train_fraction` is out of range or a part would be empty.
    """
    return _parts(
        index,
        lambda face: int(_hash(seed, face.person), 16) / 2**128 < train_fraction,
        train_fraction,
    )


def take_share(index: FaceIndex, share: float, seed: int = 0) -> FaceIndex:
    """A share of each person's images of each domain, for scenarios with a part of the masked ones.

    >>> from maskedface import datasets
    >>> faces = [datasets.Face(f"anna/{n}.jpg", "anna", "masked") for n in range(10)]
    >>> len(datasets.take_share(datasets.FaceIndex("photos", faces), 0.3))
    3

    Args:
        index: the rows to take from.
        share: float in [0, 1]; rounded a person and domain, at least one image unless 0. The rows
            of a smaller share are among those of a larger.
        seed: int, another seed takes other rows.

    Returns:
        A `FaceIndex` of the rows taken, of the same root; `excluded` is carried along.

    Raises:
        ValueError: if `share` is out of range.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be in [0, 1]. Received: share={share}")
    return index.where(_in_share(index, share, seed, leave=0) if share else lambda _: False)


def shared_rows(first: FaceIndex, second: FaceIndex) -> tuple[str, ...]:
    """The rows of `first` that are also in `second`.

    Rows are the same if they are the same file, or if person and path below the root agree (the
    same set read in another place).

    Returns:
        Their paths, relative to `first`'s root, sorted.
    """
    files = {os.path.realpath(path) for path in second.paths}
    names = {(face.person, face.path) for face in second.faces}
    return tuple(
        face.path
        for face, path in zip(first.faces, first.paths, strict=True)
        if (face.person, face.path) in names or os.path.realpath(path) in files
    )


def _hash(seed: int, *names: str) -> str:
    text = "\0".join([str(seed), *names])
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _in_share(
    index: FaceIndex, share: float, seed: int, *, by_photo: bool = False, leave: int = 1
) -> Callable[[Face], bool]:
    """Whether a row is in a share of its person's photos, or of its person's images of its domain: at
    least one, and all but `leave` at most where there are several."""

    # Millions of rows: names alone, which are there already. A path is one person's, a photo may be of two.
    cells: dict[tuple[str, str], set[str]] = defaultdict(set)
    for face in index.faces:
        cell = (face.person, "") if by_photo else (face.person, face.domain)
        cells[cell].add(face.photo if by_photo else face.path)
    kept: dict[str, set[str]] = defaultdict(set)
    while cells:
        (person, _), names = cells.popitem()
        ranked = sorted(names, key=lambda name: _hash(seed, person, name))
        most = min(max(1, round(share * len(ranked))), max(1, len(ranked) - leave))
        kept[person].update(ranked[:most])
    return lambda face: (face.photo if by_photo else face.path) in kept[face.person]


def _parts(
    index: FaceIndex, in_train: Callable[[Face], bool], fraction: float
) -> tuple[FaceIndex, FaceIndex]:
    if not 0 < fraction < 1:
        raise ValueError(f"train_fraction must be in (0, 1). Received: train_fraction={fraction}")
    train, test = index.where(in_train), index.where(lambda face: not in_train(face))
    if not len(train) or not len(test):
        raise ValueError(
            "both parts of a split must hold images. "
            f"Received: {len(train)} train and {len(test)} test of {len(index.people)} people"
        )
    return train, test
