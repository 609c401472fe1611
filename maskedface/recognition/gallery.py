"""Galleries: people are enrolled, removed and searched, and stored in one file."""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from maskedface.evaluation import Cohort, Templates
from maskedface.evaluation.scoring import normalized
from maskedface.masking import SEEMS_MASKED
from maskedface.names import did_you_mean, near_names, person_name, shown
from maskedface.recognition import gallery_file
from maskedface.recognition.calibrating import calibrate
from maskedface.recognition.calibration import Calibration, ProbeKind, check_threshold
from maskedface.recognition.enrolled import Compared, Enrolled, Keep, from_file
from maskedface.recognition.remembered import (
    Remember,
    Remembered,
    checked,
    photos_to_file,
)
from maskedface.reprs import html_table

if TYPE_CHECKING:
    from maskedface.recognition.faces import EmbeddedFace


_WORDS = (
    "fingerprint",
    "keep",
    "source",
    "masks",
    "remember",
    "alignment",
)  # the arguments of `Gallery` that a file stores
_SHOWN = 50  # people shown in a notebook's table
_CHANGING = threading.Lock()  # held while a gallery's people are replaced


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A candidate for a face's identity.

    Attributes:
        person: str, an enrolled person.
        score: float in [-1, 1], the cosine similarity of the face to the person; with a cohort the
            normalized score, in [-2, 2].
    """

    person: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-serializable dict: "person", "score"."""
        return {"person": self.person, "score": self.score}


