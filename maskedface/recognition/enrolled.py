"""An immutable snapshot of a gallery's people, which threads may read while others write."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from maskedface.evaluation import Cohort, Templates
from maskedface.evaluation.scoring import normalized
from maskedface.names import person_name
from maskedface.recognition.remembered import Remember, Remembered, photos_from_file, thinned
from maskedface.recognition.search import ExactSearch
from maskedface.reprs import short_repr

Keep = Literal["mean", "all"]
_NOTHING = 1e-6  # a sum of unit vectors this short has only a direction from rounding


class Compared(NamedTuple):
    """A probe compared with a row of an enrolled person.

    Attributes:
        cosine: float in [-1, 1], the cosine similarity of the two.
        length: float in (0, 1], the length of the mean embedding before it was scaled to length 1;
            times `cosine` it is the mean cosine to the enrolled faces.
        offset: float, what cohort score normalization subtracts from the cosine; 0 without a
            cohort.
        is_unmasked: bool, whether all the person's faces are known to be unmasked.
    """

    cosine: float
    length: float
    offset: float
    is_unmasked: bool

    def score(self, mean_cosine: float) -> float:
        """The score (`Candidate.score`) of a probe with this mean cosine to the row's faces."""
        return mean_cosine / self.length - self.offset


@dataclass(frozen=True, eq=False)
class Enrolled:
    """People and their templates.

    Args:
        faces: {person: number of enrolled faces}.
        templates: the rows, of unit length, and the cohort for score normalization.
        lengths: float32 array, shape (rows,), > 0: length of the sum of unit vectors behind each
            row.
        person: int32 array, shape (rows,), ascending from 0 without gaps: the person of each row.
        photos: {person: their remembered photographs}, which may be fewer than the faces.
        unmasked: {person: number of faces known to be unmasked}.
    """

    faces: dict[str, int] = field(default_factory=dict)
    templates: Templates = field(default_factory=lambda: Templates(np.empty((0, 0), "float32")))
    lengths: np.ndarray = field(default_factory=lambda: np.empty(0, "float32"))
    person: np.ndarray = field(default_factory=lambda: np.empty(0, "int32"))
    photos: dict[str, tuple[Remembered, ...]] = field(default_factory=dict)
    unmasked: dict[str, int] = field(default_factory=dict)

    __repr__ = short_repr

    def __post_init__(self) -> None:
        for array in (self.rows, self.lengths, self.person):
            array.setflags(write=False)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The people's names, indexed by number."""
        return tuple(self.faces)

    @functools.cached_property
    def numbers(self) -> dict[str, int]:
        """{person: their number}."""
        return {name: number for number, name in enumerate(self.names)}

    @property
    def rows(self) -> np.ndarray:
        """float32 array, shape (rows, features), of unit length."""
        return self.templates.vectors

    @property
    def owners(self) -> list[str]:
        """The person of each row."""
        return [self.names[number] for number in self.person]

    @functools.cached_property
    def index(self) -> ExactSearch:
        """The search index over all rows."""
        return ExactSearch(self.templates, self.person)

    def compared(self, person: str, probe: np.ndarray) -> Compared:
        """Compares a probe with an enrolled person.

        Args:
            person: an enrolled person.
            probe: float array, shape (features,), of unit length.

        Returns:
            A `Compared` for the person's row with the highest score.
        """
        rows = np.flatnonzero(self.person == self.numbers[person])
        cosines = (self.rows[rows] @ probe).clip(-1, 1)
        best = int(cosines.argmax())
        faces = self.faces[person] if len(rows) == 1 else 1
        offsets = self.templates.offsets
        return Compared(
            cosine=float(cosines[best]),
            length=float(self.lengths[rows[best]] / faces),
            offset=0.0 if offsets is None else float(offsets[rows[best]]),
            is_unmasked=self.unmasked.get(person, 0) == self.faces[person],
        )

    def genuine(self) -> np.ndarray:
        """Estimated genuine cosines of a new face to each person's mean, from the similarity of
        their faces: float64 array, one value per person with at least two faces."""
        sums = np.zeros((len(self.names), self.rows.shape[1]))
        np.add.at(sums, self.person, self.rows * self.lengths[:, None])
        count, squares = (
            np.array([*self.faces.values()], "float64"),
            np.einsum("ij,ij->i", sums, sums),
        )
        several = (count > 1) & (squares > _NOTHING)
        count, squares = count[several], squares[several]
        # The mean cosine of two faces of a person.
        alike = (squares - count) / (count * (count - 1))
        return np.asarray((count * alike / np.sqrt(squares)).clip(-1, 1))

    def joined(
        self,
        people: Sequence[str],
        unit: np.ndarray,
        keep: Keep,
        photos: Sequence[Remembered | None],
        unmasked: Sequence[bool],
    ) -> Enrolled:
        """Returns these people with faces added.

        Args:
            people: the person of each row.
            unit: float32 array, shape (faces, features), of unit length.
            keep: as for `Gallery`.
            photos: the remembered photograph of each face, or None.
            unmasked: whether each face is known to be unmasked.

        Raises:
            ValueError: if `keep` is "mean" and a person's embeddings cancel each other.
        """
        faces, remembered, bare = dict(self.faces), dict(self.photos), dict(self.unmasked)
        for name, photo, is_bare in zip(people, photos, unmasked, strict=True):
            faces[name] = faces.get(name, 0) + 1
            bare[name] = bare.get(name, 0) + bool(is_bare)
            remembered[name] = remembered.get(name, ()) + ((photo,) if photo is not None else ())
        numbers = {name: number for number, name in enumerate(faces)}
        new = np.array([numbers[name] for name in people], "int32")
        rows = np.concatenate([self.rows.reshape(-1, unit.shape[1]), unit])
        lengths = np.concatenate([self.lengths, np.ones(len(unit), "float32")])
        person, templates = (
            np.concatenate([self.person, new]),
            Templates(rows, self.templates.cohort),
        )
        return Enrolled(faces, templates, lengths, person, remembered, bare).grouped(keep)

    def grouped(self, keep: Keep) -> Enrolled:
        """Returns the same people with the rows of each person made contiguous.

        Args:
            keep: as for `Gallery`; "mean" merges a person's rows into one.

        Raises:
            ValueError: if `keep` is "mean" and a person's rows cancel each other.
        """
        person, rows, lengths = self.person, self.rows, self.lengths
        if keep == "mean":
            sums = np.zeros((len(self.names), rows.shape[1]), "float32")
            np.add.at(sums, person, rows * lengths[:, None])
            lengths = np.linalg.norm(sums, axis=1)
            if (lengths <= _NOTHING).any():
                raise ValueError(
                    "a person's embeddings must not cancel each other. "
                    f"Received: those of {self.names[int(lengths.argmin())]!r}"
                )
            rows, person = normalized(sums), np.arange(len(self.names), dtype="int32")
        order = np.argsort(person, kind="stable")
        photos = np.array([*self.faces.values()]) if keep == "mean" else None  # else one each
        templates = Templates(rows[order], self.templates.cohort, photos=photos)
        return dataclasses.replace(
            self, templates=templates, lengths=lengths[order], person=person[order]
        )

    def without(self, person: str) -> Enrolled:
        """Returns these people without one of them."""
        number = self.numbers[person]
        kept = self.person != number
        rest = self.person[kept]
        faces, photos, bare = dict(self.faces), dict(self.photos), dict(self.unmasked)
        del faces[person], photos[person]
        bare.pop(person, None)
        rest = rest - (rest > number)
        return Enrolled(faces, self.templates.only(kept), self.lengths[kept], rest, photos, bare)

    def remembering(self, how: Remember) -> Enrolled:
        """Returns these people with less stored about their photographs.

        Args:
            how: as for `remembered.thinned`.
        """
        kept = {
            name: tuple(filter(None, (thinned(photo, how) for photo in of)))
            for name, of in self.photos.items()
        }
        return dataclasses.replace(self, photos=kept)


def from_file(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Enrolled:
    """The people of a gallery's file. People whom an older version stored twice, under two Unicode
    forms of their name, are merged.

    Args:
        facts, arrays: the results of `gallery_file.read`.

    Raises:
        ValueError: if a name is invalid, or as `Enrolled.grouped`.
    """
    rows, lengths, person = (arrays[name] for name in ("rows", "lengths", "person"))
    names = [person_name(name) for name in facts["people"]]
    templates = Templates(rows, Cohort.among(arrays), arrays.get("offsets"))
    faces = dict.fromkeys(names, 0)
    photos: dict[str, tuple[Remembered, ...]] = dict.fromkeys(names, ())
    bare = dict.fromkeys(names, 0)
    of_each = zip(
        names, facts["faces"], photos_from_file(facts, arrays), facts["unmasked"], strict=True
    )
    for name, count, kept, without in of_each:
        faces[name] += count
        bare[name] += without
        photos[name] += kept
    numbers = {name: number for number, name in enumerate(faces)}
    person = np.array([numbers[name] for name in names], "int32")[person]
    people = Enrolled(faces, templates, lengths, person, photos, bare)
    return people if len(faces) == len(names) else people.grouped(facts["keep"])
