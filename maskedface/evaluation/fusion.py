"""Score fusion: weights for an ensemble of networks, fitted on training people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maskedface.evaluation.embedded_faces import EmbeddedFaces

_PAIRS = 50_000  # at most, of each kind


def fusion_weights(members: Sequence[EmbeddedFaces], *, seed: int = 0) -> np.ndarray:
    """Fits weights for `engines.Ensemble` by logistic regression of genuine against impostor pairs
    on the members' cosine similarities, between masked and unmasked faces if there are both.

    Networks with a smaller spread of cosines get larger weights for the same contribution; a
    network that contributes nothing gets the smallest weight, 0.01 of the largest.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> from maskedface.datasets import Face
    >>> faces = [Face(f"{n}.png", f"p{n // 4}", "masked" if n % 2 else "unmasked") for n in range(80)]
    >>> random = np.random.default_rng(0)
    >>> good = np.repeat(random.normal(size=(20, 16)), 4, axis=0) + random.normal(size=(80, 16)) * 0.5
    >>> parts = [
    ...     evaluation.EmbeddedFaces.of(faces, rows) for rows in (good, random.normal(size=(80, 16)))]
    >>> good, noise = evaluation.fusion_weights(parts)
    >>> bool(good > 10 * noise)
    True

    Args:
        members: each member's embeddings of the same training faces, in the ensemble's order
            (`recognition.embed_index`).
        seed: int >= 0, random seed for sampling up to 50,000 pairs of each kind.

    Returns:
        float64 array, shape (members,), positive, with sum 1.

    Raises:
        ValueError: if there are fewer than two members, their faces differ, or there is no genuine or
            no impostor pair.
    """
    from sklearn.linear_model import LogisticRegression

    if len(members) < 2 or any(one.people != members[0].people for one in members):
        raise ValueError(
            "members must be at least two, with the same faces. Received: "
            f"{[len(one.people) for one in members]} faces of {len(members)} members"
        )
    genuine, impostor = _pairs(members[0], np.random.default_rng(seed))
    if not len(genuine) or not len(impostor):
        raise ValueError(
            "faces must make genuine and impostor pairs. "
            f"Received: {len(genuine)} genuine and {len(impostor)} impostor pairs"
        )
    rows = np.concatenate([genuine, impostor])
    cosines = np.stack(
        [(one.unit[rows[:, 0]] * one.unit[rows[:, 1]]).sum(1) for one in members], axis=1
    )
    spread = cosines.std(axis=0) + 1e-9
    is_genuine = np.arange(len(rows)) < len(genuine)
    fitted = LogisticRegression(class_weight="balanced").fit(cosines / spread, is_genuine)
    weights = np.maximum(fitted.coef_[0], 0) / spread
    weights = np.maximum(weights, 0.01 * max(weights.max(), 1e-9))
    found: np.ndarray = (weights / weights.sum()).astype("float64")
    return found


def _pairs(faces: EmbeddedFaces, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of genuine and of impostor pairs: int arrays, shape (pairs, 2)."""
    people, photos = (_numbers(names) for names in (faces.people, faces.photos or []))
    masked = np.array(faces.domains) == "masked"
    if masked.any() and not masked.all():
        one, other = np.flatnonzero(masked), np.flatnonzero(~masked)
    else:
        one = other = np.arange(len(people))
    drawn = np.stack([rng.choice(one, _PAIRS), rng.choice(other, _PAIRS)], axis=1)
    impostor = drawn[people[drawn[:, 0]] != people[drawn[:, 1]]]
    found = []
    for row in one:
        same = other[(people[other] == people[row]) & (other != row)]
        # A mask drawn on the same photograph is not evidence.
        if faces.photos and faces.photos[int(row)]:
            same = same[photos[same] != photos[row]]
        found.append(np.stack([np.full(len(same), row), same], axis=1))
    genuine = np.concatenate(found)
    return genuine[rng.permutation(len(genuine))[:_PAIRS]], impostor


def _numbers(names: Sequence[str]) -> np.ndarray:
    return np.unique(np.array(names, dtype=str), return_inverse=True)[1]
