"""Matches probes against a gallery of one mean per person."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np

from maskedface.evaluation.embedded_faces import EmbeddedFaces
from maskedface.evaluation.scoring import normalized, person_means, photo_counts
from maskedface.evaluation.templates import Templates
from maskedface.names import did_you_mean
from maskedface.reprs import short_repr

OwnPhoto = Literal["keep", "skip", "leave_out"]


@dataclass(frozen=True)
class Matches:
    """The scores of all probes with all people in the gallery.

    Attributes:
        rows: int64 array, shape (probes,), the index of each probe in the original faces.
        people: tuple of str, the person of each probe.
        gallery: tuple of str, the enrolled people, sorted.
        scores: float32 array, shape (probes, gallery), cosine similarities in [-1, 1]; with a
            cohort minus `Cohort.offsets`, in [-2, 2].
        own: int64 array, shape (probes,), the column of the probe's own person; -1 if not enrolled.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> domains = ["unmasked", "unmasked", "masked"]
    >>> faces = evaluation.EmbeddedFaces(np.eye(2)[[0, 1, 0]], ["Ada", "Bo", "Ada"], domains)
    >>> matches = evaluation.match_probes(faces)
    >>> matches.gallery, matches.ranks().tolist()
    (('Ada', 'Bo'), [1])
    """

    rows: np.ndarray
    people: tuple[str, ...]
    gallery: tuple[str, ...]
    scores: np.ndarray
    own: np.ndarray

    __repr__ = short_repr

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
        """The person of each probe whose person is not enrolled."""
        return [person for person, known in zip(self.people, self.known, strict=True) if not known]

    def ranks(self) -> np.ndarray:
        """The rank of the own person, for each probe of an enrolled person.

        Returns:
            int64 array, shape (known probes,), 1 is best. Ties count against the probe, so that
            constant embeddings do not score.
        """
        scores, own = self.scores[self.known], self.own[self.known]
        mine = scores[np.arange(len(own)), own][:, None]
        return np.asarray((scores >= mine).sum(axis=1))

    def hits(self, k: int = 1) -> np.ndarray:
        """Whether the own person is among the first k, for each probe of an enrolled person.

        The rows depend on labels only, so two models' hits on the same faces can be paired:
        `evaluation.paired_difference(a.hits(), b.hits(), a.known_people)`.

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
        """The highest score of each probe whose person is not enrolled: float32 array, shape
        (unknown,)."""
        return np.asarray(self.scores[~self.known].max(axis=1))


def match_probes(
    faces: EmbeddedFaces,
    *,
    probes: Literal["masked", "unmasked"] = "masked",
    own_photo: OwnPhoto = "keep",
    enrolled: Collection[str] | None = None,
) -> Matches:
    """Compares probes with one mean template per person, of their unmasked faces (`person_means`).

    Args:
        faces: the faces, with their templates and cohort.
        probes: the domain of the probes.
        own_photo: what to do with a probe whose own photograph, unmasked, is among its person's
            gallery faces. "keep" keeps it, which is optimistic; "skip" leaves the probe out;
            "leave_out" compares the probe with its person's other photographs only, and skips it if
            there are none. Unmasked probes are gallery faces themselves and need "leave_out".
        enrolled: the people in the gallery; default: all with an unmasked face. If given, the
            probes of other people are kept as unknown ones; else they are left out.

    Returns:
        `Matches`, with the probes in the order of the faces.

    Raises:
        ValueError: if lengths differ, an argument has another value, nobody is enrolled, unmasked
            probes do not come with "leave_out", `own_photo` needs photos and some are unknown,
            templates have another shape, or as `Cohort.offsets`.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> domains = ["unmasked", "unmasked", "masked"]
    >>> faces = evaluation.EmbeddedFaces(np.eye(2)[[0, 1, 0]], ["Ada", "Bo", "Ada"], domains)
    >>> evaluation.match_probes(faces).hits()
    array([1.])
    """
    _check(faces, probes, own_photo)
    unit, names = faces.unit, np.asarray(faces.people, dtype=object)
    domain = np.asarray(faces.domains, dtype=object)
    in_gallery = domain == "unmasked"
    if enrolled is not None:
        chosen = set(enrolled)
        in_gallery &= np.array([name in chosen for name in names], bool)
    if not in_gallery.any():
        raise ValueError("the gallery must have an unmasked face. Received: none")
    gallery, means = person_means(faces.enrolled_as[in_gallery], names[in_gallery])
    column = {name: number for number, name in enumerate(gallery)}
    own = np.array([column.get(name, -1) for name in names])
    asked = (domain == probes) & (own >= 0 if enrolled is None else True)
    counts = _photo_counts(faces, in_gallery, gallery)
    scores = Templates(means, faces.cohort, photos=counts).scores(unit)
    if own_photo != "keep" and faces.photos is not None:
        shared, lonely, rest = _without_own_photo(
            faces.enrolled_as, names, np.asarray(faces.photos), in_gallery, own
        )
        rows = np.flatnonzero(shared)
        # Without any other photograph the probe is left out below.
        others = None if counts is None else np.maximum(counts[own[rows]] - 1, 1)
        kept = Templates(rest[rows], faces.cohort, photos=others)
        scores[rows, own[rows]] = kept.own_scores(unit[rows])
        asked &= ~(shared if own_photo == "skip" else lonely)
    rows = np.flatnonzero(asked)
    return Matches(rows, tuple(map(str, names[rows])), gallery, scores[rows], own[rows])


