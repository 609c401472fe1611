"""Faces to enroll, from photographs or from those that another gallery remembers."""

from __future__ import annotations

import dataclasses
import functools
import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from maskedface.datasets.photo_groups import photo_groups, photo_hashes
from maskedface.datasets.sources import check_people
from maskedface.images.in_threads import in_threads
from maskedface.masking import SEEMS_MASKED
from maskedface.names import person_name
from maskedface.recognition.batch import each, photo_files
from maskedface.recognition.embedding import with_masks
from maskedface.recognition.faces import DetectedFace, EmbeddedFace, FaceError
from maskedface.recognition.gallery import Gallery
from maskedface.recognition.photo import Photo, PhotoFile, read_photo
from maskedface.recognition.recognizer import Recognizer, one_of
from maskedface.recognition.remembered import WHOLE, Remember, Remembered, remembered
from maskedface.recognition.stages import cut_face, find_faces, whole_face
from maskedface.reprs import short_repr

_SIZE = operator.attrgetter("size")


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


class PhotoToEnroll(NamedTuple):
    """A photograph of one person, as it was read.

    Attributes:
        file: its pixels, and the file that they came from.
        faces: where a gallery remembers its face; None where it is to be found.
        photo: what the gallery remembers of it; None of a photograph that is new.
    """

    file: PhotoFile
    faces: tuple[DetectedFace, ...] | None = None
    photo: Remembered | None = None

    @property
    def size(self) -> int:
        """Bytes of its pixels."""
        return self.file.image.nbytes


def read_to_enroll(photo: Photo | Remembered) -> PhotoToEnroll:
    """Reads a photograph to enroll.

    Args:
        photo: the photograph, or what another gallery remembers of one (of its `photos`).

    Raises:
        ImageError, OSError, ValueError: as `read_photo` and `Remembered.read`.
    """
    if not isinstance(photo, Remembered):
        return PhotoToEnroll(read_photo(photo))
    image, source = photo.read(), photo.source
    file, faces = PhotoFile(image, photo.path, photo.sha256), None
    if isinstance(source, str) and source:
        faces = whole_face(image, "" if source == WHOLE else source)
    elif source:
        faces = whole_face(image, np.array(source))
    return PhotoToEnroll(file, faces, photo)


def face_to_enroll(
    recognizer: Recognizer, photo: Photo | Remembered, *, enroll: bool = True
) -> EmbeddedFace:
    """The face of a photograph of one person, with what the recognizer's gallery keeps of it.

    Args:
        recognizer, enroll: as for `faces_to_enroll`.
        photo: as for `read_to_enroll`.

    Returns:
        As `faces_to_enroll`.

    Raises:
        FaceError: if it does not show one face.
        ImageError, OSError, ValueError: as `Recognizer.detect` and `Remembered.read`.
        ModuleNotFoundError: as `Recognizer.detect`.
    """
    (face,) = faces_to_enroll(recognizer, [read_to_enroll(photo)], enroll=enroll)
    if isinstance(face, FaceError):
        raise face
    return face


def faces_to_enroll(
    recognizer: Recognizer, photos: Sequence[PhotoToEnroll], *, enroll: bool = True
) -> list[EmbeddedFace | FaceError]:
    """The faces of photographs of one person each, with what the recognizer's gallery keeps of them.

    Args:
        recognizer: with the gallery.
        photos: as they were read.
        enroll: False for strangers', of which nothing is kept.

    Returns:
        The faces with `hashes` and `photo`, and with `template` and `covered` where the gallery wants drawn
        masks, one does not seem to wear one already, and somebody found its mouth (not "whole image"); in
        place of one a `FaceError` where a photograph does not show one face.

    Raises:
        ValueError, ModuleNotFoundError: as `Recognizer.find`.
    """
    chosen: list[DetectedFace | FaceError] = []
    for photo, faces in zip(photos, _found(recognizer, photos), strict=True):
        try:
            chosen.append(one_of(faces, photo.file))
        except FaceError as error:
            chosen.append(error)
    single = [
        (photo, face)
        for photo, face in zip(photos, chosen, strict=True)
        if not isinstance(face, FaceError)
    ]
    embedded = iter(_embedded(recognizer, single, enroll))
    return [face if isinstance(face, FaceError) else next(embedded) for face in chosen]


def _embedded(
    recognizer: Recognizer, single: Sequence[tuple[PhotoToEnroll, DetectedFace]], enroll: bool
) -> list[EmbeddedFace]:
    images = [photo.file.image for photo, _ in single]
    hashes = in_threads(photo_hashes, images)
    seen = recognizer.embed_all(images, [[face] for _, face in single])
    faces = [
        dataclasses.replace(face, hashes=bits) for (face,), bits in zip(seen, hashes, strict=True)
    ]
    if not enroll:
        return faces
    kept = [
        _kept(photo, face, recognizer.gallery.remember)
        for (photo, _), face in zip(single, faces, strict=True)
    ]
    faces = _with_templates(recognizer, images, faces)
    return [dataclasses.replace(f, photo=photo) for f, photo in zip(faces, kept, strict=True)]


def _kept(photo: PhotoToEnroll, face: EmbeddedFace, how: Remember) -> Remembered | None:
    if photo.photo is not None and photo.photo.crop and how == "crops":
        return photo.photo  # not a JPEG file of a JPEG file
    return remembered(photo.file, face, how)


def _found(
    recognizer: Recognizer, photos: Sequence[PhotoToEnroll]
) -> list[tuple[DetectedFace, ...]]:
    """The faces of each, searched for where no gallery remembers its own; of a remembered photograph as
    they were then, whatever this recognizer takes for aligned."""
    found: list[tuple[DetectedFace, ...]] = [photo.faces or () for photo in photos]
    unknown = [row for row, photo in enumerate(photos) if photo.faces is None]
    for again in (False, True):
        rows = [row for row in unknown if (photos[row].photo is not None) == again]
        images = [photos[row].file.image for row in rows]
        if rows:
            seen = find_faces(recognizer.detector, images) if again else recognizer.find(images)
            for row, faces in zip(rows, seen, strict=True):
                found[row] = faces
    return found


def _with_templates(
    recognizer: Recognizer, images: Sequence[np.ndarray], faces: list[EmbeddedFace]
) -> list[EmbeddedFace]:
    bare = [
        row
        for row, face in enumerate(faces)
        if face.masked < SEEMS_MASKED and face.aligned_by != WHOLE
    ]
    if not recognizer.gallery.masks or not bare:
        return faces
    chips = np.stack([cut_face(recognizer.embedder, images[row], faces[row]) for row in bare])
    embeddings = np.stack([faces[row].embedding for row in bare])
    made = with_masks(recognizer, chips, embeddings)
    for row, template, covered in zip(bare, *made, strict=True):
        faces[row] = dataclasses.replace(faces[row], template=template, covered=covered)
    return faces


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
            read_to_enroll,
            functools.partial(faces_to_enroll, recognizer, enroll=enroll),
            "enrolling" if enroll else "strangers",
            size=_SIZE,
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

    def read(item: tuple[str, Remembered | None]) -> PhotoToEnroll:
        person, photo = item
        if photo is None:
            raise ValueError(f"a photograph must be remembered. Received: person={person!r}, none")
        return read_to_enroll(photo)

    work = functools.partial(faces_to_enroll, recognizer)
    done = each(listed, read, work, "enrolling", size=_SIZE, progress=progress)
    return [
        EnrolledPhoto(photo.path if photo else "", person, face, error)
        for (person, photo), face, error in done
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
