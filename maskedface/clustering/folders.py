"""People's folders, made of the faces on unsorted photographs, and what the page shows of each face."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from maskedface.atomic_file import atomic_write, write_text
from maskedface.clustering.clusters import ClusteredFace, Clusters, is_named
from maskedface.clustering.page import page_of
from maskedface.images.data_uri import as_data_uri
from maskedface.images.formats import has_image_name
from maskedface.names import picture_path
from maskedface.progress import track
from maskedface.recognition.photo import PhotoFile, read_photo

# The side of a crop in sides of the face's box: detectors need the head and some background.
_AROUND = 2.2
_SHOWN_AROUND = 1.3  # the same for the pictures of the page
_GRAY = 128  # what covers another person's face on a crop
_QUALITY = 95  # of a JPEG crop: its errors change an embedding far less than the pose does


class Written(NamedTuple):
    """What was written.

    Attributes:
        people: {person: number of faces in the folder}.
        errors: {photograph: why its faces could not be written}.
    """

    people: dict[str, int]
    errors: dict[str, str]


def write_people(
    clusters: Clusters,
    folder: str | os.PathLike[str],
    *,
    page: str | os.PathLike[str] | None = None,
    least: int = 2,
    progress: bool = True,
) -> Written:
    """Writes a folder a person, as `maskedface enroll` takes them, and a page to look through.

    A face is cut out with what is around it, other people's faces covered in gray; a photograph that shows
    nothing else is copied as it is.

    Args:
        clusters: the faces and their people.
        folder: where the people's folders go; it must be absent or empty.
        page: the HTML file that shows all faces, on which people can be named and merged; None writes none.
            It needs no network; the faces on it are personal data.
        least: int >= 1, photographs: a person without a name on fewer gets no folder, and is on the page
            alone.
        progress: whether a progress bar is drawn, on stderr.

    Returns:
        What was written. A photograph that is gone or was changed costs its own faces alone.

    Raises:
        ValueError: if `least` is below 1.
        FileExistsError: if the folder is there and holds something.
        OSError: if it cannot be written.

    >>> from maskedface import clustering
    >>> clusters = clustering.Clusters.load("people.json")  # doctest: +SKIP
    >>> clustering.write_people(clusters, "people", page="people.html")  # doctest: +SKIP
    """
    if least < 1:
        raise ValueError(f"least must be at least 1. Received: least={least}")
    check_absent(folder)
    photos: dict[str, set[str]] = {}
    for face in clusters.faces:
        photos.setdefault(face.person, set()).add(face.path)
    people = {
        person: 0 for person in clusters.people if is_named(person) or len(photos[person]) >= least
    }
    os.makedirs(folder, exist_ok=True)
    for person in people:
        os.mkdir(os.path.join(folder, person))
    errors: dict[str, str] = {}
    pictures: dict[int, str] = {}
    for number, face, file, others in _each_face(clusters.faces, errors, progress):
        if face.person in people:
            _write(os.path.join(folder, face.person), number, face, file, others)
            people[face.person] += 1
        if page is not None:
            pictures[number] = as_data_uri(_crop(file.image, face.box, _SHOWN_AROUND))
    if page is not None:
        write_text(page, page_of(clusters, pictures, os.path.basename(os.path.abspath(folder))))
    return Written(people, errors)


def check_absent(folder: str | os.PathLike[str]) -> None:
    """Refuses a folder that holds something.

    Raises:
        FileExistsError: if it does.
        NotADirectoryError: if it is a file.
    """
    with contextlib.suppress(FileNotFoundError):
        if os.listdir(folder):
            raise FileExistsError(
                f"a folder of people must be absent or empty. Received: {os.fspath(folder)!r}"
            )


def _each_face(
    faces: Sequence[ClusteredFace], errors: dict[str, str], progress: bool
) -> Iterator[tuple[int, ClusteredFace, PhotoFile, list[ClusteredFace]]]:
    """The number of each face, the face, its photograph, and the photograph's other faces."""
    numbered = sorted(enumerate(faces), key=lambda row: row[1].path)
    by_photo = [list(rows) for _, rows in itertools.groupby(numbered, key=lambda row: row[1].path)]
    for rows in track(by_photo, "writing", len(by_photo), shown=progress):
        path = rows[0][1].path
        try:
            file = read_photo(path)
        except (ValueError, OSError) as error:
            errors[path] = str(error)
            continue
        if file.sha256 != rows[0][1].sha256:
            errors[path] = "the photograph was changed after its faces were found"
            continue
        for number, face in rows:
            yield number, face, file, [other for n, other in rows if n != number]


def _write(
    folder: str, number: int, face: ClusteredFace, file: PhotoFile, others: list[ClusteredFace]
) -> None:
    bounds = _bounds(file.image, face.box, _AROUND)
    height, width = file.image.shape[:2]
    if not others and bounds == (0, 0, width, height) and has_image_name(face.path):
        ending = os.path.splitext(face.path)[1]
        with atomic_write(picture_path(folder, number + 1, face.path, ending)) as partial:
            shutil.copyfile(face.path, partial)
        return
    image = file.image.copy()
    for other in others:
        image[_inside(other.box)] = _GRAY
    own = _inside(face.box)
    image[own] = file.image[own]
    crop = Image.fromarray(_crop(image, face.box, _AROUND))
    with atomic_write(picture_path(folder, number + 1, face.path)) as partial:
        crop.save(partial, "JPEG", quality=_QUALITY, subsampling=0)


def _crop(image: np.ndarray, box: Sequence[float], around: float) -> np.ndarray:
    left, top, right, bottom = _bounds(image, box, around)
    return image[top:bottom, left:right]


def _bounds(image: np.ndarray, box: Sequence[float], around: float) -> tuple[int, int, int, int]:
    """A square about a box, as far as the image reaches: (left, top, right, bottom)."""
    left, top, right, bottom = box
    half = around * max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    height, width = image.shape[:2]
    first = [
        max(0, min(int(np.floor(at - half)), most - 1)) for at, most in ((x, width), (y, height))
    ]
    last = [
        max(least + 1, min(int(np.ceil(at + half)), most))
        for at, least, most in ((x, first[0], width), (y, first[1], height))
    ]
    return first[0], first[1], last[0], last[1]


def _inside(box: Sequence[float]) -> tuple[slice, slice]:
    left, top, right, bottom = (max(0, round(side)) for side in box)
    return slice(top, bottom), slice(left, right)
