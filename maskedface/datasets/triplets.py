"""Triplets of a masked face, an unmasked face of the same person and one of another person."""

from __future__ import annotations

import numpy as np

from maskedface.datasets.face_index import FaceIndex


def draw_triplets(index: FaceIndex, count: int = 1, *, seed: int = 0) -> np.ndarray:
    """Draws triplets for `losses.SelfRestrainedTriplet`.

    >>> from maskedface import datasets
    >>> rows = [("a", "masked"), ("a", "unmasked"), ("b", "unmasked")]
    >>> faces = [datasets.Face(f"{n}.jpg", who, domain) for n, (who, domain) in enumerate(rows)]
    >>> datasets.draw_triplets(datasets.FaceIndex("photos", faces), count=2).tolist()
    [[0, 1, 2], [0, 1, 2]]

    Args:
        index: faces of both domains.
        count: int >= 1, triplets per masked face.
        seed: int, the random seed.

    Returns:
        int64 array, shape (triplets, 3), rows of the index. The anchor is each masked face whose
        person has an unmasked one, `count` times. The positive is an unmasked face of that person,
        from the same photograph if there is one (as when the mask was drawn on it). The negative is
        an unmasked face of another person. All choices are uniform; the triplets are in random
        order.

    Raises:
        ValueError: if `count` is below 1, or no triplet can be drawn.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1. Received: count={count}")
    people = np.array([face.person for face in index.faces])
    photos = np.array([face.photo for face in index.faces])
    bare = np.array([face.domain == "unmasked" for face in index.faces])
    found, rng = [], np.random.default_rng(seed)
    for person in dict.fromkeys(people[~bare]):
        own = np.flatnonzero(bare & (people == person))
        others = np.flatnonzero(bare & (people != person))
        if not len(own) or not len(others):
            continue
        for row in np.flatnonzero(~bare & (people == person)):
            same = own[photos[own] == photos[row]] if photos[row] else own[:0]
            positives = rng.choice(same if len(same) else own, count)
            negatives = rng.choice(others, count)
            found += [(row, *pair) for pair in zip(positives, negatives, strict=True)]
    if not found:
        raise ValueError(
            "at least one masked face must have an unmasked face of its person and one of another. "
            f"Received: {len(index)} faces"
        )
    return np.asarray(rng.permutation(np.array(found)))
