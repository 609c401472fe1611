"""Probes against a gallery of one mean a person: who is compared with whom, and what they score."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from maskedface.evaluation.cohort import Cohort
from maskedface.evaluation.scores import normalized, person_means

OwnPhoto = Literal["keep", "skip", "leave_out"]


@dataclass(frozen=True)
class Matches:
    """Every probe's score to every person of the gallery.

    Attributes:
        rows: int64 array, shape (probes,), which face each probe is in the arrays it came from.
        people: tuple of str, whom each probe shows.
        gallery: tuple of str, the enrolled people, sorted.
        scores: float32 array, shape (probes, gallery), cosines in [-1, 1]; with a cohort, less
            `Cohort.offsets`, in [-2, 2].
        own: int64 array, shape (probes,), the column of the probe's own person; -1 where nobody
            enrolled them.
    """

    rows: np.ndarray
    people: tuple[str, ...]
    gallery: tuple[str, ...]
    scores: np.ndarray
    own: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """bool array, shape (probes,): whether the probe's person is enrolled."""
        return np.asarray(self.own >= 0)

    @property
    def known_people(self) -> list[str]:
        """The person of each enrolled probe, for `evaluation.bootstrap_interval`."""
        return [person for person, known in zip(self.people, self.known, strict=True) if known]

    @property
    def unknown_people(self) -> list[str]:
        """The person of each probe that nobody enrolled."""
        return [person for person, known in zip(self.people, self.known, strict=True) if not known]

    def ranks(self) -> np.ndarray:
        """The place of the own person among all, of the enrolled probes.

        Returns:
            int64 array, shape (known probes,), 1 = best. Ties count against the probe, so that
            embeddings that are all alike earn nothing.
        """
        scores, own = self.scores[self.known], self.own[self.known]
        mine = scores[np.arange(len(own)), own][:, None]
        return np.asarray((scores >= mine).sum(axis=1))

    def hits(self, k: int = 1) -> np.ndarray:
        """Which enrolled probes have their own person among the first k.

        The rows depend on labels alone, so two models' hits on the same faces can be compared face
        by face: `evaluation.paired_difference(a.hits(), b.hits(), a.known_people)`.

        Args:
            k: int >= 1.

        Returns:
            float64 array, shape (known probes,), 1 or 0.

        Raises:
            ValueError: if `k` is below 1.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1. Received: k={k}")
        return (self.ranks() <= k).astype("float64")

    def best_of_unknown(self) -> np.ndarray:
        """The best score of each probe that nobody enrolled: float32 array, shape (unknown,)."""
        return np.asarray(self.scores[~self.known].max(axis=1))


def match_probes(
    embeddings: np.ndarray,
    people: Sequence[str],
    domains: Sequence[str],
    photos: Sequence[str] | None = None,
    *,
    probes: Literal["masked", "unmasked"] = "masked",
    own_photo: OwnPhoto = "keep",
    enrolled: Collection[str] | None = None,
    cohort: Cohort | None = None,
    templates: np.ndarray | None = None,
) -> Matches:
    """Compares the probes with everybody's unmasked faces: one mean a person (`person_means`).

    Args:
        embeddings: float array, shape (faces, features).
        people, domains: each face's person and "masked" or "unmasked".
        photos: the photograph each face was made from; None = unknown.
        probes: the domain of the probes.
        own_photo: what to do with a probe whose own photograph, bare, is among its person's
            gallery faces. "keep": nothing, an optimiztic figure; "skip": do not ask it;
            "leave_out": compare it with its person's other photographs alone, and skip it where
            there are none. Unmasked probes are gallery faces themselves: "leave_out" them.
        enrolled: the people who make the gallery; by default all with an unmasked face. With it,
            the probes of all other people stay, as unknown ones; without, they are left out.
        cohort: what is common to each enrolled person and people of this cohort is taken off their
            scores.
        templates: what is enrolled of each face, float array of the embeddings' shape
            (`masking.masked_templates`); by default its embedding. Read of unmasked faces alone.

    Returns:
        `Matches`, the probes in the order of the faces.

    Raises:
        ValueError: if lengths differ, a name is none of these, nobody is enrolled, unmasked probes
            are not "leave_out", `own_photo` needs photos and some are unknown, templates have another
            shape, or as `Cohort.offsets`.
    """
    unit, names = normalized(embeddings), np.asarray(people, dtype=object)
    domain = np.asarray(domains, dtype=object)
    _check(len(unit), names, domain, photos, probes, own_photo)
    enrolled_as = unit if templates is None else normalized(templates)
    if enrolled_as.shape != unit.shape:
        raise ValueError(
            "templates must have the embeddings' shape. "
            f"Received: {enrolled_as.shape} for {unit.shape}"
        )
    faces = domain == "unmasked"
    if enrolled is not None:
        chosen = set(enrolled)
        faces &= np.array([name in chosen for name in names], bool)
    if not faces.any():
        raise ValueError("the gallery must hold an unmasked face. Received: none")
    gallery, means = person_means(enrolled_as[faces], names[faces])
    column = {name: number for number, name in enumerate(gallery)}
    own = np.array([column.get(name, -1) for name in names])
    asked = (domain == probes) & (own >= 0 if enrolled is None else True)
    scores = _scores(unit @ means.T, means, cohort)
    if own_photo != "keep" and photos is not None:
        shared, lonely, rest = _without_own_photo(
            enrolled_as, names, np.asarray(photos), faces, own
        )
        rows = np.flatnonzero(shared)
        scores[rows, own[rows]] = _scores(
            np.einsum("ij,ij->i", unit[rows], rest[rows]), rest[rows], cohort
        )
        asked &= ~(shared if own_photo == "skip" else lonely)
    rows = np.flatnonzero(asked)
    return Matches(rows, tuple(map(str, names[rows])), gallery, scores[rows], own[rows])


def by_mask(masked: Matches, bare: Matches, seems_masked: np.ndarray) -> Matches:
    """The scores of two networks that share the probes: one compares those that seem masked, one the rest.

    Args:
        masked, bare: the same probes and gallery, scored by either network.
        seems_masked: bool array, shape (faces,), of all faces that the matches' `rows` count: what is
            estimated of each (`masking.masked_probability`), not what is known.

    Returns:
        `Matches`. Each network has its own scale: ranks can be taken over all probes, a threshold
        cannot.

    Raises:
        ValueError: if probes or galleries differ, or `seems_masked` is too short.
    """
    same = np.array_equal(masked.rows, bare.rows) and masked.people == bare.people
    same = same and masked.gallery == bare.gallery
    if not same or len(seems_masked) <= max(masked.rows, default=-1):
        raise ValueError(
            "masked and bare must be of the same probes and gallery, and seems_masked of all faces. "
            f"Received: {len(masked.rows)} and {len(bare.rows)} probes, {len(masked.gallery)} and "
            f"{len(bare.gallery)} people, {len(seems_masked)} faces"
        )
    chosen = np.asarray(seems_masked, bool)[masked.rows][:, None]
    return replace(masked, scores=np.where(chosen, masked.scores, bare.scores))


def _check(
    count: int,
    people: np.ndarray,
    domains: np.ndarray,
    photos: Sequence[str] | None,
    probes: str,
    own_photo: str,
) -> None:
    lengths = {count, len(people), len(domains), count if photos is None else len(photos)}
    if len(lengths) != 1:
        raise ValueError(
            "embeddings, people, domains and photos must have the same length. "
            f"Received: lengths {sorted(lengths)}"
        )
    if probes not in ("masked", "unmasked") or own_photo not in ("keep", "skip", "leave_out"):
        raise ValueError(
            "probes must be 'masked' or 'unmasked', own_photo 'keep', 'skip' or 'leave_out'. "
            f"Received: probes={probes!r}, own_photo={own_photo!r}"
        )
    if probes == "unmasked" and own_photo != "leave_out":
        raise ValueError(
            "own_photo must be 'leave_out' for unmasked probes, which the gallery is made of. "
            f"Received: own_photo={own_photo!r}"
        )
    if own_photo != "keep" and (photos is None or "" in photos):
        raise ValueError(
            f"photos must be known for own_photo={own_photo!r}; datasets.with_photo_groups finds "
            "them. Received: unknown photos"
        )


def _scores(cosines: np.ndarray, templates: np.ndarray, cohort: Cohort | None) -> np.ndarray:
    """Cosines whose last axis goes along the templates, less these templates' offsets."""
    cosines = cosines.clip(-1, 1)
    return cosines if cohort is None else cosines - cohort.offsets(templates)


def _without_own_photo(
    unit: np.ndarray, people: np.ndarray, photos: np.ndarray, gallery: np.ndarray, own: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which faces share a photograph with their person's gallery faces, for which no other photograph is
    left, and the unit mean of those that are (only of those that share one)."""
    faces_of: dict[tuple[str, str], list[int]] = {}
    total = np.zeros((own.max() + 1, unit.shape[1]), "float32")
    count = np.zeros(len(total), int)
    for row in np.flatnonzero(gallery).tolist():
        faces_of.setdefault((people[row], photos[row]), []).append(row)
        total[own[row]] += unit[row]
        count[own[row]] += 1
    shared, lonely = np.zeros(len(unit), bool), np.zeros(len(unit), bool)
    rest = np.zeros_like(unit)
    for row in np.flatnonzero(own >= 0).tolist():
        same = faces_of.get((people[row], photos[row]), [])
        if not same:
            continue
        shared[row] = True
        lonely[row] = len(same) == count[own[row]]
        rest[row] = total[own[row]] - unit[same].sum(axis=0)
    return shared, lonely, normalized(rest)
