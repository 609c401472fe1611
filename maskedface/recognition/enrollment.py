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
from maskedface.evaluation.scoring import normalized
from maskedface.masking import SEEMS_MASKED, masked_templates
from maskedface.names import person_name
from maskedface.recognition.batch import each, photo_files
from maskedface.recognition.faces import EmbeddedFace
from maskedface.recognition.gallery import Gallery
from maskedface.recognition.photo import Photo, PhotoFile, read_photo
from maskedface.recognition.recognizer import Recognizer, find_faces, whole_face
from maskedface.recognition.remembered import WHOLE, Remembered, remembered, thinned


@dataclass(frozen=True, eq=False)
class EnrolledPhoto:
    """What became of a photograph to enroll.

    Attributes:
        path: str, the file; "" for a crop that a gallery kept without, and where nothing is remembered.
        person: str, whom it shows.
        face: the `EmbeddedFace`; None where there is none.
        error: str, why there is none: the file is no image, is gone, is another one now, or does not show
            one face; "" where there is one.
        hashes: what says which photographs are copies (`datasets.photo_groups`), of one with a face.
    """

    path: str
    person: str
    face: EmbeddedFace | None
    error: str = ""
    hashes: np.ndarray | None = None

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


def face_to_enroll(recognizer: Recognizer, photo: Photo) -> EmbeddedFace:
    """The face of a photograph of one person, with what the recognizer's gallery keeps of it.

    Args:
        recognizer: with the gallery.
        photo: the photograph.

    Returns:
        The face with `photo`, and with `template` and `covered` where the gallery wants drawn masks,
        it does not seem to wear one already, and somebody found its mouth (not "whole image").

    Raises:
        FaceError, ImageError, OSError, ValueError, ModuleNotFoundError: as `Recognizer.one_face`.
    """
    file = read_photo(photo)
    face = _with_template(recognizer, file.image, recognizer.one_face(file))
    return dataclasses.replace(face, photo=remembered(file, face, recognizer.gallery.remember))


def face_again(recognizer: Recognizer, photo: Remembered) -> tuple[np.ndarray, EmbeddedFace]:
    """The face of a photograph that another gallery remembers, as `face_to_enroll` gives it.

    Args:
        recognizer: with the new gallery.
        photo: of the other gallery's `photos`.

    Returns:
        (the photograph or its crop, uint8 array, shape (height, width, 3), RGB; its face).

    Raises:
        FaceError: if it does not show one face.
        FileNotFoundError, OSError, ImageError, ValueError: as `Remembered.read`.
        ModuleNotFoundError: as `Recognizer.detect`.
    """
    image, source, remember = photo.read(), photo.source, recognizer.gallery.remember
    file = PhotoFile(image, photo.path, photo.sha256)
    if not isinstance(source, str):
        faces = whole_face(image, "crop", np.array(source))
    elif source == WHOLE:
        faces = whole_face(image, WHOLE, "")
    elif source:
        faces = whole_face(image, "alignment", source)
    else:
        faces = find_faces(recognizer.detector, image)
    face = _with_template(recognizer, image, recognizer.one_face(file, faces))
    kept = (
        thinned(photo, remember)
        if photo.crop or remember != "crops"
        else remembered(file, face, remember)
    )
    return image, dataclasses.replace(face, photo=kept)


def _with_template(recognizer: Recognizer, image: np.ndarray, face: EmbeddedFace) -> EmbeddedFace:
    where_is_unknown = face.aligned_by == WHOLE
    if not recognizer.gallery.masks or face.masked >= SEEMS_MASKED or where_is_unknown:
        return face
    (template,), (covered,) = masked_templates(
        lambda chips: normalized(recognizer.embedder(chips)),
        recognizer.align(image, face)[None],
        face.embedding[None],
        count=recognizer.gallery.masks,
        alignment=recognizer.alignment,
    )
    return dataclasses.replace(face, template=template, covered=covered)


def read_people(
    recognizer: Recognizer,
    person_of: Mapping[str, str],
    *,
    enroll: bool = True,
    label: str = "enrolling",
    progress: bool = True,
) -> list[EnrolledPhoto]:
    """The faces of photographs of one person each, before anybody is enrolled by them.

    Args:
        recognizer: whose gallery says what is kept of each.
        person_of: {photograph: whom it shows}, of `photos_of_people`.
        enroll: False for strangers, of whom nothing is kept.
        label: str, beside the progress bar.
        progress: whether it is drawn, on stderr.

    Returns:
        One a photograph, in order.

    Raises:
        ModuleNotFoundError: if the detector wants a package that is not installed.
    """

    def face_of(path: str) -> tuple[EmbeddedFace, np.ndarray]:
        file = read_photo(path)
        face = face_to_enroll(recognizer, file) if enroll else recognizer.one_face(file)
        return face, photo_hashes(file.image)

    return [
        EnrolledPhoto(path, person_of[path], *_face_or_none(found, error))
        for path, found, error in each(person_of, face_of, label, progress=progress)
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

    def again(item: tuple[str, Remembered | None]) -> tuple[EmbeddedFace, np.ndarray]:
        person, photo = item
        if photo is None:
            raise ValueError(f"a photograph must be remembered. Received: person={person!r}, none")
        image, face = face_again(recognizer, photo)
        return face, photo_hashes(image)

    return [
        EnrolledPhoto(photo.path if photo else "", person, *_face_or_none(found, error))
        for (person, photo), found, error in each(listed, again, "enrolling", progress=progress)
    ]


def _face_or_none(
    found: tuple[EmbeddedFace, np.ndarray] | None, error: str
) -> tuple[EmbeddedFace | None, str, np.ndarray | None]:
    face, hashes = found or (None, None)
    return face, error, hashes


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
    """What thresholds can be chosen on: the faces, bare and where masks are drawn under one, too, as bare
    faces alone would choose a threshold that lets masked strangers in.

    Args:
        rows: as `read_people` and `faces_again` give them.
    """
    good = [
        (row.face, row.person, row.hashes)
        for row in rows
        if row.face is not None and row.hashes is not None
    ]
    groups = photo_groups(np.stack([hashes for *_, hashes in good])).tolist() if good else []
    numbered = [
        (face, person, photo) for (face, person, _), photo in zip(good, groups, strict=True)
    ]
    covered = [one for one in numbered if one[0].covered is not None]
    return Probes(
        [face.embedding for face, *_ in numbered]
        + [face.covered for face, *_ in covered if face.covered is not None],
        [person for _, person, _ in numbered + covered],
        [photo for *_, photo in numbered + covered],
        bool(covered),
    )
