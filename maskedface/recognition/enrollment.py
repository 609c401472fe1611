"""Faces to enroll, from photographs or from the photographs that another gallery remembers."""

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
from maskedface.masking import masked_once, masked_templates
from maskedface.names import person_name
from maskedface.recognition.batch import each, photo_files
from maskedface.recognition.calibration import ProbeKind
from maskedface.recognition.faces import DetectedFace, EmbeddedFace, FaceError
from maskedface.recognition.gallery import Gallery
from maskedface.recognition.judging import is_masked
from maskedface.recognition.photo import Photo, PhotoFile, read_photo
from maskedface.recognition.recognizer import Recognizer, one_of
from maskedface.recognition.remembered import WHOLE, Remember, Remembered, remembered
from maskedface.recognition.stages import cut_face, find_faces, whole_face
from maskedface.reprs import short_repr

_SIZE = operator.attrgetter("size")
_FEW = 0.05  # share of faces that seem masked; the estimate is wrong for some 0.013 (RMFRD)


@dataclass(frozen=True, eq=False)
class EnrolledPhoto:
    """Result for one photograph to enroll.

    Attributes:
        path: str, the file; "" for a stored crop without a path, or if nothing is remembered.
        person: str, the person it shows.
        face: the `EmbeddedFace`, or None.
        error: str, why there is no face: the file is not an image, is missing, has changed, or does
            not show one face; else "".
    """

    path: str
    person: str
    face: EmbeddedFace | None
    error: str = ""

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-serializable dict: "path", "person", "error", "face" (or None)."""
        face = None if self.face is None else self.face.to_dict()
        return {"path": self.path, "person": self.person, "error": self.error, "face": face}


class Probes(NamedTuple):
    """Faces for calibrating a gallery's thresholds.

    Attributes:
        embeddings, people, photos, kinds: each face's embedding, person, photograph number, which
            is equal for near-duplicates, and `ProbeKind`.
    """

    embeddings: list[np.ndarray]
    people: list[str]
    photos: list[int]
    kinds: list[ProbeKind]


def photos_of_people(places: Iterable[str], person: str | None = None) -> dict[str, str]:
    """Lists the photographs in people's folders.

    Args:
        places: image files and folders. Without `person`, folders that have one folder per person.
        person: the person on all photographs.

    Returns:
        {photograph: person}.

    Raises:
        FileNotFoundError: if a place does not exist.
        ValueError: if there is no photograph, one is not in a person's folder, a folder's name is
            not a person's name, or a folder is a data set's and not a person's.
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
                    "a photograph must be in a person's folder, or a person must be given. "
                    f"Received: {path!r}"
                )
            found[path] = person_name(folder)
    return found


class PhotoToEnroll(NamedTuple):
    """A photograph of one person, after reading.

    Attributes:
        file: its pixels and the file they came from.
        faces: the face's location as another gallery remembers it; None if it must be detected.
        photo: the other gallery's `Remembered`; None for a new photograph.
    """

    file: PhotoFile
    faces: tuple[DetectedFace, ...] | None = None
    photo: Remembered | None = None

    @property
    def size(self) -> int:
        """The size of its pixels in bytes."""
        return self.file.image.nbytes


def read_to_enroll(photo: Photo | Remembered) -> PhotoToEnroll:
    """Reads a photograph to enroll.

    Args:
        photo: the photograph, or a `Remembered` one of another gallery (from its `photos`).

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
    """Embeds the face of a photograph of one person for the recognizer's gallery.

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
    recognizer: Recognizer,
    photos: Sequence[PhotoToEnroll],
    *,
    enroll: bool = True,
    cover: bool = False,
) -> list[EmbeddedFace | FaceError]:
    """Embeds the faces of photographs of one person each for the recognizer's gallery.

    Args:
        recognizer: with the gallery.
        photos: the photographs, after reading.
        enroll: False for strangers, of whom nothing is stored.
        cover: whether thresholds are chosen on the faces.

    Returns:
        For each photograph its face, or a `FaceError` if it does not show one face. Faces have
        `hashes`, and if they are enrolled `photo`. Those that do not already seem masked, and whose
        position is known (not "whole image"), have `covered` with `cover`, and `template` if the
        gallery uses drawn masks.

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
    embedded = iter(_embedded(recognizer, single, enroll, cover))
    return [face if isinstance(face, FaceError) else next(embedded) for face in chosen]


def _embedded(
    recognizer: Recognizer,
    single: Sequence[tuple[PhotoToEnroll, DetectedFace]],
    enroll: bool,
    cover: bool,
) -> list[EmbeddedFace]:
    images = [photo.file.image for photo, _ in single]
    hashes = in_threads(photo_hashes, images)
    seen = recognizer.embed_all(images, [[face] for _, face in single])
    faces = [
        dataclasses.replace(face, hashes=bits) for (face,), bits in zip(seen, hashes, strict=True)
    ]
    masks = recognizer.gallery.masks if enroll else 0
    if masks or cover:
        faces = _with_masks(recognizer, images, faces, masks, cover)
    if not enroll:
        return faces
    kept = [
        _kept(photo, face, recognizer.gallery.remember)
        for (photo, _), face in zip(single, faces, strict=True)
    ]
    return [dataclasses.replace(f, photo=photo) for f, photo in zip(faces, kept, strict=True)]


def _kept(photo: PhotoToEnroll, face: EmbeddedFace, how: Remember) -> Remembered | None:
    if photo.photo is not None and photo.photo.crop and how == "crops":
        return photo.photo  # avoids compressing a JPEG again
    return remembered(photo.file, face, how)


def _found(
    recognizer: Recognizer, photos: Sequence[PhotoToEnroll]
) -> list[tuple[DetectedFace, ...]]:
    """The faces of each photograph: detected, or for a remembered photograph those of its
    enrollment, whatever this recognizer's `aligned_to` is."""
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


