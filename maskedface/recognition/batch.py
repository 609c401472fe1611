"""Batch identification: the photographs of folders, a progress bar, and errors per file."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from maskedface.datasets.sources import walk
from maskedface.images.formats import is_tools
from maskedface.images.in_threads import read_ahead
from maskedface.progress import track
from maskedface.recognition.faces import Identity
from maskedface.recognition.photo import PhotoFile, read_photo
from maskedface.recognition.recognizer import Recognizer

_Item = TypeVar("_Item")
_File = TypeVar("_File")
_Result = TypeVar("_Result")


@dataclass(frozen=True, eq=False)
class PhotoResult:
    """Result for one photograph.

    Attributes:
        path: str, the file.
        identities: tuple of `Identity`, one per face.
        error: str, why the file could not be read, or "".
    """

    path: str
    identities: tuple[Identity, ...]
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-serializable dict: "path", "error", "faces"."""
        faces = [one.to_dict() for one in self.identities]
        return {"path": self.path, "error": self.error, "faces": faces}


def photo_files(*places: str | os.PathLike[str]) -> list[str]:
    """Lists the photographs in files and folders.

    Args:
        places: image files, and folders, which are searched recursively. Files of any name are
            included, so that one that is not an image is reported as such; system files are not
            (names that start with a dot, `Thumbs.db`, `@eaDir`, `__MACOSX`).

    Returns:
        The paths without duplicates; those of a folder are sorted by name.

    Raises:
        FileNotFoundError: if a place does not exist.
        ValueError: if there is no photograph.

    >>> from maskedface import recognition, synthetic
    >>> _ = synthetic.draw_people("drawn", people=1, photos=2, masked_photos=0)
    >>> len(recognition.photo_files("drawn"))
    2
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
        raise ValueError(
            f"at least one photograph must be given. Received: none in {[*map(str, places)]}"
        )
    return list(dict.fromkeys(found))


def identify_all(
    recognizer: Recognizer,
    paths: Iterable[str],
    *,
    candidates: int = 3,
    threshold: float | None = None,
    progress: bool = True,
) -> Iterator[PhotoResult]:
    """Identifies the faces in many photographs; unreadable files are reported, not raised.

    Args:
        recognizer: its gallery must not be empty.
        paths: image files, for example from `photo_files`.
        candidates, threshold: as for `Recognizer.identify`.
        progress: whether to show a progress bar on stderr.

    Yields:
        One `PhotoResult` per file, in order: `path`, `identities` (one `Identity` per face), and
        `error`, why the file could not be read, or "". `to_dict()` returns them as a
        JSON-serializable dict.

    Raises:
        ValueError: if nobody is enrolled, `candidates` is below 1, or the threshold is out of
            range.
        ModuleNotFoundError: if the detector needs a package that is not installed.

    >>> import keras
    >>> from maskedface import recognition, synthetic
    >>> image = keras.Input((32, 32, 3))
    >>> network = keras.Model(image, keras.layers.Flatten()(image))  # a stand-in
    >>> recognizer = recognition.Recognizer(network, aligned_to="arcface", alignment="arcface")
    >>> _ = synthetic.draw_people("drawn", people=1, photos=2, masked_photos=0)
    >>> paths = recognition.photo_files("drawn")
    >>> _ = recognizer.enroll("Ada", paths[:1])
    >>> found = recognition.identify_all(recognizer, paths, threshold=0.9, progress=False)
    >>> [photo.identities[0].person for photo in found]
    ['Ada', 'Ada']
    """
    if not len(recognizer.gallery) or candidates < 1:
        raise ValueError(
            "somebody must be enrolled, and candidates at least 1. "
            f"Received: {len(recognizer.gallery)} people, candidates={candidates}"
        )
    recognizer.gallery.check_threshold(threshold)

    def identify(files: Sequence[PhotoFile]) -> list[tuple[Identity, ...]]:
        images = [file.image for file in files]
        embedded = recognizer.embed_all(images, recognizer.find(images))
        return [recognizer.named(faces, candidates, threshold) for faces in embedded]

    seen = each(paths, read_photo, identify, "identifying", size=_size, progress=progress)
    for path, found, error in seen:
        yield PhotoResult(path, found or (), error)


def _size(file: PhotoFile) -> int:
    return file.image.nbytes


def each(
    items: Iterable[_Item],
    read: Callable[[_Item], _File],
    work: Callable[[Sequence[_File]], Sequence[_Result | ValueError]],
    label: str,
    *,
    size: Callable[[_File], int],
    progress: bool,
) -> Iterator[tuple[_Item, _Result | None, str]]:
    """Reads files in threads and processes them in batches, with a progress bar on stderr.

    Args:
        items: paths, or other values that identify a photograph.
        read: reads one item.
        work: processes a batch of read files and returns a result or an error for each; if it
            raises an error itself, it is called again with one file at a time.
        label: str, the progress bar's label.
        size: the memory that a read file takes, in bytes.
        progress: whether to show the progress bar.

    Yields:
        (item, result, ""), or (item, None, error message), in order.
    """
    listed = list(items)
    parts = read_ahead(
        functools.partial(_attempt, read),
        listed,
        size=lambda found: 0 if isinstance(found, str) else size(found[0]),
    )

    def done() -> Iterator[tuple[_Item, _Result | None, str]]:
        with contextlib.closing(parts):
            for part in parts:
                good = [found[0] for _, found in part if not isinstance(found, str)]
                results = iter(_worked(work, good))
                for item, found in part:
                    result = found if isinstance(found, str) else next(results)
                    if isinstance(result, str):
                        yield item, None, result
                    else:
                        yield item, result[0], ""

    yield from track(done(), label, len(listed), shown=progress)


def _attempt(read: Callable[[_Item], _File], item: _Item) -> tuple[_File] | str:
    """The file that was read, in a tuple, or the error message."""
    try:
        return (read(item),)
    except (ValueError, OSError) as error:  # includes ImageError
        return str(error)


def _worked(
    work: Callable[[Sequence[_File]], Sequence[_Result | ValueError]], files: Sequence[_File]
) -> list[tuple[_Result] | str]:
    """The result of each file, or its error message; one error does not affect other files."""
    if not files:
        return []
    try:
        found = work(files)
        return [str(one) if isinstance(one, ValueError) else (one,) for one in found]
    except (ValueError, OSError) as error:
        if len(files) == 1:
            return [str(error)]
    return [result for file in files for result in _worked(work, [file])]
