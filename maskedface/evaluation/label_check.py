"""Label noise detection: faces that are more similar to another person than to their labeled
one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from maskedface.evaluation.embedded_faces import EmbeddedFaces
from maskedface.evaluation.matching import Matches, match_probes
from maskedface.reprs import short_repr

_DOMAINS: tuple[Literal["masked", "unmasked"], ...] = ("masked", "unmasked")

# Measured with injected label noise on RMFRD's people with fewer than 8 masked images: the smallest
# margin at which about 1 % of the correct labels are contradicted (docs/datasets.md;
# `tools/measure_label_noise.py`).
MARGIN = 2.0


@dataclass(frozen=True, eq=False)
class LabelCheck:
    """The similarity of each face to its labeled person and to all other people.

    Attributes:
        rows: int64 array, shape (compared,), the indices of the compared faces, ascending. Faces
            whose person has no unmasked face from another photograph are not compared.
        people: tuple of str, the label of each compared face.
        others: tuple of str, the most similar other person.
        own, other: float32 arrays in [-1, 1], shape (compared,), the cosine similarities to both.
        spread: float > 0, the median over faces of the standard deviation of the cosines to other
            people; it differs between networks by a factor of ten.
        margin: float >= 0, by how many spreads `other` must exceed `own` to contradict a label.
    """

    rows: np.ndarray
    people: tuple[str, ...]
    others: tuple[str, ...]
    own: np.ndarray
    other: np.ndarray
    spread: float
    margin: float

    __repr__ = short_repr

    @property
    def contradicted(self) -> np.ndarray:
        """bool array, shape (compared,): whether another person is more similar by at least the
        margin."""
        return np.asarray(self.other - self.own >= max(self.margin * self.spread, 1e-6))

    def disagreement(self) -> dict[str, float]:
        """{person: share of their compared faces that are more similar to another person, in [0,
        1]}.

        Networks make errors, so this is above 0 for some people without wrong labels. A share far
        above the overall one is a hint.
        """
        faces = Counter(self.people)
        nearer = self.other > self.own
        away = Counter(
            person for person, differs in zip(self.people, nearer, strict=True) if differs
        )
        return {person: away[person] / count for person, count in sorted(faces.items())}


def check_labels(faces: EmbeddedFaces, *, margin: float = MARGIN) -> LabelCheck:
    """Finds faces with a probably wrong identity label: leave-one-out nearest class mean.

    Each face, masked or not, is compared with the mean of each person's unmasked faces, because
    masked faces are similar to each other. The mean of its own person leaves out all faces from its
    photograph. The network must not be trained on these people, as it would have learned the wrong
    labels. `docs/datasets.md` reports the share of injected label noise that is found, and the
    share of errors.

    Args:
        faces: the embedded faces; templates and cohort are ignored. Faces with an unknown
            photograph count as separate photographs, so fill the photographs in first
            (`datasets.with_photo_groups`), or copies confirm each other.
        margin: float >= 0, the difference of the two cosines, in units of `LabelCheck.spread`, from
            which a label is contradicted.

    Returns:
        A `LabelCheck`: `rows`, the indices of the compared faces, ascending; `contradicted`, a bool
        array of the same shape, whether a label is contradicted; `others`, the most similar other
        people; `own`, `other`, the cosines; `disagreement()`, the share per person of faces that
        are more similar to another person.

    Raises:
        ValueError: if `margin` is negative, fewer than three people have an unmasked face, or as
            `match_probes`.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> people, domains = ["Ada", "Ada", "Bo", "Bo", "Eva", "Bo"], ["unmasked"] * 5 + ["masked"]
    >>> faces = evaluation.EmbeddedFaces(np.eye(3)[[0, 0, 1, 1, 2, 0]], people, domains)
    >>> check = evaluation.check_labels(faces)
    >>> check.rows[check.contradicted]  # Bo under a mask looks like Ada
    array([5])
    """
    if not margin >= 0:
        raise ValueError(f"margin must be at least 0. Received: margin={margin}")
    people, rated = faces.people, zip(faces.people, faces.domains, strict=False)
    enrolled = {person for person, domain in rated if domain == "unmasked"}
    if len(enrolled) < 3:
        raise ValueError(
            "at least three people must have an unmasked face. "
            f"Received: {len(enrolled)} of {len(set(people))} people"
        )
    photos = [""] * len(people) if faces.photos is None else faces.photos
    known = [photo or f"\0{row}" for row, photo in enumerate(photos)]
    plain = EmbeddedFaces(faces.embeddings, people, faces.domains, known)
    found = [_nearest(match_probes(plain, probes=part, own_photo="leave_out")) for part in _DOMAINS]
    rows, own, other, column, spread = (
        np.concatenate([part[i] for part in found]) for i in range(5)
    )
    order = np.argsort(rows)
    return LabelCheck(
        rows[order],
        tuple(str(people[row]) for row in rows[order]),
        tuple(sorted(enrolled)[person] for person in column[order]),
        own[order],
        other[order],
        float(np.median(spread)) if len(spread) else 0.0,
        float(margin),
    )


def _nearest(matches: Matches) -> tuple[np.ndarray, ...]:
    """Rows, the scores of the own and of the most similar other person, the latter's column, and
    the standard deviation of the scores of all other people."""
    places = np.arange(len(matches.rows))
    own = matches.scores[places, matches.own]
    others = matches.scores.copy()
    others[places, matches.own] = -np.inf
    column = others.argmax(axis=1)
    best = others[places, column]
    others[places, matches.own] = np.nan
    return matches.rows, own, best, column, np.nanstd(others, axis=1)
