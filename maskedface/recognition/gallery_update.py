"""A gallery as it is to be: people added by their photographs or removed, thresholds chosen."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

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
    """What became of a gallery.

    Attributes:
        gallery: as it was saved.
        photos: list of `EnrolledPhoto`, one a photograph.
        calibration: the thresholds chosen now; None where none were.
        reason: str, why none were; "" where nobody was enrolled and no strangers are given.
        is_missed: bool, whether thresholds that were to be had could not be chosen.
    """

    gallery: Gallery
    photos: list[EnrolledPhoto]
    calibration: Calibration | None = None
    reason: str = ""
    is_missed: bool = False


class _Read(NamedTuple):
    """What was read from photographs, and a gallery of nobody, of the kind that they were read for; the
    folder of strangers that the probes come from, or ""."""

    like: Gallery
    people: set[str]
    photos: list[EnrolledPhoto]
    probes: Probes
    folder: str


@dataclass(frozen=True, kw_only=True)
class GalleryUpdate:
    """What is to be done to a gallery, which others may change meanwhile: photographs are read first, and
    it is held only while it is changed; nobody's change is lost.

    Args:
        path: where the gallery is kept (`open_store`), made where there is none.
        recognizer: the gallery as it is (None: there is none) -> a `Recognizer` with it.
        photos: image files and folders of people, a folder each.
        person: whom all photographs show; None where each lies in a person's folder.
        made_from: another gallery, whose people are enrolled by the photographs that it remembers.
        remove: people to forget.
        existing: what to do with people who are enrolled already: "refuse" the update, "add" or "replace".
        keep, masks: as for `Gallery`, of a new one; None = of the model and `made_from`.
        remember: as for `Gallery`, of those enrolled no more, too; None = as it was.
        strangers: a folder of people not in the gallery, a folder each, to choose thresholds on; by default
            the one that its thresholds come from, if it is there still, else those enrolled now, each
            against everybody else.
        fpir, far: as for `Gallery.calibrate`; None = those that there are, else .01 and .001.
        wait: float, seconds to wait for who holds it.
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
        """Does it.

        Returns:
            An `Updated`; photographs without one face are left out, and listed there.

        Raises:
            ValueError: if the gallery to remove from is not there, is of another model or kind, somebody to
                remove is not enrolled or somebody to refuse is, no photograph shows a face, there are too
                few strangers, or nothing but thresholds is wanted and they cannot be chosen. Then
                nothing is written.
            OSError: if a place does not exist or the gallery cannot be written.
        """
        if self.made_from is not None and not len(self.made_from):
            raise ValueError("made_from must have somebody enrolled. Received: nobody")
        store = open_store(self.path)
        # People can be forgotten when the model is long gone.
        if not (self.photos or self.strangers or self.made_from):
            if not store.exists():
                raise ValueError(
                    f"a gallery must be there to remove from it. Received: {store.shown!r}"
                )
            with store.changing(wait=self.wait, who=self.who) as gallery:
                self._remember(gallery)
                self._make_room(gallery, ())
            return Updated(store.gallery(), [])
        read = self._read_photographs(store.gallery() if store.exists() else None)
        # What takes long is done: whoever else changes the gallery meanwhile waits a moment.
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
        # Of nobody: what is done to it while photographs are read is done to nothing else.
        like = None if gallery is None else Gallery.empty_like(gallery.words(), gallery.cohort)
        if like is not None:
            self._remember(like)
        recognizer = self.recognizer(like)
        if like is None:
            like = recognizer.gallery = self._empty(recognizer.gallery, old)
        person_of = enrollment.photos_of_people(self.photos, self.person)
        people = {*person_of.values()} if old is None else {*old.people}
        folder, strangers_of = self._strangers(gallery)
        known = (
            set() if gallery is None else self._known(gallery, people)
        )  # refused now, not in the end
        photos, strangers = [], []
        if old is not None:
            photos = enrollment.faces_again(recognizer, old)
            if self.existing == "replace":
                photos = _whole_people(photos, known)
            _refuse_nobody(photos, "a remembered photograph at least must show one face")
        elif person_of:
            photos = enrollment.read_people(recognizer, person_of)
            _refuse_nobody(photos, "a photograph at least must show one face")
        if strangers_of:
            strangers = enrollment.read_people(recognizer, strangers_of, enroll=False)
            if self.strangers:
                _refuse_nobody(strangers, "strangers must hold photographs with one face each")
        if all(row.face is None for row in strangers):
            folder = ""
        probes = enrollment.threshold_probes(strangers if folder else photos)
        return _Read(like, people, photos, probes, folder)

    def _strangers(self, gallery: Gallery | None) -> tuple[str, dict[str, str]]:
        """The folder of strangers, and whom each of its photographs shows, before they are read; ("", {})
        where there is none."""
        if not self.strangers:
            made = self._calibration(gallery)
            source = made.source if made else ""
            with contextlib.suppress(ValueError, OSError):  # nobody asked for it by name
                if os.path.isabs(source):
                    return source, enrollment.photos_of_people([source])
            return "", {}
        folder, fpir = os.path.abspath(self.strangers), self.fpir or FPIR
        photographs = enrollment.photos_of_people([folder])
        if len(photographs) < 1 / fpir:
            raise ValueError(
                f"strangers must have {math.ceil(1 / fpir)} photographs for a FPIR of {fpir:g}. "
                f"Received: {len(photographs)} in {self.strangers!r}"
            )
        return folder, photographs

    def _calibration(self, gallery: Gallery | None) -> Calibration | None:
        """The thresholds that there are, of this gallery or of the one that it is made from."""
        made = None if gallery is None else gallery.calibration
        return self.made_from.calibration if made is None and self.made_from is not None else made

    def _choose_thresholds(self, gallery: Gallery, read: _Read) -> Updated:
        """Chooses them where the photographs allow it; else those that there are stay."""
        old, probes = self._calibration(gallery), read.probes
        fpir, photos = self.fpir or (old.fpir if old else FPIR), len({*probes.photos})
        if not read.folder and (photos < 1 / fpir or len(gallery) < 2):
            wanted = f"FPIR {fpir:g} needs {math.ceil(1 / fpir)} photographs, here are {photos}"
            return Updated(gallery, read.photos, None, wanted)
        drawn = ", unmasked and under a drawn mask" if probes.has_covered else ""
        try:
            made = gallery.calibrate(
                np.stack(probes.embeddings),
                probes.people,
                fpir=fpir,
                far=self.far or (old.far if old else FAR),
                source=(read.folder or "the faces enrolled") + drawn,
                photos=probes.photos,
            )
        except ValueError as error:
            if not (self.photos or self.remove or self.made_from):
                raise
            return Updated(gallery, read.photos, None, str(error), True)
        return Updated(gallery, read.photos, made)

    def _remember(self, gallery: Gallery) -> None:
        """Has a gallery remember what is asked for from now on."""
        if self.remember:
            gallery.remember_from_now(self.remember)

    def _empty(self, gallery: Gallery, like: Gallery | None = None) -> Gallery:
        """A gallery of nobody, for a gallery's model; kept as is asked for, else as that of another."""
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
        """Refuses a gallery that others made of another kind while photographs were read for it."""
        self._remember(gallery)
        gallery.check_model(read_for.fingerprint)
        kind, other = (
            f"keep={one.keep!r}, masks={one.masks}, remember={one.remember!r}"
            for one in (read_for, gallery)
        )
        if kind != other:
            raise ValueError(
                "a gallery must be of one kind while photographs are read for it. Received: one that "
                f"another process made meanwhile, with {other}"
            )

    def _make_room(self, gallery: Gallery, people: Iterable[str]) -> set[str]:
        """Forgets those who are to be removed; says whom of the people to enroll it knows then."""
        known = self._known(gallery, people)
        for name in self.remove:
            gallery.remove(name)
        return known

    def _known(self, gallery: Gallery, people: Iterable[str]) -> set[str]:
        """Whom of the people to enroll a gallery knows, without those to be removed."""
        removed = {person_name(name) for name in self.remove}
        for name in sorted(removed - gallery.known(removed)):
            raise unknown_person(name, gallery.people)
        known = gallery.known(people) - removed
        if known and self.existing == "refuse":
            raise ValueError(
                "people must not be enrolled yet, or existing be 'add' or 'replace'. "
                f"Received: {len(known)} who are, the first {min(known)!r}"
            )
        return known


def _refuse_nobody(rows: list[EnrolledPhoto], wanted: str) -> None:
    if all(row.face is None for row in rows):
        raise ValueError(f"{wanted}. Received: {len(rows)}, the first: {rows[0].error}")


def _whole_people(rows: list[EnrolledPhoto], known: set[str]) -> list[EnrolledPhoto]:
    """The rows without the faces of people who are enrolled and would be replaced by fewer photographs."""
    lacking = {row.person for row in rows if row.error} & known
    why = "others of this person's photographs are left out, so they stay as they were enrolled"
    return [
        dataclasses.replace(row, face=None, error=row.error or why)
        if row.person in lacking
        else row
        for row in rows
    ]
