"""The people a recognizer knows: enrolled, removed, searched, and kept in one file."""

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
from maskedface.recognition.calibration import Calibration, calibrate, check_threshold
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
)  # of `Gallery`, in a file
_SHOWN = 50  # people in a notebook's table
_CHANGING = threading.Lock()  # held while a gallery's people are replaced


@dataclasses.dataclass(frozen=True)
class Candidate:
    """Somebody a face may show.

    Attributes:
        person: str, an enrolled person.
        score: float in [-1, 1], the cosine of the face to them; in a gallery with a cohort less what they
            have in common with the nearest people of it, in [-2, 2].
    """

    person: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """As plain values: "person", "score"."""
        return {"person": self.person, "score": self.score}


class Gallery:
    """People and their embeddings.

    Threads may share one: whoever reads (`search`, `people`, `save`, `calibrate`) sees the people as they
    are at one moment, and of those who change them (`enroll`, `remove`) one waits for another. Processes
    have each their own; they change its file one after another under `locks.locked`.

    Names are kept and compared in Unicode's form NFC, without blanks around them (`names.person_name`).

    Args:
        fingerprint: str, `Recognizer.fingerprint` of the model that makes the embeddings; "" = of the
            first `Recognizer` that is given it.
        keep: "mean" keeps one vector a person, the mean of the unit embeddings of their faces, scaled
            to length 1; "all" keeps every face's, and a person counts by the most alike of them.
        source: str, where the model came from: words for a reader, and what the command line loads
            when it is told no model.
        cohort: people whom everybody enrolled is compared with (`evaluation.Cohort`), kept in the
            gallery's file; None for plain cosines.
        masks: int in [0, 100], how many masks a `Recognizer` draws on each unmasked face that it enrolls,
            so that it is found under one (`masking.masked_templates`); kept in the file.
        remember: what a `Recognizer` remembers of each photograph that it enrolls, so that the gallery can
            be made again with another network (`recognition.enroll_again`): "paths" where it lies and its
            SHA-256; "crops" the face itself too, a JPEG file of 320 px a side at most; "nothing". Kept
            in the file, but for those removed.
        alignment: str, what the model's faces are aligned to, for a model that does not state it; kept in
            the file. "" = not known.

    Raises:
        ValueError: if `keep` or `remember` is none of these, or `masks` out of its range.

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
                "keep must be 'mean' or 'all', and masks be in [0, 100]. "
                f"Received: keep={keep!r}, masks={masks}{did_you_mean(keep, get_args(Keep))}"
            )
        check_remember(remember)
        self.masks, self.remember, self.alignment = masks, remember, alignment
        self.fingerprint, self.keep, self.source = fingerprint, keep, source
        self.calibration: Calibration | None = None
        nobody = Templates(np.empty((0, 0), "float32"), cohort)
        self._now = Enrolled(templates=nobody)  # replaced as a whole, never changed

    @property
    def cohort(self) -> Cohort | None:
        """The people whom everybody enrolled is compared with."""
        return self._now.templates.cohort

    @property
    def people(self) -> dict[str, int]:
        """{person: how many of their faces were enrolled}, sorted by name."""
        return dict(sorted(self._now.faces.items()))

    @property
    def photos(self) -> dict[str, tuple[Remembered, ...]]:
        """{person: the photographs remembered of them}, sorted by name; `remember` says what of them."""
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
            "no thresholds of its own"
            if made is None
            else f"threshold {made.identify:.3f} for an FPIR of {made.fpir:g}"
        )
        caption = f"Gallery of {len(rows)} people, {thresholds}"
        columns = ("person", "faces", "known to be unmasked")
        return html_table(columns, [*rows[:_SHOWN], *more], caption=caption)

    def __contains__(self, person: object) -> bool:
        try:
            return isinstance(person, str) and bool(self.known([person_name(person)]))
        except ValueError:
            return False  # no name at all

    def known(self, people: Iterable[str]) -> set[str]:
        """Those of some people who are enrolled.

        Args:
            people: names, as `names.person_name` gives them.
        """
        return {*people} & self._now.faces.keys()

    def check_model(self, fingerprint: str) -> None:
        """Refuses a model whose embeddings cannot be compared with those enrolled.

        Args:
            fingerprint: str, `Recognizer.fingerprint` of the model.

        Raises:
            ValueError: if it is not the one that made this gallery.
        """
        if fingerprint != self.fingerprint:
            raise ValueError(
                "a gallery must be used with the model that made it, "
                f"{self.source or 'unnamed'} (fingerprint {self.fingerprint}); "
                "recognition.enroll_again (enroll --gallery NEW --from OLD) makes it anew with another. "
                f"Received: a model with fingerprint {fingerprint}"
            )

    def enroll(
        self,
        people: Sequence[str],
        embeddings: np.ndarray,
        photos: Sequence[Remembered | None] | None = None,
        unmasked: Sequence[bool] | None = None,
    ) -> None:
        """Adds faces; those of people already there join what is kept of them. Names that differ from those
        of others by case alone are said (`logging`, "maskedface"): they are two people.

        Args:
            people: whom each embedding shows, as for `names.person_name`.
            embeddings: float array, shape (faces, features).
            photos: what to remember of the photograph of each (`EmbeddedFace.photo`); by default nothing.
            unmasked: whether each is known to wear no mask; by default it is not known of any. It decides
                which of the default thresholds is used where none were calibrated.

        Raises:
            ValueError: if lengths or features differ, a name is none, an embedding is not finite or
                zero, or a mean would be zero.
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
        """Names, rows of unit length, photographs and who is unmasked, to enroll, as many of each."""
        unit, names = normalized(embeddings), [person_name(name) for name in people]
        if not unit.any(axis=1).all():
            raise ValueError("embeddings must not be zero. Received: a row of zeros")
        if len(unit) != len(names):
            raise ValueError(
                "people must name somebody for each embedding. "
                f"Received: {len(names)} people, shape {unit.shape}"
            )
        photos = [None] * len(names) if photos is None else list(photos)
        bare = [False] * len(names) if unmasked is None else list(unmasked)
        if not len(photos) == len(bare) == len(names):
            raise ValueError(
                "photos and unmasked must be one a face. "
                f"Received: {len(photos)} and {len(bare)} for {len(names)} faces"
            )
        for photo in filter(None, photos):
            checked(*photo)
        return names, unit, photos, bare

    def _check_features(self, unit: np.ndarray, kept: int) -> None:
        """Refuses rows that cannot be compared with those kept, of so many features; 0 = there are none."""
        cohort = self.cohort
        features = cohort.people.shape[1] if cohort is not None else kept or unit.shape[1]
        if unit.shape[1] != features:
            raise ValueError(
                f"embeddings must have {features} features, as the gallery's have. "
                f"Received: shape {unit.shape}"
            )

    def enroll_faces(self, people: Sequence[str], faces: Sequence[EmbeddedFace]) -> None:
        """Adds faces with what is kept and remembered of each.

        Args:
            people: whom each face shows.
            faces: of `recognition.enrollment.face_to_enroll`, at least one.

        Raises:
            ValueError: as `enroll`.
        """
        rows = np.stack([face.to_enroll for face in faces])
        bare = [face.masked < SEEMS_MASKED and face.template is None for face in faces]
        self.enroll(people, rows, [face.photo for face in faces], bare)

    def check_threshold(self, threshold: float | None) -> None:
        """Refuses a threshold to name from that no score can have.

        Args:
            threshold: float in [-1, 1], with a cohort in [-2, 2]; or None.

        Raises:
            ValueError: if it is another.
        """
        check_threshold(threshold, 1 if self.cohort is None else 2)

    def remove(self, person: str) -> None:
        """Forgets a person and their photographs, but for what a network trained on them knows: its
        weights, and their mean embedding, nameless, in a cohort.

        Args:
            person: an enrolled person.

        Raises:
            ValueError: if nobody of that name is enrolled; the message says which names are near.
        """
        name = person_name(person)
        with _CHANGING:
            now = self._now
            if name in now.faces:
                self._now = now.without(name)
                return
        raise unknown_person(person, now.faces)

    def remember_from_now(self, remember: Remember) -> None:
        """Remembers more or less of photographs: of those to come, and no more of those enrolled.

        Args:
            remember: as for `Gallery`; "paths" drops the crops that there are, "nothing" all.

        Raises:
            ValueError: if it is none of these.
        """
        check_remember(remember)
        with _CHANGING:
            self.remember, self._now = remember, self._now.remembering(remember)

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
        now = self._now
        if not now.faces:
            raise ValueError("somebody must be enrolled before a search. Received: nobody")
        numbers, scores = now.index.best(embedding, k)
        return tuple(
            Candidate(now.names[number], float(score))
            for number, score in zip(numbers, scores, strict=True)
        )

    def compared(self, person: str, embedding: np.ndarray) -> tuple[Compared, int]:
        """How alike a face is to somebody's faces one by one, and how many templates there are.

        Args:
            person: who is enrolled.
            embedding: float array, shape (features,), of unit length.

        Returns:
            (a `recognition.enrolled.Compared`, templates: people, or with `keep="all"` faces).

        Raises:
            ValueError: if nobody of that name is enrolled.
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
    ) -> Calibration:
        """Chooses and keeps this gallery's thresholds (`recognition.calibration.calibrate`); who looks like
        somebody enrolled under another name is named in a warning (`logging`, "maskedface").

        Args:
            embeddings: float array, shape (probes, features), of strangers, or of people enrolled,
                who are then compared with everybody else.
            people: whom each shows.
            fpir, far: the rates of false positives to choose for, when naming and when verifying.
            source: str, where the probes came from; kept with the thresholds.
            photos: of which photograph each is, equal values for copies, which count once; by default equal
                embeddings are one.

        Returns:
            The `Calibration`, also in `self.calibration`.

        Raises:
            ValueError: if a rate is not in (0, 1], there are too few photographs for `fpir`, nobody to
                compare them with, or a probe is a photograph of somebody enrolled under another name; the
                thresholds that there were stay.
        """
        self.calibration = made = calibrate(
            self._now,
            embeddings,
            [person_name(name) for name in people],
            fpir=fpir,
            far=far,
            source=source,
            photos=photos,
        )
        return made

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the gallery to one file, by way of a temporary one: a killed write leaves the old.

        Args:
            path: the file, by custom `.npz`.

        Raises:
            ValueError: if what is written could not be read again.
            OSError: if it cannot be written.
        """
        gallery_file.write(path, *self.to_file())

    def to_file(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The facts and arrays that a gallery's file holds, as they are at one moment."""
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
        """Everybody at this moment, with the photographs remembered of them."""
        return self._now

    def words(self) -> dict[str, Any]:
        """What is known of the gallery beside its people, as plain values, by name ("fingerprint")."""
        calibration = self.calibration
        known = {name: getattr(self, name) for name in _WORDS}
        return known | {"calibration": calibration and calibration.to_dict()}

    @classmethod
    def empty_like(cls, words: Mapping[str, Any], cohort: Cohort | None = None) -> Gallery:
        """A gallery of nobody, without thresholds.

        Args:
            words: as `words` gave them of another.
            cohort: as for `Gallery`.
        """
        return Gallery(**{name: words[name] for name in _WORDS}, cohort=cohort)

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
        gallery = cls(**{name: facts[name] for name in _WORDS})
        gallery._now = from_file(facts, arrays)
        made = Calibration(**facts["calibration"]) if facts["calibration"] else None
        # A version before could choose one that no cosine reaches.
        if made is not None and made.identify > 1 and gallery.cohort is None:
            logging.getLogger("maskedface").warning(
                "%s has a threshold that no face reaches, %s: it is taken for 1; choose anew "
                "(enroll --strangers)",
                shown(os.fspath(path)),
                made.identify,
            )
            made = dataclasses.replace(made, identify=1.0)
        gallery.calibration = made
        return gallery


def unknown_person(person: str, people: Iterable[str]) -> ValueError:
    """The error of a name that is nobody's; it says which of the people's are near."""
    near = ", ".join(map(repr, near_names(person_name(person), people)))
    return ValueError(
        f"person must be enrolled. Received: person={person!r}{near and f'; enrolled are {near}'}"
    )


def check_remember(remember: object) -> None:
    """Refuses what is none of the ways to remember photographs."""
    if remember not in get_args(Remember):
        raise ValueError(
            f"remember must be one of {get_args(Remember)}. Received: remember={remember!r}"
            f"{did_you_mean(remember, get_args(Remember))}"
        )


def warn_of_case(known: Iterable[str], people: Sequence[str]) -> None:
    """Says (`logging`, "maskedface") which new names differ from others by case alone.

    Args:
        known: who was enrolled before.
        people: who is now.
    """
    spelt = {name.casefold(): name for name in known}
    for name in dict.fromkeys(people):
        other = spelt.setdefault(name.casefold(), name)
        if other != name and name not in known:
            logging.getLogger("maskedface").warning(
                "%s and %s differ by case alone: they are two people", shown(other), shown(name)
            )
