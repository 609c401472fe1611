"""Embeddings compared: unit vectors, people's means, cosines, and the threshold for a rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_BLOCK = 65_536  # pairs compared at a time: 64 MB at 128 numbers a face


def normalized(embeddings: np.ndarray) -> np.ndarray:
    """Scales every embedding to length 1, so that a product of two is their cosine.

    Args:
        embeddings: float array, shape (faces, features).

    Returns:
        float32 array of the same shape. A row of zeros stays zeros: its cosine to anything is 0.

    Raises:
        ValueError: if the shape is another, or a value is not finite.
    """
    rows = np.asarray(embeddings, "float32")
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError(
            "embeddings must have shape (faces, features) and finite values. "
            f"Received: shape={rows.shape}, finite={bool(np.isfinite(rows).all())}"
        )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.where(lengths > 0, lengths, 1)
    return unit


def person_means(
    embeddings: np.ndarray, people: Sequence[str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """One unit vector a person: the mean of the unit embeddings of their faces, scaled to length 1.

    Args:
        embeddings: float array, shape (faces, features).
        people: the person of each face.

    Returns:
        (names, sorted; float32 array, shape (people, features), row by row the same person).

    Raises:
        ValueError: if there is no face, the lengths differ or a value is not finite.
    """
    unit = normalized(embeddings)
    if not len(unit) or len(unit) != len(people):
        raise ValueError(
            "embeddings and people must have the same length, at least 1. "
            f"Received: {len(unit)} embeddings, {len(people)} people"
        )
    names, person = np.unique(np.asarray([*map(str, people)], object), return_inverse=True)
    sums = np.zeros((len(names), unit.shape[1]), "float32")
    np.add.at(sums, person, unit)
    return tuple(names), normalized(sums)


def cosine_scores(embeddings: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cosines of pairs of faces.

    Args:
        embeddings: float array, shape (faces, features).
        first, second: int arrays, shape (pairs,): the rows of each pair's two faces.

    Returns:
        float32 array in [-1, 1], shape (pairs,).

    Raises:
        ValueError: if `first` and `second` differ in shape, or as `normalized`.
    """
    unit = normalized(embeddings)
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            "first and second must both have shape (pairs,). "
            f"Received: {first.shape} and {second.shape}"
        )
    scores = np.empty(len(first), "float32")
    for start in range(0, len(first), _BLOCK):
        part = slice(start, start + _BLOCK)
        scores[part] = np.einsum("ij,ij->i", unit[first[part]], unit[second[part]])
    return scores.clip(-1, 1)


def can_tell(rate: float, count: int) -> bool:
    """Whether so many scores can tell a rate: in [1 / count, 1], but for rounding.

    Args:
        rate: float.
        count: int >= 0.
    """
    return rate <= 1 and rate * count >= 1 - 1e-9


def threshold_at(scores: np.ndarray, rate: float) -> float:
    """The lowest threshold that accepts at most a share of scores; a score equal to it is accepted.

    Args:
        scores: float array, shape (n,): those of impostors, or the best of each unknown probe.
        rate: float in [1 / n, 1], the share that may be accepted.

    Returns:
        The threshold: at most floor(rate * n) of the scores are >= it, in float32.

    Raises:
        ValueError: if there is no score, or `rate` is below 1 / n or above 1: n scores cannot tell
            so small a rate.
    """
    scores = np.asarray(scores, "float32")
    if not can_tell(rate, len(scores)):
        raise ValueError(
            "a false-acceptance rate must be between 1 / scores and 1. "
            f"Received: {rate} for {len(scores)} scores"
        )
    allowed = int(rate * len(scores) + 1e-9)
    if allowed == len(scores):
        return float(scores.min())
    # The highest score that must be refused: the threshold is the next number above it.
    refused = np.partition(scores, len(scores) - allowed - 1)[len(scores) - allowed - 1]
    return float(np.nextafter(refused, np.float32(np.inf)))
