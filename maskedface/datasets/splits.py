"""Reproducible splits of a `FaceIndex`: a row's part depends only on the row's own names.

Each rule ranks by a hash of (seed, person, path or photo), so adding a person never moves other
people's rows to another part, and a smaller share is always a subset of a larger one.
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
    """The paper's split: stratified by person and domain (section IV: 70/30).

    Images made from the same photo, for instance with different masks, can end up in both parts. On
    MLFW this leakage raises a linear head's accuracy from 0.60 to 0.97. Use this split to reproduce
    the paper, and `split_by_photo` for unbiased results.

    >>> from maskedface import datasets
    >>> faces = [datasets.Face(f"anna/{n}.jpg", "anna", "masked") for n in range(10)]
    >>> train, test = datasets.split_by_image(datasets.FaceIndex("photos", faces), 0.7, seed=0)
    >>> len(train), len(test)
    (7, 3)

    Args:
        index: the rows to split.
        train_fraction: float in (0, 1), the share of each person's images of each domain in train,
            rounded, with at least one image in each part; a single image goes to train.
        seed: int, the random seed of the split.

    Returns:
        (train, test); every row is in exactly one of them.

    Raises:
        ValueError: if `train_fraction` is out of range or a part would be empty.
    """
    return _parts(index, _in_share(index, train_fraction, seed), train_fraction)


def split_by_photo(
    index: FaceIndex, train_fraction: float = 0.7, seed: int = 0
) -> tuple[FaceIndex, FaceIndex]:
    """Splits by photograph: all images made from one photo are in the same part.

    >>> from maskedface import datasets
    >>> names = ["1.jpg", "1_masked.jpg", "2.jpg", "2_masked.jpg"]
    >>> faces = [datasets.Face(name, "anna", "unmasked", photo=name[0]) for name in names]
    >>> train, test = datasets.split_by_photo(datasets.FaceIndex("photos", faces), 0.5)
    >>> len({face.photo for face in train.faces}), len({face.photo for face in test.faces})
    (1, 1)

    Args:
        index: rows with a known photo: from a manifest or from `datasets.with_photo_groups`.
        train_fraction: float in (0, 1), the share of each person's photos in train, rounded, with
            at least one photo in each part; a person with a single photo goes to train.
        seed: int, the random seed of the split.

    Returns:
        (train, test); every row is in exactly one of them.

    Raises:
        ValueError: if a row's photo is unknown, `train_fraction` is out of range or a part would be
            empty.
    """
    unknown = sum(not face.photo for face in index.faces)
    if unknown:
        raise ValueError(
            "every row must have a photo; datasets.with_photo_groups(index) detects them. "
            f"Received: {unknown} of {len(index)} rows without"
        )
    return _parts(index, _in_share(index, train_fraction, seed, by_photo=True), train_fraction)


def split_by_person(
    index: FaceIndex, train_fraction: float = 0.7, seed: int = 0
) -> tuple[FaceIndex, FaceIndex]:
    """Splits by person, for open-set identification: the parts have no people in common.

    >>> from maskedface import datasets
    >>> faces = [datasets.Face(f"{name}.jpg", name, "masked") for name in "abcdefghij"]
    >>> train, test = datasets.split_by_person(datasets.FaceIndex("photos", faces), 0.5, seed=1)
    >>> set(train.people) & set(test.people)
    set()

    Args:
        index: the rows to split.
        train_fraction: float in (0, 1), the probability that a person is in train. Each person is
            drawn independently, so with few people the actual share can differ.
        seed: int, the random seed of the split.

    Returns:
        (train, test); every row is in exactly one of them.

    Raises:
        ValueError: if `train_fraction` is out of range or a part would be empty.
    """
    return _parts(
        index,
        lambda face: int(_hash(seed, face.person), 16) / 2**128 < train_fraction,
        train_fraction,
    )


def hold_out(
    train: FaceIndex, test: FaceIndex, share: float, seed: int = 0
) -> tuple[FaceIndex, FaceIndex]:
    """Holds out validation rows of the training rows that are to them as the test rows are: of
    unseen identities if the test rows are, else of other photos of the same people.

    Args:
        train: the training rows; for a closed set each needs a photo, as for `split_by_photo`.
        test: the test rows, whose people alone are read.
        share: float in (0, 1), the share that is held out.
        seed: int, the random seed of the split.

    Returns:
        (train, validation); every row of `train` is in exactly one of them.

    Raises:
        ValueError: as `split_by_person` or `split_by_photo`.
    """
    is_open = not set(train.people) & set(test.people)
    split = split_by_person if is_open else split_by_photo
    return split(train, train_fraction=1 - share, seed=seed)


def take_share(index: FaceIndex, share: float, seed: int = 0) -> FaceIndex:
    """A share of each person's images of each domain, for scenarios with few masked images.

    >>> from maskedface import datasets
    >>> faces = [datasets.Face(f"anna/{n}.jpg", "anna", "masked") for n in range(10)]
    >>> len(datasets.take_share(datasets.FaceIndex("photos", faces), 0.3))
    3

    Args:
        index: the rows to take from.
        share: float in [0, 1]; rounded per person and domain, at least one image unless 0. The rows
            of a smaller share are a subset of those of a larger one.
        seed: int, the random seed of the selection.

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

    Two rows are the same if they refer to the same file, or if their person and relative path are
    equal (copies of the same data set in different places).

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
    """A predicate: whether a row is in the share of its person's photos, or of its person's images
    of its domain. At least one is taken; of several, at least `leave` are left."""

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
            "both parts of a split must contain images. "
            f"Received: {len(train)} train and {len(test)} test of {len(index.people)} people"
        )
    return train, test