def _with_masks(
    recognizer: Recognizer,
    images: Sequence[np.ndarray],
    faces: list[EmbeddedFace],
    masks: int,
    cover: bool,
) -> list[EmbeddedFace]:
    """The faces with `template` if `masks` is not 0, and with `covered` if they are to have it."""
    bare = [row for row, face in enumerate(faces) if is_masked(face) is False]
    if not bare:
        return faces
    embed, alignment = recognizer.embedder, recognizer.alignment
    chips = np.stack([cut_face(embed, images[row], faces[row]) for row in bare])
    embeddings = np.stack([faces[row].embedding for row in bare])
    made: dict[str, np.ndarray] = {}
    if masks:
        made["template"] = masked_templates(
            embed, chips, embeddings, count=masks, alignment=alignment
        )
    if cover:
        made["covered"] = masked_once(embed, chips, alignment=alignment)
    for at, row in enumerate(bare):
        faces[row] = dataclasses.replace(faces[row], **{name: of[at] for name, of in made.items()})
    return faces


def read_people(
    recognizer: Recognizer,
    person_of: Mapping[str, str],
    *,
    enroll: bool = True,
    cover: bool = False,
    progress: bool = True,
) -> list[EnrolledPhoto]:
    """Reads and embeds photographs of one person each, without enrolling anybody.

    Args:
        recognizer: its gallery determines what is stored of each face.
        person_of: {photograph: person}, from `photos_of_people`.
        enroll, cover: as for `faces_to_enroll`.
        progress: whether to show a progress bar on stderr.

    Returns:
        One `EnrolledPhoto` per photograph, in order.

    Raises:
        ModuleNotFoundError: if the detector needs a package that is not installed.
    """
    return [
        EnrolledPhoto(path, person_of[path], face, error)
        for path, face, error in each(
            person_of,
            read_to_enroll,
            functools.partial(faces_to_enroll, recognizer, enroll=enroll, cover=cover),
            "enrolling" if enroll else "strangers",
            size=_SIZE,
            progress=progress,
        )
    ]


def faces_again(
    recognizer: Recognizer, gallery: Gallery, *, cover: bool = False, progress: bool = True
) -> list[EnrolledPhoto]:
    """Reads and embeds the photographs that a gallery remembers, without enrolling anybody.

    Args:
        recognizer, gallery, progress: as for `enroll_again`.
        cover: as for `faces_to_enroll`.

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

    work = functools.partial(faces_to_enroll, recognizer, cover=cover)
    done = each(listed, read, work, "enrolling", size=_SIZE, progress=progress)
    return [
        EnrolledPhoto(photo.path if photo else "", person, face, error)
        for (person, photo), face, error in done
    ]


def enroll_again(
    recognizer: Recognizer, gallery: Gallery, *, progress: bool = True
) -> tuple[EnrolledPhoto, ...]:
    """Enrolls the people of another gallery from the photographs that it remembers, for example to
    change the network. Stored crops are used if there are any, else the original files. Choose new
    thresholds afterwards (`Gallery.calibrate`).

    Args:
        recognizer: with the new network; the people are added to its gallery.
        gallery: a gallery of any network; it is not changed.
        progress: whether to show a progress bar on stderr.

    Returns:
        One `EnrolledPhoto` per photograph, and one for each person without remembered photographs:
        `path`, `person`, `face`, and `error`, why there is no face, or "".

    Raises:
        ModuleNotFoundError: if the detector needs a package that is not installed.

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
    """Enrolls the photographs that have a face.

    Args:
        gallery: the gallery, changed in place.
        rows: results of `read_people` or `faces_again`.

    Raises:
        ValueError: as `Gallery.enroll`.
    """
    good = [(row.person, row.face) for row in rows if row.face is not None]
    if good:
        people, faces = zip(*good, strict=True)
        gallery.enroll_faces(people, faces)


def threshold_probes(rows: Sequence[EnrolledPhoto]) -> Probes:
    """The probes for calibration: the faces, and unmasked ones also under a drawn mask. If fewer
    than one in twenty seem masked, all count as unmasked: these may be errors of the estimate,
    which is wrong for about one in a hundred (docs/recognition.md).

    Args:
        rows: results of `read_people` or `faces_again` with `cover`.
    """
    seen = [(row.face, row.person) for row in rows if row.face is not None]
    photos = photo_groups(np.array([face.hashes for face, _ in seen])).tolist() if seen else []
    masked = [is_masked(face) is True for face, _ in seen]
    are_few = sum(masked) < _FEW * len(masked)
    probes = Probes([], [], [], [])
    for (face, person), photo, seems_masked in zip(seen, photos, masked, strict=True):
        worn: ProbeKind = "masked" if seems_masked and not are_few else "unmasked"
        faces: list[tuple[np.ndarray | None, ProbeKind]] = [
            (face.embedding, worn),
            (face.covered, "drawn mask"),
        ]
        for embedding, kind in faces:
            if embedding is not None:
                probes.embeddings.append(embedding)
                probes.people.append(person)
                probes.photos.append(photo)
                probes.kinds.append(kind)
    return probes
