"""The people a recogniser knows: enrolled, removed, searched, and kept in one file."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from maskedface.evaluation import Cohort, normalised
from maskedface.recognition import gallery_file
from maskedface.recognition.calibration import Calibration, calibrate
from maskedface.recognition.search import ExactSearch

Keep = Literal["mean", "all"]


class Candidate(NamedTuple):
    """Somebody a face may show.

    Attributes:
        person: str, an enrolled person.
        score: float in [-1, 1], the cosine of the face to them; in a gallery with a cohort less what they
            have in common with the nearest people of it, in [-2, 2].
    """

    person: str
    score: float


class Gallery:
    """People and their embeddings.

    Args:
        fingerprint: str, `recognition.fingerprint` of the model that makes the embeddings.
        keep: "mean" keeps one vector a person, the mean of the unit embeddings of their faces, scaled
            to length 1; "all" keeps every face's, and a person counts by the most alike of them.
        source: str, where the model came from: words for a reader, and what the command line loads
            when it is told no model.
        cohort: people whom everybody enrolled is compared with (`evaluation.Cohort`), kept in the
            gallery's file; None for plain cosines.
        masks: int in [0, 100], how many masks a `Recognizer` draws on each bare face that it enrolls, so
            that it is found under one (`masking.masked_templates`); kept in the file.

    Raises:
        ValueError: if `keep` is neither, or `masks` out of its range.
    """

    def __init__(
        self,
        fingerprint: str,
        *,
        keep: Keep = "mean",
        source: str = "",
        cohort: Cohort | None = None,
        masks: int = 0,
    ) -> None:
        if keep not in get_args(Keep) or not 0 <= masks <= 100:
            raise ValueError(
                "keep must be 'mean' or 'all', and masks be in [0, 100]. "
                f"Received: keep={keep!r}, masks={masks}"
            )
        self.masks = masks
        self.fingerprint, self.keep, self.source = fingerprint, keep, source
        self._cohort = cohort
        self.calibration: Calibration | None = None
        self._people: list[str] = []
        self._faces: list[int] = []  # how many faces of each person were enrolled
        self._rows = np.empty((0, 0), "float32")
        self._lengths = np.empty(0, "float32")  # of the sum of unit vectors that a row is
        self._person = np.empty(0, "int32")

    @property
    def cohort(self) -> Cohort | None:
        """The people whom everybody enrolled is compared with."""
        return self._cohort

    @property
    def people(self) -> dict[str, int]:
        """{person: how many of their faces were enrolled}, sorted by name."""
        return dict(sorted(zip(self._people, self._faces, strict=True)))

    def __len__(self) -> int:
        return len(self._people)

    def __contains__(self, person: object) -> bool:
        return person in self._numbers

    def check_model(self, fingerprint: str) -> None:
        """Refuses a model whose embeddings cannot be compared with those enrolled.

        Args:
            fingerprint: `recognition.fingerprint` of the model.

        Raises:
            ValueError: if it is not the one that made this gallery.
        """
        if fingerprint != self.fingerprint:
            raise ValueError(
                "a gallery must be used with the model that made it, "
                f"{self.source or 'unnamed'} (fingerprint {self.fingerprint}). "
                f"Received: a model with fingerprint {fingerprint}"
            )

    def enroll(self, people: Sequence[str], embeddings: np.ndarray) -> None:
        """Adds faces; those of people already there join what is kept of them.

        Args:
            people: whom each embedding shows, no name empty.
            embeddings: float array, shape (faces, features).

        Raises:
            ValueError: if lengths or features differ, a name is empty, or an embedding is not finite
                or zero.
        """
        unit = normalised(embeddings)
        features = self._rows.shape[1] or unit.shape[1]
        if self.cohort is not None:
            features = self.cohort.people.shape[1]
        if len(unit) != len(people) or unit.shape[1] != features or not all(people):
            raise ValueError(
                "people must name somebody for each embedding, which must have "
                f"{features} features. Received: {len(people)} people, shape {unit.shape}"
            )
        if not unit.any(axis=1).all():
            raise ValueError("embeddings must not be zero. Received: a row of zeros")
        numbers = dict(self._numbers)
        for name in people:
            numbers.setdefault(name, len(numbers))
        person = np.array([numbers[name] for name in people], "int32")
        faces = np.bincount(person, minlength=len(numbers))
        faces[: len(self)] += np.array(self._faces, faces.dtype)
        rows = np.concatenate([self._rows.reshape(-1, features), unit])
        lengths = np.concatenate([self._lengths, np.ones(len(unit), "float32")])
        person = np.concatenate([self._person, person])
        if self.keep == "mean":
            sums = np.zeros((len(numbers), features), "float32")
            np.add.at(sums, person, rows * lengths[:, None])
            lengths = np.linalg.norm(sums, axis=1)
            rows, person = normalised(sums), np.arange(len(numbers), dtype="int32")
        order = np.argsort(person, kind="stable")
        self._people, self._faces = list(numbers), faces.tolist()
        self._set(rows[order], lengths[order], person[order])

    def remove(self, person: str) -> None:
        """Forgets a person, but for what a network trained on them knows: its weights, and their mean
        embedding, nameless, in a cohort.

        Args:
            person: an enrolled person.

        Raises:
            ValueError: if nobody of that name is enrolled.
        """
        if person not in self:
            raise ValueError(f"person must be enrolled. Received: person={person!r}")
        number = self._numbers[person]
        kept = self._person != number
        rest = self._person[kept]
        del self._people[number], self._faces[number]
        self._set(self._rows[kept], self._lengths[kept], rest - (rest > number))

    def search(self, embedding: np.ndarray, k: int = 1) -> tuple[Candidate, ...]:
        """The people most alike, by an exact search (`recognition.search.ExactSearch`).

        Args:
            embedding: float array, shape (features,).
            k: int >= 1.

        Returns:
            min(k, people) candidates, the most alike first.

        Raises:
            ValueError: if nobody is enrolled, or the embedding has other features.
        """
        if not len(self):
            raise ValueError("somebody must be enrolled before a search. Received: nobody")
        numbers, scores = self._index.best(embedding, k)
        return tuple(
            Candidate(self._people[number], float(score))
            for number, score in zip(numbers, scores, strict=True)
        )

    def calibrate(
        self,
        embeddings: np.ndarray,
        people: Sequence[str],
        *,
        fpir: float = 0.01,
        far: float = 0.001,
        source: str,
    ) -> Calibration:
        """Chooses and keeps this gallery's thresholds (`recognition.calibration.calibrate`).

        Args:
            embeddings: float array, shape (probes, features), of strangers, or of people enrolled,
                who are then compared with everybody else.
            people: whom each shows.
            fpir, far: the rates of false positives to choose for, when naming and when verifying.
            source: str, where the probes came from; kept with the thresholds.

        Returns:
            The `Calibration`, also in `self.calibration`.

        Raises:
            ValueError: if there are too few probes for `fpir`, or nobody to compare them with.
        """
        names = [self._people[number] for number in self._person]
        self.calibration = calibrate(
            self._rows,
            names,
            embeddings,
            people,
            self._offsets,
            fpir=fpir,
            far=far,
            source=source,
        )
        return self.calibration

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the gallery to one file, by way of a temporary one: a killed write leaves the old.

        Args:
            path: the file, by custom `.npz`.

        Raises:
            OSError: if it cannot be written.
        """
        facts = {
            "fingerprint": self.fingerprint,
            "keep": self.keep,
            "source": self.source,
            "people": self._people,
            "faces": self._faces,
            "calibration": self.calibration and self.calibration.to_json(),
            "masks": self.masks,
        }
        arrays = {"rows": self._rows, "lengths": self._lengths, "person": self._person}
        if self.cohort is not None:
            offsets = np.empty(0, "float32") if self._offsets is None else self._offsets
            arrays |= {**self.cohort.arrays(), "offsets": offsets}
        gallery_file.write(path, facts, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Gallery:
        """Reads a gallery.

        Args:
            path: a file that `save` wrote.

        Returns:
            The gallery.

        Raises:
            ValueError: if the file is no gallery, is damaged, or of a later version.
            FileNotFoundError: if there is no such file.
        """
        facts, arrays = gallery_file.read(path)
        gallery = cls(
            facts["fingerprint"],
            keep=facts["keep"],
            source=facts["source"],
            cohort=Cohort.among(arrays),
            masks=facts["masks"],
        )
        gallery._people, gallery._faces = facts["people"], facts["faces"]
        gallery._set(arrays["rows"], arrays["lengths"], arrays["person"])
        if len(gallery) and "offsets" in arrays:
            gallery.__dict__["_offsets"] = arrays["offsets"]  # where the cached property keeps it
        if facts["calibration"]:
            gallery.calibration = Calibration(**facts["calibration"])
        return gallery

    def _set(self, rows: np.ndarray, lengths: np.ndarray, person: np.ndarray) -> None:
        self._rows, self._lengths, self._person = rows, lengths, person
        for kept in ("_index", "_numbers", "_offsets"):  # computed anew when asked for
            self.__dict__.pop(kept, None)

    @functools.cached_property
    def _index(self) -> ExactSearch:
        return ExactSearch(self._rows, self._person, self._offsets)

    @functools.cached_property
    def _offsets(self) -> np.ndarray | None:
        if self.cohort is None or not len(self):
            return None
        return self.cohort.offsets(self._rows)

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self._people)}

