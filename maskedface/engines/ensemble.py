"""An ensemble of networks with score fusion."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskedface import geometry
from maskedface.engines.embedder import Embedder
from maskedface.evaluation.scoring import normalized

_WIDE = "wide"


class Ensemble(Embedder):
    """Several embedders with score fusion: the cosine of two of its embeddings is the weighted mean
    of the members' cosines.

    It can be used in place of a single network in galleries, evaluation and all commands. Members
    may differ in engine, alignment and size: a face is then warped to the alignment "wide", at the
    largest of their scales, and from there to each member's. `evaluation.fusion_weights` determines
    the weights on training people.

    Args:
        members: at least two embedders: different networks, or views of the whole and of the upper
            face by one network (`models.upper_view`).
        weights: float > 0 for each member, scaled to a sum of 1; equal by default.

    Attributes:
        weights: float64 array, shape (members,), with a sum of 1.

    Raises:
        ValueError: if there are fewer than two members, or a weight is missing or not above 0.

    >>> import numpy as np
    >>> from maskedface import engines, models, synthetic
    >>> whole = models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))
    >>> both = engines.Ensemble(
    ...     [engines.KerasEmbedder(whole), engines.KerasEmbedder(models.upper_view(whole))],
    ...     weights=[2, 1])
    >>> faces = np.stack([synthetic.draw_face(person, 0, False, size=64) for person in (0, 1)])
    >>> embeddings = both(faces)
    >>> embeddings.shape, np.linalg.norm(embeddings, axis=1).round(3).tolist()
    ((2, 128), [1.0, 1.0])
    """

    engine = "ensemble"

    def __init__(self, members: Sequence[Embedder], weights: Sequence[float] | None = None) -> None:
        self.members = tuple(members)
        given = np.ones(len(self.members)) if weights is None else np.asarray(weights, "float64")
        if len(self.members) < 2 or given.shape != (len(self.members),) or not _above_0(given):
            raise ValueError(
                "members must be at least two, with one finite weight above 0 each. "
                f"Received: {len(self.members)} members, weights={weights}"
            )
        self.weights = given / given.sum()
        taken = {(one.alignment, one.size) for one in self.members}
        alignment, size = taken.pop() if len(taken) == 1 else (_WIDE, _wide_size(self.members))
        known = [f"{one.fingerprint} {w:.9g}" for one, w in zip(members, self.weights, strict=True)]
        super().__init__(
            size=size,
            alignment=alignment,
            features=sum(one.features for one in self.members),
            fingerprint=hashlib.blake2b("\n".join(known).encode(), digest_size=16).hexdigest(),
        )

    def embed(self, faces: np.ndarray) -> np.ndarray:
        parts = [
            np.float32(math.sqrt(weight)) * normalized(member(self._seen_by(member, faces)))
            for member, weight in zip(self.members, self.weights, strict=True)
        ]
        return np.concatenate(parts, axis=1)

    def facts(self) -> dict[str, Any]:
        weighted = zip(self.members, self.weights.tolist(), strict=True)
        return {
            **super().facts(),
            "members": [{**member.facts(), "weight": weight} for member, weight in weighted],
        }

    def _seen_by(self, member: Embedder, faces: np.ndarray) -> np.ndarray:
        if (member.alignment, member.size) == (self.alignment, self.size):
            return faces
        matrix = geometry.chip_matrix(
            self.size, self.size, source=self.alignment, target=member.alignment, size=member.size
        )
        return np.stack([geometry.warp(face, matrix, member.size) for face in faces])


def _above_0(weights: np.ndarray) -> bool:
    return bool(np.isfinite(weights).all() and (weights > 0).all())


def _wide_size(members: Sequence[Embedder]) -> int:
    """The smallest size of a wide face that no member needs to upsample."""

    def eyes(alignment: str, size: int) -> float:
        left, right = geometry.alignment_points(alignment, size, size)[:2]
        return float(np.hypot(*(right - left)))

    size = geometry.ALIGNMENTS[_WIDE].size
    return math.ceil(
        size * max(eyes(one.alignment, one.size) for one in members) / eyes(_WIDE, size)
    )
