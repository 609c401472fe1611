"""Label noise: faces that a network finds nearer to another person than to the one they are labeled as."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from maskedface.evaluation.embedded_faces import EmbeddedFaces
from maskedface.evaluation.matching import Matches, match_probes
from maskedface.reprs import short_repr

_DOMAINS: tuple[Literal["masked", "unmasked"], ...] = ("masked", "unmasked")

# Ours, by injected label noise on RMFRD's people with fewer than 8 masked images: the least at which
# about 1 % of the labels left alone are contradicted (docs/datasets.md; `tools/measure_label_noise.py`).
MARGIN = 2.0


@dataclass(frozen=True, eq=False)
class LabelCheck:
    """How each face compares with its own person and with everybody else.

    Attributes:
        rows: int64 array, shape (compared,), which face of the arrays each comparison is of, ascending.
            Faces whose person has no unmasked face of another photograph are not among them.
        people: tuple of str, the label of each compared face.
        others: tuple of str, the other person who is nearest.
        own, other: float32 arrays in [-1, 1], shape (compared,), the cosines to both.
        spread: float > 0, how much a face's cosines to other people vary: the median of their standard
            deviations. Networks differ in it tenfold.
        margin: float >= 0, by how many spreads the other must be nearer to contradict a label.
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
        """bool array, shape (compared,): another person is nearer by the margin or more."""
        return np.asarray(self.other - self.own >= max(self.margin * self.spread, 1e-6))

    def disagreement(self) -> dict[str, float]:
        """{person: the share of their compared faces that are nearer to somebody else, in [0, 1]}.

        A network errs: a share of some people's faces is nearer to others with no label wrong. It is a
        hint where it is far above everybody's.
        """
        faces = Counter(self.people)
        nearer = self.other > self.own
        away = Counter(
            person for person, differs in zip(self.people, nearer, strict=True) if differs
        )
        return {person: away[person] / count for person, count in sorted(faces.items())}


def check_labels(faces: EmbeddedFaces, *, margin: float = MARGIN) -> LabelCheck:
    """Finds faces that are probably labeled as the wrong person: nearest class mean, leave one out.

    Each face is compared with one mean a person of their unmasked faces, masked faces too, since masked
    faces attract each other; its own person's without the face itself and all others of its photograph.
    The network must not have been trained on these people: it would have learnt the wrong labels.
    `docs/datasets.md` has the share of injected label noise that it finds, and how often it is wrong.

    Args:
        faces: their embeddings are compared, without templates and cohort. A face of no known photograph
            counts as one of its own, so fill them in first (`datasets.with_photo_groups`), or copies
            vouch for each other.
        margin: float >= 0, from which a label is contradicted: the difference of the two cosines in
            `LabelCheck.spread`s.

    Returns:
        A `LabelCheck`: `rows`, the faces compared, ascending; `contradicted`, which of these are of
        somebody else, bool array of the same shape; `others`, who that is; `own`, `other`, both cosines;
        `disagreement()`, the share of such faces, person by person.

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
            "three people at least must have an unmasked face. "
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
    """Rows, the scores to the own and to the nearest other person, the latter's column, and the standard
    deviation of the scores to all others."""
    places = np.arange(len(matches.rows))
    own = matches.scores[places, matches.own]
    others = matches.scores.copy()
    others[places, matches.own] = -np.inf
    column = others.argmax(axis=1)
    best = others[places, column]
    others[places, matches.own] = np.nan
    return matches.rows, own, best, column, np.nanstd(others, axis=1)
