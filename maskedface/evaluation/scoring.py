"""Scores of embeddings: normalization, class means, cosine similarities, thresholds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

_PAIRS = 65_536  # pairs per batch: 64 MB with 128 features


def normalized(embeddings: np.ndarray) -> np.ndarray:
    """Scales every embedding to length 1, so that dot products are cosine similarities.

    Args:
        embeddings: float array, shape (faces, features).

    Returns:
        float32 array of the same shape. A zero row stays zero, and has cosine 0 to everything.

    Raises:
        ValueError: if the array is not two-dimensional, or a value is not finite.

    >>> import numpy as np
    >>> from maskedface.evaluation.scoring import normalized
    >>> normalized(np.array([[3.0, 4.0], [0.0, 0.0]])).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
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
    """One unit vector per person: the mean of their faces' unit embeddings, scaled to length 1.

    Args:
        embeddings: float array, shape (faces, features).
        people: the person of each face.

    Returns:
        (sorted names; float32 array, shape (people, features), in the same order).

    Raises:
        ValueError: if there are no faces, the lengths differ or a value is not finite.

    >>> import numpy as np
    >>> from maskedface.evaluation.scoring import person_means
    >>> names, means = person_means(np.eye(2), ["bo", "ada"])
    >>> names, means[0].tolist()
    (('ada', 'bo'), [0.0, 1.0])
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


def photo_keys(
    people: Sequence[object], photos: Sequence[str] | None = None
) -> list[tuple[Any, str | int]]:
    """The (person, photograph) of each face, equal for versions of one photograph.

    Args:
        people, photos: as for `photo_counts`.

    >>> from maskedface.evaluation.scoring import photo_keys
    >>> photo_keys(["ada", "ada", "bo"], ["one.jpg", "one.jpg", ""])
    [('ada', 'one.jpg'), ('ada', 'one.jpg'), ('bo', 2)]
    """
    names = [""] * len(people) if photos is None else photos
    pairs = zip(people, names, strict=True)
    return [(person, photo or row) for row, (person, photo) in enumerate(pairs)]


def photo_counts(people: Sequence[object], photos: Sequence[str] | None = None) -> dict[Any, int]:
    """How many photographs there are of each person.

    Args:
        people: the person of each face.
        photos: the photograph that each face was made from; "" or None = unknown, counted as a
            separate one.

    Returns:
        {person: number of photographs, at least 1}.

    >>> from maskedface.evaluation.scoring import photo_counts
    >>> sorted(photo_counts(["ada", "ada", "bo"], ["one.jpg", "one.jpg", "two.jpg"]).items())
    [('ada', 1), ('bo', 1)]
    """
    return Counter(person for person, _ in {*photo_keys(people, photos)})


def cosine_scores(embeddings: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cosine similarities of pairs of faces.

    Args:
        embeddings: float array, shape (faces, features).
        first, second: int arrays, shape (pairs,): the rows of each pair's two faces.

    Returns:
        float32 array in [-1, 1], shape (pairs,).

    Raises:
        ValueError: if `first` and `second` differ in shape, or as `normalized`.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> faces = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> evaluation.cosine_scores(faces, np.array([0, 0]), np.array([1, 2])).tolist()
    [1.0, 0.0]
    """
    unit, first, second = normalized(embeddings), np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            "first and second must both have shape (pairs,). "
            f"Received: {first.shape} and {second.shape}"
        )
    scores = np.empty(len(first), "float32")
    for start in range(0, len(first), _PAIRS):
        part = slice(start, start + _PAIRS)
        scores[part] = np.einsum("ij,ij->i", unit[first[part]], unit[second[part]])
    return scores.clip(-1, 1)


def can_tell(rate: float, count: int) -> bool:
    """Whether a rate can be measured with `count` scores: whether it is in [1 / count, 1], up to
    rounding.

    Args:
        rate: float.
        count: int >= 0.
    """
    return rate <= 1 and rate * count >= 1 - 1e-9


def threshold_at(scores: np.ndarray, rate: float) -> float:
    """The lowest threshold that accepts at most a given share of scores; equal scores are accepted.

    Args:
        scores: float array, shape (n,): impostor scores, or the highest score of each unknown
            probe.
        rate: float in [1 / n, 1], the share that may be accepted.

    Returns:
        The threshold: at most floor(rate * n) of the scores are >= it, in float32.

    Raises:
        ValueError: if there are no scores, or `rate` is above 1 or below 1 / n, the lowest rate
            that n scores can measure.

    >>> import numpy as np
    >>> from maskedface.evaluation.scoring import threshold_at
    >>> scores = np.arange(10) / 10
    >>> (scores.astype("float32") >= threshold_at(scores, 0.2)).sum().item()
    2
    """
    scores = np.asarray(scores, "float32")
    if not can_tell(rate, len(scores)):
        raise ValueError(
            "a false accept rate must be between 1 / scores and 1. "
            f"Received: {rate} for {len(scores)} scores"
        )
    allowed = int(rate * len(scores) + 1e-9)
    if allowed == len(scores):
        return float(scores.min())
    # The highest score to reject: the threshold is the next float above it.
    refused = np.partition(scores, len(scores) - allowed - 1)[len(scores) - allowed - 1]
    return float(np.nextafter(refused, np.float32(np.inf)))
