"""Stores found landmarks in an append-only file, so that interrupted searches can resume."""

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
    """The result of the search on one image.

    Attributes:
        landmarks: those of its face; None if no face was found.
        problem: str, why the image could not be read, or "".
    """

    landmarks: Landmarks | None = None
    problem: str = ""

    @property
    def state(self) -> str:
        """The landmarks' source, "not found" or "unreadable"."""
        if self.problem:
            return "unreadable"
        return self.landmarks.source if self.landmarks else "not found"


def default_store(root: str | os.PathLike[str], detector: str) -> str:
    """The default file for the landmarks of a folder.

    Args:
        root: the folder that the images' paths are relative to.
        detector: an identifier of everything that determines the findings.

    Returns:
        A file in `cache_folder()`, not in the images' folder, which may not be writable.
    """
    text = f"{os.path.realpath(root)}\0{detector}".encode("utf-8", "surrogateescape")
    name = hashlib.blake2b(text, digest_size=12).hexdigest()
    return os.path.join(cache_folder(), f"landmarks-{name}.jsonl")


class Store:
    """Findings by image, in an append-only JSON lines file.

    A row is valid while its image has the same size and modification time. Several processes may
    append, as each row is a single write; a partial row of a killed process is not JSON and is
    skipped.

    Args:
        path: the file; None keeps findings in memory only.

    Raises:
        OSError: if the file cannot be read or written, or its folder cannot be created.
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
                "the landmarks file must be writable; set $MASKEDFACE_CACHE to use another folder. "
                f"Received: {error.strerror}",
                os.fspath(path),
            ) from error
        with open(path, "rb") as file:
            for line in file:
                # A partial row, or another program's.
                with contextlib.suppress(ValueError, TypeError, RecursionError):
                    *key, landmarks, problem = json.loads(line)
                    found = Landmarks(**landmarks) if landmarks else None
                    self._rows[tuple(key)] = Finding(found, str(problem))

    def __len__(self) -> int:
        return len(self._rows)

    def known(self, index: FaceIndex) -> dict[str, Finding]:
        """The findings for images of an index that have not changed.

        Args:
            index: the rows.

        Returns:
            {path of a row: its finding}.
        """
        found = {}
        for face, path in zip(index.faces, index.paths, strict=True):
            key = (face.path, *_facts(path))
            if key in self._rows:
                found[face.path] = self._rows[key]
        return found

    def add(self, root: str, findings: Mapping[str, Finding]) -> None:
        """Adds findings.

        Args:
            root: the folder that paths are relative to.
            findings: {path relative to root: finding}.

        Raises:
            OSError: if they cannot be written.
        """
        lines = [""]  # starts with a line break, to end a partial row of a killed process
        for path, finding in findings.items():
            key = (path, *_facts(os.path.join(root, path)))
            self._rows[key] = finding
            landmarks = finding.landmarks and asdict(finding.landmarks)
            lines.append(json.dumps([*key, landmarks, finding.problem]))
        if self._path is not None:
            self._append("\n".join([*lines, ""]).encode())

    def _append(self, data: bytes) -> None:
        """Appends in a single write; only the owner may read a new file."""
        assert self._path is not None
        with open(self._path, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(data)


def _facts(path: str) -> tuple[int | None, int | None]:
    """A file's size and modification time, or None if it does not exist."""
    try:
        status = os.stat(path)
    except OSError:
        return None, None
    return status.st_size, status.st_mtime_ns
