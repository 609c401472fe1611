"""Faces to enroll, from photographs or from those that another gallery remembers."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from maskedface.datasets.photo_groups import photo_groups, photo_hashes
from maskedface.datasets.sources import check_people
from maskedface.masking import SEEMS_MASKED
from maskedface.names import person_name
from maskedface.recognition.batch import each, photo_files
from maskedface.recognition.embedding import with_masks
from maskedface.recognition.faces import DetectedFace, EmbeddedFace
from maskedface.recognition.gallery import Gallery
from maskedface.recognition.photo import Photo, PhotoFile, read_photo
from maskedface.recognition.recognizer import Recognizer, find_faces, whole_face
from maskedface.recognition.remembered import WHOLE, Remembered, remembered
from maskedface.reprs import short_repr


@dataclass(frozen=True, eq=False)
class EnrolledPhoto:
    """What became of a photograph to enroll.

    Attributes:
        path: str, the file; "" for a crop that a gallery kept without, and where nothing is remembered.
        person: str, whom it shows.
        face: the `EmbeddedFace`; None where there is none.
        error: str, why there is none: the file is no image, is gone, is another one now, or does not show
            one face; "" where there is one.
    """

    path: str
    person: str
    face: EmbeddedFace | None
    error: str = ""

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """As plain values: "path", "person", "error", "face" (None where there is none)."""
        face = None if self.face is None else self.face.to_dict()
        return {"path": self.path, "person": self.person, "error": self.error, "face": face}


class Probes(NamedTuple):
    """Faces to choose a gallery's thresholds on.

    Attributes:
        embeddings, people, photos: of each: what it is compared by, whom it shows, and a number of the
            photograph, equal for near-identical ones.
        has_covered: bool, whether some are under a drawn mask.
    """

    embeddings: list[np.ndarray]
    people: list[str]
    photos: list[int]
    has_covered: bool


def photos_of_people(places: Iterable[str], person: str | None = None) -> dict[str, str]:
    """The photographs of people's folders.

    Args:
        places: image files and folders. Without a person each is a folder with a folder a person in it.
        person: whom all of them show.

    Returns:
        {photograph: whom it shows}.

    Raises:
        FileNotFoundError: if a place does not exist.
        ValueError: if there is no photograph, one lies in no person's folder, a folder's name is no
            person's, or holds a data set's people.
    """
    if person is not None:
        return dict.fromkeys(photo_files(*places), person_name(person))
    found = {}
    for place in places:
        if os.path.isdir(place):
            check_people(place)
        for path in photo_files(place):
            folder = os.path.relpath(path, place).split(os.sep)[0]
            if not os.path.isdir(os.path.join(place, folder)) or not os.path.isdir(place):
                raise ValueError(
                    "a photograph must lie in a person's folder, or a person be given. "
                    f"Received: {path!r}"
                )
            found[path] = person_name(folder)
    return found


def face_to_enroll(
    recognizer: Recognizer, photo: Photo | Remembered, *, enroll: bool = True
) -> EmbeddedFace:
    """The face of a photograph of one person, with what the recognizer's gallery keeps of it.

    Args:
        recognizer: with the gallery.
        photo: the photograph, or what another gallery remembers of one (of its `photos`).
        enroll: False for a stranger's, of which nothing is kept.

    Returns:
        The face with `hashes` and `photo`, and with `template` and `covered` where the gallery wants drawn
        masks, it does not seem to wear one already, and somebody found its mouth (not "whole image").

    Raises:
        FaceError: if it does not show one face.
        ImageError, OSError, ValueError: as `Recognizer.detect` and `Remembered.read`.
        ModuleNotFoundError: as `Recognizer.detect`.
    """
    file, faces = (
        _found_before(recognizer, photo)
        if isinstance(photo, Remembered)
        else (read_photo(photo), None)
    )
    face = recognizer.one_face(file, faces)
    face = dataclasses.replace(face, hashes=photo_hashes(file.image))
    if not enroll:
        return face
    how = recognizer.gallery.remember
    if isinstance(photo, Remembered) and photo.crop and how == "crops":
        kept: Remembered | None = photo  # not a JPEG file of a JPEG file
    else:
        kept = remembered(file, face, how)
    return dataclasses.replace(_with_template(recognizer, file.image, face), photo=kept)


def _found_before(
    recognizer: Recognizer, photo: Remembered
) -> tuple[PhotoFile, tuple[DetectedFace, ...]]:
    """A remembered photograph and its faces, placed as they were; searched for where they were."""
    image, source = photo.read(), photo.source
    if not source:
        faces = find_faces(recognizer.detector, image)
    elif isinstance(source, str):
        faces = whole_face(image, "" if source == WHOLE else source)
    else:
        faces = whole_face(image, np.array(source))
    return PhotoFile(image, photo.path, photo.sha256), faces


def _with_template(recognizer: Recognizer, image: np.ndarray, face: EmbeddedFace) -> EmbeddedFace:
    where_is_unknown = face.aligned_by == WHOLE
    if not recognizer.gallery.masks or face.masked >= SEEMS_MASKED or where_is_unknown:
        return face
    chip = recognizer.align(image, face)
    (template,), (covered,) = with_masks(recognizer, chip[None], face.embedding[None])
    return dataclasses.replace(face, template=template, covered=covered)


def read_people(
    recognizer: Recognizer,
    person_of: Mapping[str, str],
    *,
    enroll: bool = True,
    progress: bool = True,
) -> list[EnrolledPhoto]:
    """The faces of photographs of one person each, before anybody is enrolled by them.

    Args:
        recognizer: whose gallery says what is kept of each.
        person_of: {photograph: whom it shows}, of `photos_of_people`.
        enroll: False for strangers, of whom nothing is kept.
        progress: whether a progress bar is drawn, on stderr.

    Returns:
        One a photograph, in order.

    Raises:
        ModuleNotFoundError: if the detector wants a package that is not installed.
    """
    return [
        EnrolledPhoto(path, person_of[path], face, error)
        for path, face, error in each(
            person_of,
            lambda path: face_to_enroll(recognizer, path, enroll=enroll),
            "enrolling" if enroll else "strangers",
            progress=progress,
        )
    ]


def faces_again(
    recognizer: Recognizer, gallery: Gallery, *, progress: bool = True
) -> list[EnrolledPhoto]:
    """The faces of the photographs that a gallery remembers, before anybody is enrolled by them.

    Args:
        recognizer, gallery, progress: as for `enroll_again`.

    Returns:
        As `enroll_again`.

    Raises:
        ModuleNotFoundError: as `enroll_again`.
    """
    listed = [
        (person, photo) for person, photos in gallery.photos.items() for photo in photos or (None,)
    ]

    def again(item: tuple[str, Remembered | None]) -> EmbeddedFace:
        person, photo = item
        if photo is None:
            raise ValueError(f"a photograph must be remembered. Received: person={person!r}, none")
        return face_to_enroll(recognizer, photo)

    return [
        EnrolledPhoto(photo.path if photo else "", person, face, error)
        for (person, photo), face, error in each(listed, again, "enrolling", progress=progress)
    ]


def enroll_again(
    recognizer: Recognizer, gallery: Gallery, *, progress: bool = True
) -> tuple[EnrolledPhoto, ...]:
    """Enrolls the people of another gallery by the photographs that it remembers: how a gallery gets
    another network. What it kept a crop of is taken from that, all else from the file where it lay. The
    thresholds are to be chosen anew (`Gallery.calibrate`).

    Args:
        recognizer: with the new network; those enrolled join those in its gallery.
        gallery: of any network; it is left as it is.
        progress: whether a progress bar is drawn, on stderr.

    Returns:
        An `EnrolledPhoto` a photograph, and one for each person of whom none is remembered: `path`,
        `person`, `face`, and `error`, why there is no face, "" where there is one.

    Raises:
        ModuleNotFoundError: if the detector wants a package that is not installed.

    >>> import keras
    >>> from maskedface import recognition, synthetic
    >>> image = keras.Input((32, 32, 3))
    >>> network = keras.Model(image, keras.layers.Flatten()(image))  # a stand-in
    >>> recognizer = recognition.Recognizer(network, aligned_to="arcface", alignment="arcface")
    >>> _ = synthetic.draw_people("drawn", people=1, photos=1, masked_photos=0)
    >>> _ = recognizer.enroll("Ada", recognition.photo_files("drawn"))
    >>> smaller = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    >>> other = recognition.Recognizer(smaller, aligned_to="arcface", alignment="arcface")
    >>> _ = recognition.enroll_again(other, recognizer.gallery, progress=False)
    >>> other.gallery.people
    {'Ada': 1}
    """
    rows = tuple(faces_again(recognizer, gallery, progress=progress))
    enroll_rows(recognizer.gallery, rows)
    return rows


def enroll_rows(gallery: Gallery, rows: Iterable[EnrolledPhoto]) -> None:
    """Adds those who have a face; where nobody has, nothing happens.

    Args:
        gallery: changed in place.
        rows: as `read_people` and `faces_again` give them.

    Raises:
        ValueError: as `Gallery.enroll`.
    """
    good = [(row.person, row.face) for row in rows if row.face is not None]
    if good:
        people, faces = zip(*good, strict=True)
        gallery.enroll_faces(people, faces)


def threshold_probes(rows: Sequence[EnrolledPhoto]) -> Probes:
    """What thresholds can be chosen on: the faces, unmasked and, where masks are drawn, under one too, as
    unmasked faces alone would choose a threshold that lets masked strangers in.

    Args:
        rows: as `read_people` and `faces_again` give them.
    """
    seen = [(row.face, row.person) for row in rows if row.face is not None]
    photos = photo_groups(np.array([face.hashes for face, _ in seen])).tolist() if seen else []
    probes = [
        (embedding, person, photo)
        for kind in ("embedding", "covered")
        for (face, person), photo in zip(seen, photos, strict=True)
        if (embedding := getattr(face, kind)) is not None
    ]
    return Probes(
        [embedding for embedding, *_ in probes],
        [person for _, person, _ in probes],
        [photo for *_, photo in probes],
        len(probes) > len(seen),
    )
