"""Landmarks that were found are kept: a file of rows that only grows, so a killed search goes on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from maskedface.cache_folder import cache_folder
from maskedface.datasets import FaceIndex, Landmarks


@dataclass(frozen=True)
class Finding:
    """What was found on one image.

    Attributes:
        landmarks: of its face; None where none was found.
        problem: str, why the image could not be read; "" where it could.
    """

    landmarks: Landmarks | None = None
    problem: str = ""

    @property
    def state(self) -> str:
        """What became of the image: the landmarks' source, "not found" or "unreadable"."""
        if self.problem:
            return "unreadable"
        return self.landmarks.source if self.landmarks else "not found"


def default_store(root: str | os.PathLike[str], detector: str) -> str:
    """Where landmarks of a folder are kept unless somebody says otherwise.

    Args:
        root: the folder that the images' paths start from.
        detector: a name of all that decides what is found.

    Returns:
        A file in `cache_folder()`; never among the images, whose folder may not be ours to write to.
    """
    text = f"{os.path.realpath(root)}\0{detector}".encode("utf-8", "surrogateescape")
    name = hashlib.blake2b(text, digest_size=12).hexdigest()
    return os.path.join(cache_folder(), f"landmarks-{name}.jsonl")


class Store:
    """Findings by image, in a file of JSON lines that is appended to and never rewritten.

    A row counts while its image has the size and time that it had. Several processes may append: a row
    goes out in one write; one that a killed process left torn is no JSON, and passed over.

    Args:
        path: the file; None keeps findings in memory alone.

    Raises:
        OSError: if the file cannot be read or written, or its folder not made.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._path, self._rows = path, dict[tuple[Any, ...], Finding]()
        if path is None:
            return
        try:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            self._append(b"")
        except OSError as error:
            raise OSError(
                error.errno,
                "the file of found landmarks must be writable; $MASKEDFACE_CACHE names another folder. "
                f"Received: {error.strerror}",
                os.fspath(path),
            ) from error
        with open(path, "rb") as file:
            for line in file:
                # Torn, or written by somebody else.
                with contextlib.suppress(ValueError, TypeError, RecursionError):
                    *key, landmarks, problem = json.loads(line)
                    found = Landmarks(**landmarks) if landmarks else None
                    self._rows[tuple(key)] = Finding(found, str(problem))

    def __len__(self) -> int:
        return len(self._rows)

    def known(self, index: FaceIndex) -> dict[str, Finding]:
        """The findings of an index' images that are still as they were.

        Args:
            index: the rows.

        Returns:
            {a row's path: its finding}.
        """
        found = {}
        for face, path in zip(index.faces, index.paths, strict=True):
            key = (face.path, *_facts(path))
            if key in self._rows:
                found[face.path] = self._rows[key]
        return found

    def add(self, root: str, findings: Mapping[str, Finding]) -> None:
        """Keeps findings.

        Args:
            root: the folder that paths start from.
            findings: {path relative to root: finding}.

        Raises:
            OSError: if they cannot be written.
        """
        lines = [""]  # a line's end first ends what a killed process left torn
        for path, finding in findings.items():
            key = (path, *_facts(os.path.join(root, path)))
            self._rows[key] = finding
            landmarks = finding.landmarks and asdict(finding.landmarks)
            lines.append(json.dumps([*key, landmarks, finding.problem]))
        if self._path is not None:
            self._append("\n".join([*lines, ""]).encode())

    def _append(self, data: bytes) -> None:
        """Writes to the end, in one go; a new file is its owner's alone."""
        assert self._path is not None
        with open(self._path, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(data)


def _facts(path: str) -> tuple[int | None, int | None]:
    """A file's size and time, None where it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None, None
    return status.st_size, status.st_mtime_ns
