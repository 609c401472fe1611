"""The order and the flips of an epoch, as functions of (seed, epoch, element) and nothing else.

No generator's history enters, so a resumed run sees what an unbroken one would have seen, and a
cached one what an ordinary one sees.
"""

from __future__ import annotations

import cv2
import numpy as np

_ORDER, _FLIP, _BALANCE = range(3)  # keep the streams of one (seed, epoch) apart


def shuffled(count: int, seed: int, epoch: int) -> np.ndarray:
    """An epoch's order: each row once.

    Args:
        count: int, the number of rows.
        seed, epoch: int >= 0.

    Returns:
        int64 array, shape (count,), a permutation of 0 ... count - 1.
    """
    return np.random.default_rng([seed, epoch, _ORDER]).permutation(count)


def balanced(labels: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """An epoch's order in which each class comes up equally often, to one.

    Of each class as many rows are taken as an even share gives it: rows of a small class several
    times (each equally often, to one), a random part of a large one.

    Args:
        labels: int array, shape (rows,), the class of each row.
        seed, epoch: int >= 0.

    Returns:
        int64 array, shape (rows,), row numbers in random order.
    """
    rng = np.random.default_rng([seed, epoch, _BALANCE])
    classes = rng.permutation(np.unique(labels))
    quotas = np.full(len(classes), len(labels) // len(classes))
    quotas[: len(labels) % len(classes)] += 1
    rows = []
    for label, quota in zip(classes, quotas, strict=True):
        members = rng.permutation(np.flatnonzero(labels == label))
        rows.append(np.resize(members, quota))
    return rng.permutation(np.concatenate(rows))


def flips(count: int, seed: int, epoch: int) -> np.ndarray:
    """Which rows are mirrored in an epoch, each with chance one half.

    Args:
        count: int, the number of rows.
        seed, epoch: int >= 0.

    Returns:
        bool array, shape (count,), by row number; entry i is the same for any `count` above i.
    """
    return np.random.default_rng([seed, epoch, _FLIP]).random(count) < 0.5


def plan(
    labels: np.ndarray,
    seed: int,
    epoch: int,
    *,
    shuffle: bool = True,
    balance: bool = False,
    flip: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """What an epoch shows: which rows in which order, and which of them mirrored.

    Args:
        labels: int array, shape (rows,), the class of each row.
        seed, epoch: int >= 0.
        shuffle: whether the order is the epoch's own; else that of the rows.
        balance: whether each class comes up equally often (implies a shuffle).
        flip: whether rows are mirrored with chance one half.

    Returns:
        int64 array, shape (rows,), row numbers; bool array, shape (rows,), whether each of these is
        mirrored.
    """
    rows = np.arange(len(labels))
    if balance:
        rows = balanced(labels, seed, epoch)
    elif shuffle:
        rows = shuffled(len(labels), seed, epoch)
    mirrored = flips(len(labels), seed, epoch) if flip else np.zeros(len(labels), bool)
    return rows, mirrored[rows]


def mirror(images: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Mirrors some images, left to right.

    Args:
        images: uint8 array, shape (images, height, width, 3), changed in place.
        mirrored: bool array, shape (images,).

    Returns:
        `images`.
    """
    for row in np.flatnonzero(mirrored):
        images[row] = cv2.flip(images[row], 1)  # NumPy takes thirty times as long, and holds the lock
    return images
