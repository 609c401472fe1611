"""Updates a gallery: adds people from photographs, removes people, calibrates thresholds."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from maskedface.evaluation.scoring import can_tell
from maskedface.names import person_name
from maskedface.recognition import enrollment
from maskedface.recognition.calibration import Calibration
from maskedface.recognition.default_rates import FAR, FPIR
from maskedface.recognition.enrolled import Keep
from maskedface.recognition.enrollment import EnrolledPhoto, Probes
from maskedface.recognition.gallery import Gallery, unknown_person
from maskedface.recognition.recognizer import Recognizer
from maskedface.recognition.remembered import Remember
from maskedface.recognition.stores.opening import open_store


class Updated(NamedTuple):
    """Result of a gallery update.

    Attributes:
        gallery: the saved gallery.
        photos: list of `EnrolledPhoto`, one per photograph.
        calibration: the newly chosen thresholds, or None.
        reason: str, why no thresholds were chosen; "" if nobody was enrolled and no strangers are
            given.
        is_missed: bool, whether thresholds were wanted but could not be chosen.
    """

    gallery: Gallery
    photos: list[EnrolledPhoto]
    calibration: Calibration | None = None
    reason: str = ""
    is_missed: bool = False


class _Read(NamedTuple):
    """The photographs after reading, an empty gallery of the kind they were read for, and the
    folder of strangers that the probes come from, or ""."""

    like: Gallery
    people: set[str]
    photos: list[EnrolledPhoto]
    probes: Probes
    folder: str


@dataclass(frozen=True, kw_only=True)
class GalleryUpdate:
    """An update of a gallery that other processes may change concurrently. Photographs are read
    first, and the gallery is locked only while it is changed, so that no change is lost.

    Args:
        path: the gallery's file or address (`open_store`); it is created if it does not exist.
        recognizer: a function from the current gallery (None if there is none) to a `Recognizer`
            with it.
        photos: image files, and folders with one folder per person.
        person: the person on all photographs; None if each is in a person's folder.
        made_from: another gallery, whose people are enrolled from the photographs that it
            remembers.
        remove: people to remove.
        existing: what to do with people who are already enrolled: "refuse" the update, "add" or
            "replace".
        keep, masks: as for `Gallery`, for a new one; None uses those of the model or `made_from`.
        remember: as for `Gallery`; also drops information about photographs already enrolled. None
            keeps the gallery's setting.
        strangers: a folder of people who are not in the gallery, one folder per person, to choose
            thresholds on; by default the folder that its thresholds came from, if it still exists,
            else the people enrolled by this update, each compared with everybody else.
        fpir, far: as for `Gallery.calibrate`; None keeps the current ones, else 0.01 and 0.001.
        wait: float, seconds to wait for the lock.
        who: str, for a database's history; by default the operating system's user.

    >>> import keras
    >>> from maskedface import recognition, synthetic
    >>> from maskedface.recognition.gallery_update import GalleryUpdate
    >>> image = keras.Input((32, 32, 3))
    >>> network = keras.Model(image, keras.layers.Flatten()(image))  # a stand-in
    >>> def recognizer(gallery):
    ...     return recognition.Recognizer(
    ...         network, gallery=gallery, aligned_to="arcface", alignment="arcface")
    >>> _ = synthetic.draw_people("drawn", people=2, photos=1, masked_photos=0)
    >>> people = ["drawn/AFDB_face_dataset"]
    >>> done = GalleryUpdate(path="friends.npz", recognizer=recognizer, photos=people).apply()
    >>> done.gallery.people, done.reason
    ({'person_0000': 1, 'person_0001': 1}, 'FPIR 0.01 needs 100 photographs, here are 2')
    """

    path: str
    recognizer: Callable[[Gallery | None], Recognizer]
    photos: Sequence[str] = ()
    person: str | None = None
    made_from: Gallery | None = None
    remove: Sequence[str] = ()
    existing: Literal["refuse", "add", "replace"] = "refuse"
    keep: Keep | None = None
    masks: int | None = None
    remember: Remember | None = None
    strangers: str | None = None
    fpir: float | None = None
    far: float | None = None
    wait: float = 60.0
    who: str = ""

    def apply(self) -> Updated:
        """Performs the update.

        Returns:
            An `Updated`; it lists photographs that were left out because they do not show one face.

        Raises:
            ValueError: if the gallery to remove people from does not exist, the gallery is of
                another model or kind, a person to remove is not enrolled, a person to refuse is, no
                photograph shows a face, there are too few strangers, or only thresholds are wanted
                and they cannot be chosen. Nothing is written then.
            OSError: if a path does not exist or the gallery cannot be written.
        """
        if self.made_from is not None and not len(self.made_from):
            raise ValueError("made_from must not be empty. Received: a gallery of nobody")
        store = open_store(self.path)
        # People can be removed even if the model no longer exists.
        if not (self.photos or self.strangers or self.made_from):
            if not store.exists():
                raise ValueError(
                    f"a gallery must exist to remove people from it. Received: {store.shown!r}"
                )
            with store.changing(wait=self.wait, who=self.who) as gallery:
                self._remember(gallery)
                self._make_room(gallery, ())
            return Updated(store.gallery(), [])
        read = self._read_photographs(store.gallery() if store.exists() else None)
        # The slow work is done: others who change the gallery only have to wait a moment.
        with store.changing(wait=self.wait, who=self.who, new=self._empty(read.like)) as gallery:
            self._check_kind(gallery, read.like)
            known = self._make_room(gallery, read.people)
            if self.existing == "replace":
                for person in known & {row.person for row in read.photos if row.face is not None}:
                    gallery.remove(person)
            enrollment.enroll_rows(gallery, read.photos)
            done = self._choose_thresholds(gallery, read)
        return done._replace(gallery=store.gallery())

    def _read_photographs(self, gallery: Gallery | None) -> _Read:
        old = self.made_from
        for name in ("keep", "masks") if gallery is not None else ():
            given, kept = getattr(self, name), getattr(gallery, name)
            if given not in (None, kept):
                raise ValueError(f"{name} must be that of the gallery, {kept}. Received: {given}")
        # An empty gallery: changes to it while photographs are read affect nothing else.
        like = None if gallery is None else Gallery.empty_like(gallery.words(), gallery.cohort)
        if like is not None:
            self._remember(like)
        recognizer = self.recognizer(like)
        if like is None:
            like = recognizer.gallery = self._empty(recognizer.gallery, old)
        person_of = enrollment.photos_of_people(self.photos, self.person)
        people = {*person_of.values()} if old is None else {*old.people}
        folder, strangers_of = self._strangers(gallery)
        known = set() if gallery is None else self._known(gallery, people)  # refuse early
        photos, strangers = [], []
        if strangers_of:
            strangers = enrollment.read_people(recognizer, strangers_of, enroll=False, cover=True)
            if self.strangers:
                _refuse_nobody(strangers, "strangers must have photographs with one face each")
        if all(row.face is None for row in strangers):
            folder = ""
        # Without strangers thresholds are chosen on the enrolled faces, if they are enough.
        count = sum(map(len, old.photos.values())) if old is not None else len(person_of)
        cover = not folder and can_tell(self._fpir(gallery), count)
        if old is not None:
            photos = enrollment.faces_again(recognizer, old, cover=cover)
            if self.existing == "replace":
                photos = _whole_people(photos, known)
            _refuse_nobody(photos, "at least one remembered photograph must show one face")
        elif person_of:
            photos = enrollment.read_people(recognizer, person_of, cover=cover)
            _refuse_nobody(photos, "at least one photograph must show one face")
        probes = enrollment.threshold_probes(strangers if folder else photos)
        return _Read(like, people, photos, probes, folder)

    def _strangers(self, gallery: Gallery | None) -> tuple[str, dict[str, str]]:
        """(the folder of strangers, {photograph: person}) before reading; ("", {}) if there is
        none."""
        if not self.strangers:
            made = self._calibration(gallery)
            source = made.source if made else ""
            with contextlib.suppress(ValueError, OSError):  # the folder was not given explicitly
                if os.path.isabs(source):
                    return source, enrollment.photos_of_people([source])
            return "", {}
        folder, fpir = os.path.abspath(self.strangers), self._fpir(gallery)
        photographs = enrollment.photos_of_people([folder])
        if len(photographs) < 1 / fpir:
            raise ValueError(
                f"strangers must have {math.ceil(1 / fpir)} photographs for an FPIR of {fpir:g}. "
                f"Received: {len(photographs)} in {self.strangers!r}"
            )
        return folder, photographs

    def _calibration(self, gallery: Gallery | None) -> Calibration | None:
        """The current thresholds, of this gallery or of `made_from`."""
        made = None if gallery is None else gallery.calibration
        return self.made_from.calibration if made is None and self.made_from is not None else made

    def _fpir(self, gallery: Gallery | None) -> float:
        """The FPIR to choose thresholds for."""
        made = self._calibration(gallery)
        return self.fpir or (made.fpir if made else FPIR)

    def _choose_thresholds(self, gallery: Gallery, read: _Read) -> Updated:
        """Chooses thresholds if there are enough photographs, else keeps the current ones."""
        old, probes = self._calibration(gallery), read.probes
        fpir, photos = self._fpir(gallery), len({*probes.photos})
        if not read.folder and (photos < 1 / fpir or len(gallery) < 2):
            wanted = f"FPIR {fpir:g} needs {math.ceil(1 / fpir)} photographs, here are {photos}"
            return Updated(gallery, read.photos, None, wanted)
        try:
            made = gallery.calibrate(
                np.stack(probes.embeddings),
                probes.people,
                fpir=fpir,
                far=self.far or (old.far if old else FAR),
                source=read.folder or "the faces enrolled",
                photos=probes.photos,
                kinds=probes.kinds,
            )
        except ValueError as error:
            if not (self.photos or self.remove or self.made_from):
                raise
            return Updated(gallery, read.photos, None, str(error), True)
        return Updated(gallery, read.photos, made)

    def _remember(self, gallery: Gallery) -> None:
        """Sets what the gallery remembers from now on."""
        if self.remember:
            gallery.remember_from_now(self.remember)

    def _empty(self, gallery: Gallery, like: Gallery | None = None) -> Gallery:
        """An empty gallery for a gallery's model, with the given settings, else those of `like`."""
        like = like or gallery
        return Gallery(
            gallery.fingerprint,
            keep=self.keep or like.keep,
            source=gallery.source,
            cohort=gallery.cohort,
            masks=gallery.masks if self.masks is None else self.masks,
            remember=self.remember or like.remember,
            alignment=gallery.alignment,
        )

    def _check_kind(self, gallery: Gallery, read_for: Gallery) -> None:
        """Refuses a gallery whose kind another process changed while photographs were read."""
        self._remember(gallery)
        gallery.check_model(read_for.fingerprint)
        kind, other = (
            f"keep={one.keep!r}, masks={one.masks}, remember={one.remember!r}"
            for one in (read_for, gallery)
        )
        if kind != other:
            raise ValueError(
                "a gallery must not change its kind while photographs are read for it. Received: a "
                f"gallery that another process has made meanwhile, with {other}"
            )

    def _make_room(self, gallery: Gallery, people: Iterable[str]) -> set[str]:
        """Removes people as asked, and returns the people to enroll who are still enrolled."""
        known = self._known(gallery, people)
        for name in self.remove:
            gallery.remove(name)
        return known

    def _known(self, gallery: Gallery, people: Iterable[str]) -> set[str]:
        """The people to enroll who are already enrolled, without those to be removed."""
        removed = {person_name(name) for name in self.remove}
        for name in sorted(removed - gallery.known(removed)):
            raise unknown_person(name, gallery.people)
        known = gallery.known(people) - removed
        if known and self.existing == "refuse":
            raise ValueError(
                "people must not be enrolled yet, or existing must be 'add' or 'replace'. "
                f"Received: {len(known)} enrolled people, such as {min(known)!r}"
            )
        return known


def _refuse_nobody(rows: list[EnrolledPhoto], wanted: str) -> None:
    if all(row.face is None for row in rows):
        raise ValueError(f"{wanted}. Received: {len(rows)}, the first: {rows[0].error}")


def _whole_people(rows: list[EnrolledPhoto], known: set[str]) -> list[EnrolledPhoto]:
    """Drops the faces of enrolled people some of whose new photographs were left out."""
    lacking = {row.person for row in rows if row.error} & known
    why = "other photographs of this person were left out, so the person is not replaced"
    return [
        dataclasses.replace(row, face=None, error=row.error or why)
        if row.person in lacking
        else row
        for row in rows
    ]