class Gallery:
    """People and their embeddings.

    Threads may share a gallery: readers (`search`, `people`, `save`, `calibrate`) see a consistent
    snapshot of the people, and writers (`enroll`, `remove`) wait for each other. Each process has
    its own copy; processes change the file one after another under `locks.locked`. Names are stored
    and compared in Unicode form NFC, without surrounding whitespace (`names.person_name`).

    Args:
        fingerprint: str, `Recognizer.fingerprint` of the model that computes the embeddings; ""
            means that of the first `Recognizer` that uses the gallery.
        keep: "mean" stores one template per person, the mean of the unit embeddings of their faces,
            scaled to length 1; "all" stores every face's embedding, and a person's score is the
            highest of them.
        source: str, the name of the model, shown to users; the command line loads it if no model is
            given.
        cohort: people for cohort score normalization (`evaluation.Cohort`), stored in the gallery's
            file; None for plain cosine similarities.
        masks: int in [0, 100], number of masks that a `Recognizer` draws on each unmasked face that
            it enrolls, so that masked probes match (`masking.masked_templates`); stored in the
            file.
        remember: what a `Recognizer` stores about each photograph that it enrolls, so that the
            gallery can be rebuilt with another network (`recognition.enroll_again`): "paths", its
            path and SHA-256; "crops", also the face, as a JPEG file of at most 320 px a side; or
            "nothing". Stored in the file until the person is removed.
        alignment: str, the input alignment of a model that does not state it; stored in the file.
            "" means unknown.

    Raises:
        ValueError: if `keep` or `remember` has another value, or `masks` is out of range.

    >>> import numpy as np
    >>> from maskedface import recognition
    >>> gallery = recognition.Gallery("a network's fingerprint")
    >>> gallery.enroll(["Ada", "Bo"], np.eye(2))
    >>> gallery.search(np.array([0.1, 0.9]))[0].person
    'Bo'
    """

    def __init__(
        self,
        fingerprint: str = "",
        *,
        keep: Keep = "mean",
        source: str = "",
        cohort: Cohort | None = None,
        masks: int = 0,
        remember: Remember = "paths",
        alignment: str = "",
    ) -> None:
        if keep not in get_args(Keep) or not 0 <= masks <= 100:
            raise ValueError(
                "keep must be 'mean' or 'all', and masks must be in [0, 100]. "
                f"Received: keep={keep!r}, masks={masks}{did_you_mean(keep, get_args(Keep))}"
            )
        check_remember(remember)
        self.masks, self.remember, self.alignment = masks, remember, alignment
        self.fingerprint, self.keep, self.source = fingerprint, keep, source
        self.calibration: Calibration | None = None
        nobody = Templates(np.empty((0, 0), "float32"), cohort)
        self._now = Enrolled(templates=nobody)  # replaced as a whole, never modified

    @property
    def cohort(self) -> Cohort | None:
        """The people for cohort score normalization, or None."""
        return self._now.templates.cohort

    @property
    def people(self) -> dict[str, int]:
        """{person: number of enrolled faces}, sorted by name."""
        return dict(sorted(self._now.faces.items()))

    @property
    def photos(self) -> dict[str, tuple[Remembered, ...]]:
        """{person: their remembered photographs}, sorted by name; see `remember`."""
        return dict(sorted(self._now.photos.items()))

    def __len__(self) -> int:
        return len(self._now.faces)

    def __repr__(self) -> str:
        faces = self.people.values()
        thresholds = "without thresholds" if self.calibration is None else "with thresholds"
        return f"<Gallery of {len(faces)} people, {sum(faces)} faces, {thresholds}>"

    def _repr_html_(self) -> str:
        now, made = self._now, self.calibration
        unmasked = (now.unmasked.get(name, 0) for name in sorted(now.faces))
        rows: list[tuple[object, ...]] = [
            (*row, bare) for row, bare in zip(sorted(now.faces.items()), unmasked, strict=True)
        ]
        more = [(f"and {len(rows) - _SHOWN} more", "", "")] if len(rows) > _SHOWN else []
        thresholds = (
            "no thresholds of its own" if made is None else f"{made} for an FPIR of {made.fpir:g}"
        )
        caption = f"Gallery of {len(rows)} people, {thresholds}"
        columns = ("person", "faces", "known to be unmasked")
        return html_table(columns, [*rows[:_SHOWN], *more], caption=caption)

    def __contains__(self, person: object) -> bool:
        try:
            return isinstance(person, str) and bool(self.known([person_name(person)]))
        except ValueError:
            return False  # not a valid name

    def known(self, people: Iterable[str]) -> set[str]:
        """Returns those of the people who are enrolled.

        Args:
            people: names in the form that `names.person_name` returns.
        """
        return {*people} & self._now.faces.keys()

    def check_model(self, fingerprint: str) -> None:
        """Refuses a model whose embeddings cannot be compared with those enrolled.

        Args:
            fingerprint: str, `Recognizer.fingerprint` of the model.

        Raises:
            ValueError: if the gallery was made with another model.
        """
        if fingerprint != self.fingerprint:
            raise ValueError(
                "a gallery must be used with the model that made it, "
                f"{self.source or 'unnamed'} (fingerprint {self.fingerprint}); "
                "recognition.enroll_again (enroll --gallery NEW --from OLD) rebuilds it with "
                f"another. Received: a model with fingerprint {fingerprint}"
            )

    def enroll(
        self,
        people: Sequence[str],
        embeddings: np.ndarray,
        photos: Sequence[Remembered | None] | None = None,
        unmasked: Sequence[bool] | None = None,
    ) -> None:
        """Adds faces of new people or of people already enrolled. Names that differ only in case
        are two people, and are logged in a warning ("maskedface").

        Args:
            people: the person of each embedding, as for `names.person_name`.
            embeddings: float array, shape (faces, features).
            photos: what to remember about each photograph (`EmbeddedFace.photo`); default: nothing.
            unmasked: whether each face is known to be unmasked; default: unknown. It selects the
                default threshold if the gallery is not calibrated.

        Raises:
            ValueError: if lengths or features differ, a name is invalid, an embedding is not finite
                or zero, or a mean would be zero.
        """
        names, unit, photos, bare = self._checked(people, embeddings, photos, unmasked)
        with _CHANGING:
            now = self._now
            self._check_features(unit, now.rows.shape[1])
            self._now = now.joined(names, unit, self.keep, photos, bare)
        warn_of_case(now.faces, names)

    def _checked(
        self,
        people: Sequence[str],
        embeddings: np.ndarray,
        photos: Sequence[Remembered | None] | None,
        unmasked: Sequence[bool] | None,
    ) -> tuple[list[str], np.ndarray, list[Remembered | None], list[bool]]:
        """Validated names, rows of unit length, photographs and unmasked flags, of equal
        lengths."""
        unit, names = normalized(embeddings), [person_name(name) for name in people]
        if not unit.any(axis=1).all():
            raise ValueError("embeddings must not be zero. Received: a row of zeros")
        if len(unit) != len(names):
            raise ValueError(
                "people must have one name per embedding. "
                f"Received: {len(names)} people, shape {unit.shape}"
            )
        photos = [None] * len(names) if photos is None else list(photos)
        bare = [False] * len(names) if unmasked is None else list(unmasked)
        if not len(photos) == len(bare) == len(names):
            raise ValueError(
                "photos and unmasked must have one value per face. "
                f"Received: {len(photos)} and {len(bare)} for {len(names)} faces"
            )
        for photo in filter(None, photos):
            checked(*photo)
        return names, unit, photos, bare

    def _check_features(self, unit: np.ndarray, kept: int) -> None:
        """Refuses rows whose number of features is not `kept`; 0 means that nobody is enrolled."""
        cohort = self.cohort
        features = cohort.people.shape[1] if cohort is not None else kept or unit.shape[1]
        if unit.shape[1] != features:
            raise ValueError(
                f"embeddings must have {features} features, as those in the gallery. "
                f"Received: shape {unit.shape}"
            )

    def enroll_faces(self, people: Sequence[str], faces: Sequence[EmbeddedFace]) -> None:
        """Adds faces with their templates and remembered photographs.

        Args:
            people: the person of each face.
            faces: at least one result of `recognition.enrollment.face_to_enroll`.

        Raises:
            ValueError: as `enroll`.
        """
        rows = np.stack([face.to_enroll for face in faces])
        bare = [face.masked < SEEMS_MASKED and face.template is None for face in faces]
        self.enroll(people, rows, [face.photo for face in faces], bare)

    def check_threshold(self, threshold: float | None) -> None:
        """Refuses a threshold for `identify` that is not a possible score.

        Args:
            threshold: float in [-1, 1], with a cohort in [-2, 2]; or None.

        Raises:
            ValueError: if it is out of range.
        """
        check_threshold(threshold, 1 if self.cohort is None else 2)

    def remove(self, person: str) -> None:
        """Removes a person and their remembered photographs. A network that was trained on them is
        not changed, nor is their anonymous mean embedding in a cohort.

        Args:
            person: an enrolled person.

        Raises:
            ValueError: if the person is not enrolled; the message suggests similar names.
        """
        name = person_name(person)
        with _CHANGING:
            now = self._now
            if name in now.faces:
                self._now = now.without(name)
                return
        raise unknown_person(person, now.faces)

    def remember_from_now(self, remember: Remember) -> None:
        """Changes what is remembered about photographs. For photographs already enrolled
        information is only removed, never added.

        Args:
            remember: as for `Gallery`; "paths" drops existing crops, "nothing" drops everything.

        Raises:
            ValueError: if it has another value.
        """
        check_remember(remember)
        with _CHANGING:
            self.remember, self._now = remember, self._now.remembering(remember)

    def search(self, embedding: np.ndarray, k: int = 1) -> tuple[Candidate, ...]:
        """Finds the most similar people by exact search (`recognition.search.ExactSearch`).

        Args:
            embedding: float array, shape (features,).
            k: int >= 1.

        Returns:
            min(k, people) candidates, the most similar first.

        Raises:
            ValueError: if nobody is enrolled, or the number of features differs.
        """
        now = self._now
        if not now.faces:
            raise ValueError("somebody must be enrolled before a search. Received: nobody")
        numbers, scores = now.index.best(embedding, k)
        return tuple(
            Candidate(now.names[number], float(score))
            for number, score in zip(numbers, scores, strict=True)
        )

    def compared(self, person: str, embedding: np.ndarray) -> tuple[Compared, int]:
        """Compares a face with an enrolled person.

        Args:
            person: an enrolled person.
            embedding: float array, shape (features,), of unit length.

        Returns:
            (`recognition.enrolled.Compared`, number of templates: people, or with `keep="all"`
            faces).

        Raises:
            ValueError: if the person is not enrolled.
        """
        now = self._now
        if person not in now.faces:
            raise ValueError(f"person must be enrolled. Received: person={person!r}")
        return now.compared(person, embedding), len(now.rows)

    def calibrate(
        self,
        embeddings: np.ndarray,
        people: Sequence[str],
        *,
        fpir: float = 0.01,
        far: float = 0.001,
        source: str,
        photos: Sequence[object] | None = None,
        kinds: Sequence[ProbeKind] | None = None,
    ) -> Calibration:
        """Chooses and stores this gallery's thresholds (`recognition.calibrating.calibrate`).
        People who look like somebody enrolled under another name are logged in a warning
        ("maskedface").

        Args:
            embeddings: float array, shape (probes, features), of strangers, or of enrolled people,
                each of whom is compared with everybody else.
            people: the person of each embedding.
            fpir, far: false positive rates to choose thresholds for, of `identify` and of `verify`.
            source: str, where the probes came from; stored with the thresholds.
            photos: the photograph of each probe, equal values for copies, which count once; by
                default equal embeddings are copies.
            kinds: what each probe wears: "unmasked", "masked" or "drawn mask"; default: no mask.
                With too few of both kinds of masks, masked and unmasked faces have one threshold.

        Returns:
            The `Calibration`, also in `self.calibration`.

        Raises:
            ValueError: if a rate is not in (0, 1], there are too few photographs for `fpir`, nobody
                to compare them with, `kinds` has another value, or a probe is a photograph of
                somebody enrolled under another name. The previous thresholds are then kept.
        """
        self.calibration = made = calibrate(
            self._now,
            embeddings,
            [person_name(name) for name in people],
            fpir=fpir,
            far=far,
            source=source,
            photos=photos,
            kinds=kinds,
        )
        return made

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the gallery to a file atomically: an interrupted write leaves the old file.

        Args:
            path: the file, usually `.npz`.

        Raises:
            ValueError: if the result would not be a valid gallery file.
            OSError: if it cannot be written.
        """
        gallery_file.write(path, *self.to_file())

    def to_file(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The facts and arrays of the gallery's file, as one consistent snapshot."""
        now = self._whole()
        photos, crops = photos_to_file(now.photos.values())
        facts = self.words() | {
            "people": list(now.faces),
            "faces": list(now.faces.values()),
            "unmasked": [now.unmasked.get(name, 0) for name in now.faces],
            "photos": photos,
        }
        arrays = {"rows": now.rows, "lengths": now.lengths, "person": now.person, **crops}
        cohort, offsets = now.templates.cohort, now.templates.offsets
        if cohort is not None and offsets is not None:
            arrays |= {**cohort.arrays(), "offsets": offsets}
        return facts, arrays

    def _whole(self) -> Enrolled:
        """A snapshot of all people, with their remembered photographs."""
        return self._now

    def words(self) -> dict[str, Any]:
        """The gallery's properties apart from its people, as plain values by name ("fingerprint",
        ...)."""
        calibration = self.calibration
        known = {name: getattr(self, name) for name in _WORDS}
        return known | {"calibration": calibration and calibration.to_dict()}

    @classmethod
    def empty_like(cls, words: Mapping[str, Any], cohort: Cohort | None = None) -> Gallery:
        """Makes an empty gallery without thresholds.

        Args:
            words: the result of another gallery's `words`.
            cohort: as for `Gallery`.
        """
        return Gallery(**{name: words[name] for name in _WORDS}, cohort=cohort)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Gallery:
        """Reads a gallery.

        Args:
            path: a file written by `save`.

        Returns:
            The gallery.

        Raises:
            ValueError: if the file is not a gallery, is damaged, or is of a later version.
            FileNotFoundError: if the file does not exist.
        """
        facts, arrays = gallery_file.read(path)
        gallery = cls(**{name: facts[name] for name in _WORDS})
        gallery._now = from_file(facts, arrays)
        made = Calibration(**facts["calibration"]) if facts["calibration"] else None
        # Older versions could choose one that no cosine reaches.
        if made is not None and max(made.identify.values()) > 1 and gallery.cohort is None:
            logging.getLogger("maskedface").warning(
                "%s has a threshold that no face can reach, %s: 1 is used instead; calibrate it "
                "again (enroll --strangers)",
                shown(os.fspath(path)),
                max(made.identify.values()),
            )
            possible = {of: min(threshold, 1.0) for of, threshold in made.identify.items()}
            made = dataclasses.replace(made, identify=possible)
        gallery.calibration = made
        return gallery


def unknown_person(person: str, people: Iterable[str]) -> ValueError:
    """The error for a person who is not enrolled, with suggestions of similar names."""
    near = ", ".join(map(repr, near_names(person_name(person), people)))
    return ValueError(
        f"person must be enrolled. Received: person={person!r}{near and f'; enrolled are {near}'}"
    )


def check_remember(remember: object) -> None:
    """Refuses a value that is not a `Remember`."""
    if remember not in get_args(Remember):
        raise ValueError(
            f"remember must be one of {get_args(Remember)}. Received: remember={remember!r}"
            f"{did_you_mean(remember, get_args(Remember))}"
        )


def warn_of_case(known: Iterable[str], people: Sequence[str]) -> None:
    """Logs a warning ("maskedface") for new names that differ from others only in case.

    Args:
        known: people enrolled before.
        people: people enrolled now.
    """
    spelt = {name.casefold(): name for name in known}
    for name in dict.fromkeys(people):
        other = spelt.setdefault(name.casefold(), name)
        if other != name and name not in known:
            logging.getLogger("maskedface").warning(
                "%s and %s differ only in case: they are two people", shown(other), shown(name)
            )
