"""The people of a gallery at one moment: never changed, so that threads may read it while others write."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from maskedface.evaluation import Cohort, Templates
from maskedface.evaluation.scoring import normalized
from maskedface.names import person_name
from maskedface.recognition.remembered import Remember, Remembered, photos_from_file, thinned
from maskedface.recognition.search import ExactSearch

Keep = Literal["mean", "all"]
_NOTHING = 1e-6  # a sum of unit vectors this short has no direction but rounding's


@dataclass(frozen=True, eq=False)
class Enrolled:
    """People, and what is kept of their faces.

    Args:
        faces: {person: how many of their faces were enrolled}.
        templates: the rows, of unit length, and the cohort they are compared with.
        lengths: float32 array, shape (rows,), > 0: of the sum of unit vectors that a row is.
        person: int32 array, shape (rows,), rising from 0 without a gap: whose row each is.
        photos: {person: the photographs remembered of them}; of some faces there may be none.
    """

    faces: dict[str, int] = field(default_factory=dict)
    templates: Templates = field(default_factory=lambda: Templates(np.empty((0, 0), "float32")))
    lengths: np.ndarray = field(default_factory=lambda: np.empty(0, "float32"))
    person: np.ndarray = field(default_factory=lambda: np.empty(0, "int32"))
    photos: dict[str, tuple[Remembered, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for array in (self.rows, self.lengths, self.person):
            array.setflags(write=False)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The people, by their number."""
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
        """Whose each row is."""
        return [self.names[number] for number in self.person]

    @functools.cached_property
    def index(self) -> ExactSearch:
        """What searches them."""
        return ExactSearch(self.templates, self.person)

    def genuine(self) -> np.ndarray:
        """About the cosine of another face of theirs to each person's mean, from how alike their faces are:
        float64 array, one number for each person with two faces or more."""
        sums = np.zeros((len(self.names), self.rows.shape[1]))
        np.add.at(sums, self.person, self.rows * self.lengths[:, None])
        count, squares = (
            np.array([*self.faces.values()], "float64"),
            np.einsum("ij,ij->i", sums, sums),
        )
        several = (count > 1) & (squares > _NOTHING)
        count, squares = count[several], squares[several]
        # The mean cosine of two of a person's faces.
        alike = (squares - count) / (count * (count - 1))
        return np.asarray((count * alike / np.sqrt(squares)).clip(-1, 1))

    def joined(
        self,
        people: Sequence[str],
        unit: np.ndarray,
        keep: Keep,
        photos: Sequence[Remembered | None],
    ) -> Enrolled:
        """These people with more faces.

        Args:
            people: whom each row shows.
            unit: float32 array, shape (faces, features), of unit length.
            keep: as for `Gallery`.
            photos: what is remembered of the photograph of each face.

        Returns:
            All of them.

        Raises:
            ValueError: if "mean" keeps a person's faces, and they cancel each other.
        """
        faces, remembered = dict(self.faces), dict(self.photos)
        for name, photo in zip(people, photos, strict=True):
            faces[name] = faces.get(name, 0) + 1
            remembered[name] = remembered.get(name, ()) + ((photo,) if photo is not None else ())
        numbers = {name: number for number, name in enumerate(faces)}
        new = np.array([numbers[name] for name in people], "int32")
        rows = np.concatenate([self.rows.reshape(-1, unit.shape[1]), unit])
        lengths = np.concatenate([self.lengths, np.ones(len(unit), "float32")])
        person, templates = (
            np.concatenate([self.person, new]),
            Templates(rows, self.templates.cohort),
        )
        return Enrolled(faces, templates, lengths, person, remembered).grouped(keep)

    def grouped(self, keep: Keep) -> Enrolled:
        """The same people, the rows of each, which may lie anywhere, brought together.

        Args:
            keep: as for `Gallery`; "mean" makes one row of a person's.

        Raises:
            ValueError: if "mean" keeps a person's rows, and they cancel each other.
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
        templates = Templates(rows[order], self.templates.cohort)
        return Enrolled(self.faces, templates, lengths[order], person[order], self.photos)

    def without(self, person: str) -> Enrolled:
        """These people but one, who is among them."""
        number = self.numbers[person]
        kept = self.person != number
        rest = self.person[kept]
        faces, photos = dict(self.faces), dict(self.photos)
        del faces[person], photos[person]
        rest = rest - (rest > number)
        return Enrolled(faces, self.templates.only(kept), self.lengths[kept], rest, photos)

    def remembering(self, how: Remember) -> Enrolled:
        """These people, with less remembered of their photographs.

        Args:
            how: as for `remembered.thinned`.
        """
        kept = {
            name: tuple(filter(None, (thinned(photo, how) for photo in of)))
            for name, of in self.photos.items()
        }
        return dataclasses.replace(self, photos=kept)


def from_file(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Enrolled:
    """The people of a gallery's file; those whom a version before took for two, as their names were spelt
    in two of Unicode's forms, are one.

    Args:
        facts, arrays: as `gallery_file.read` gives them.

    Raises:
        ValueError: if a name is none, or as `Enrolled.grouped`.
    """
    rows, lengths, person = (arrays[name] for name in ("rows", "lengths", "person"))
    names = [person_name(name) for name in facts["people"]]
    templates = Templates(rows, Cohort.among(arrays), arrays.get("offsets"))
    faces = dict.fromkeys(names, 0)
    photos: dict[str, tuple[Remembered, ...]] = dict.fromkeys(names, ())
    of_each = zip(names, facts["faces"], photos_from_file(facts, arrays), strict=True)
    for name, count, kept in of_each:
        faces[name] += count
        photos[name] += kept
    numbers = {name: number for number, name in enumerate(faces)}
    person = np.array([numbers[name] for name in names], "int32")[person]
    people = Enrolled(faces, templates, lengths, person, photos)
    return people if len(faces) == len(names) else people.grouped(facts["keep"])
