"""Many photographs in one go: a folder's files, a progress bar, and errors that stop nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import track

from maskedface.datasets.formats import is_tools
from maskedface.datasets.sources import walk
from maskedface.recognition.found import FoundFace, Identity
from maskedface.recognition.gallery import Gallery
from maskedface.recognition.recognizer import Recognizer
from maskedface.recognition.remembered import Remembered

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class PhotoResult(NamedTuple):
    """What became of one photograph.

    Attributes:
        path: str, the file.
        identities: tuple of `Identity`, one a face.
        error: str, why the file could not be read; "" if it could.
    """

    path: str
    identities: tuple[Identity, ...]
    error: str = ""


class EnrolledAgain(NamedTuple):
    """What became of one photograph that a gallery remembers.

    Attributes:
        person: str, whom it shows.
        photo: the `Remembered`; None where nothing is remembered of the person.
        face: the `FoundFace` enrolled; None where there is none.
        error: str, why there is none: the file is gone, is another one now, or does not show one face.
    """

    person: str
    photo: Remembered | None
    face: FoundFace | None
    error: str = ""


def photo_files(*places: str | os.PathLike[str]) -> list[str]:
    """The photographs of files and folders.

    Args:
        places: image files, and folders, of which every file at any depth is taken, whatever its name:
            one that is no image is then named as such. Left out are files that systems and tools keep
            for themselves (names that begin with a dot, `Thumbs.db`, `@eaDir`, `__MACOSX`).

    Returns:
        The paths, each once, folders' in the names' order.

    Raises:
        FileNotFoundError: if a place does not exist.
        ValueError: if there is no photograph.
    """
    found: list[str] = []
    for place in places:
        if not os.path.isdir(place):
            if not os.path.exists(place):
                raise FileNotFoundError(f"a photograph must exist. Received: {os.fspath(place)!r}")
            found.append(os.fspath(place))
            continue
        for folder in walk(place):
            paths = map(folder.inside, folder.files)
            found += [os.path.join(place, path) for path in paths if not is_tools(path)]
    if not found:
        raise ValueError(f"there must be a photograph. Received: none in {[*map(str, places)]}")
    return list(dict.fromkeys(found))


def identify_all(
    recognizer: Recognizer,
    paths: Iterable[str],
    *,
    candidates: int = 3,
    threshold: float | None = None,
    progress: bool = True,
) -> Iterator[PhotoResult]:
    """Identifies the faces of many photographs; a file that cannot be read is named, not fatal.

    Args:
        recognizer: with somebody enrolled.
        paths: image files, for example from `photo_files`.
        candidates, threshold: as for `Recognizer.identify`.
        progress: whether a progress bar is drawn, on stderr.

    Yields:
        One `PhotoResult` a file, in order.

    Raises:
        ValueError: if nobody is enrolled, `candidates` is below 1 or the threshold is no score.
        ModuleNotFoundError: if the detector wants a package that is not installed.
    """
    if not len(recognizer.gallery) or candidates < 1:
        raise ValueError(
            "somebody must be enrolled, and candidates at least 1. "
            f"Received: {len(recognizer.gallery)} people, candidates={candidates}"
        )
    recognizer.check_threshold(threshold)

    def identify(path: str) -> tuple[Identity, ...]:
        return recognizer.identify(path, candidates=candidates, threshold=threshold)

    for path, found, error in each(paths, identify, "identifying", progress=progress):
        yield PhotoResult(path, found or (), error)


def enroll_again(
    recognizer: Recognizer, gallery: Gallery, *, progress: bool = True
) -> tuple[EnrolledAgain, ...]:
    """Enrolls the people of another gallery by the photographs that it remembers: how a gallery gets
    another network. What it kept a crop of is taken from that, all else from the file where it lay. The
    thresholds are to be chosen anew (`Gallery.calibrate`).

    Args:
        recognizer: with the new network; those enrolled join those in its gallery.
        gallery: of any network; it is left as it is.
        progress: whether a progress bar is drawn, on stderr.

    Returns:
        An `EnrolledAgain` a photograph, and one for each person of whom none is remembered.

    Raises:
        ModuleNotFoundError: if the detector wants a package that is not installed.
    """
    rows = tuple(row for row, _ in faces_again(recognizer, gallery, progress=progress))
    good = [(row.person, row.face) for row in rows if row.face is not None]
    if good:
        people, faces = zip(*good, strict=True)
        recognizer.gallery.enroll(
            people, np.stack([face.to_enroll for face in faces]), [face.photo for face in faces]
        )
    return rows


def faces_again(
    recognizer: Recognizer, gallery: Gallery, *, progress: bool = True
) -> Iterator[tuple[EnrolledAgain, np.ndarray | None]]:
    """The faces of the photographs that a gallery remembers, before anybody is enrolled by them.

    Args:
        recognizer, gallery, progress: as for `enroll_again`.

    Yields:
        (a row, its photograph or crop where it has a face), in the order of names.

    Raises:
        ModuleNotFoundError: as `enroll_again`.
    """
    listed = [
        (person, photo) for person, photos in gallery.photos.items() for photo in photos or (None,)
    ]

    def again(item: tuple[str, Remembered | None]) -> tuple[np.ndarray, FoundFace]:
        person, photo = item
        if photo is None:
            raise ValueError(f"a photograph must be remembered. Received: person={person!r}, none")
        return recognizer.face_again(photo)

    for item, found, error in each(listed, again, "enrolling", progress=progress):
        image, face = found or (None, None)
        yield EnrolledAgain(*item, face, error), image


def each(
    items: Iterable[_Item],
    read: Callable[[_Item], _Result],
    label: str,
    *,
    progress: bool,
) -> Iterator[tuple[_Item, _Result | None, str]]:
    """Calls `read` on every file, with a progress bar on stderr.

    Args:
        items: paths, or what else says which photograph.
        read: reads one.
        label: str, beside the bar.
        progress: whether it is drawn.

    Yields:
        (item, result, ""), or (item, None, why the file or what it shows was refused).
    """
    listed = list(items)
    for item in track(listed, label, console=Console(stderr=True), disable=not progress):
        try:
            yield item, read(item), ""
        except (ValueError, OSError) as error:  # ImageError and FaceError among them
            yield item, None, str(error)