def _check(faces: EmbeddedFaces, probes: str, own_photo: str) -> None:
    photos, alike = faces.photos, (faces.unit, faces.people, faces.domains)
    lengths = {*map(len, alike), *([] if photos is None else [len(photos)])}
    if len(lengths) != 1:
        raise ValueError(
            "embeddings, people, domains and photos must have the same length. "
            f"Received: lengths {sorted(lengths)}"
        )
    if probes not in ("masked", "unmasked") or own_photo not in ("keep", "skip", "leave_out"):
        raise ValueError(
            "probes must be 'masked' or 'unmasked', own_photo 'keep', 'skip' or 'leave_out'. "
            f"Received: probes={probes!r}, own_photo={own_photo!r}"
            f"{did_you_mean(probes, ('masked', 'unmasked'))}"
        )
    if probes == "unmasked" and own_photo != "leave_out":
        raise ValueError(
            "own_photo must be 'leave_out' for unmasked probes, as they are in the gallery. "
            f"Received: own_photo={own_photo!r}"
        )
    if own_photo != "keep" and (photos is None or not all(photos)):
        raise ValueError(
            f"photos must be known for own_photo={own_photo!r}; datasets.with_photo_groups finds "
            "them. Received: unknown photos"
        )


def _photo_counts(
    faces: EmbeddedFaces, in_gallery: np.ndarray, gallery: tuple[str, ...]
) -> np.ndarray | None:
    """The number of photographs of each person in the gallery; None where no cohort asks."""
    if faces.cohort is None:
        return None
    rows = np.flatnonzero(in_gallery).tolist()
    photos = None if faces.photos is None else [faces.photos[row] for row in rows]
    counted = photo_counts([faces.people[row] for row in rows], photos)
    return np.array([counted[name] for name in gallery])


def _without_own_photo(
    unit: np.ndarray, people: np.ndarray, photos: np.ndarray, gallery: np.ndarray, own: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which faces share a photograph with their person's gallery faces, which have no other
    photograph, and the unit means of the others."""
    numbers: dict[tuple[str, str], int] = {}
    of = zip(people.tolist(), photos.tolist(), strict=True)
    photo = np.array([numbers.setdefault(one, len(numbers)) for one in of])
    totals, counts = [], []
    for group in (photo, own):  # gallery faces from the same photograph, and of the same person
        total = np.zeros((group.max() + 1, unit.shape[1]), "float32")
        np.add.at(total, group[gallery], unit[gallery])
        totals.append(total[group])
        counts.append(np.bincount(group[gallery], minlength=len(total))[group])
    shared = (own >= 0) & (counts[0] > 0)
    return shared, shared & (counts[0] == counts[1]), normalized(totals[1] - totals[0])
