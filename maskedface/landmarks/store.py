"""Landmarks that were found are kept: a file of rows that only grows, so a killed search goes on."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from maskedface.datasets import FaceIndex, Landmarks

_COLUMNS = (
    *("path", "size", "mtime_ns", "landmarks", "source", "confidence", "pixel_aspect"),
    *("problem", "end"),
)
_END = "."  # the last cell: a row that was torn off may look like another whole one


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
        A file in `$MASKEDFACE_CACHE`, else in `$XDG_CACHE_HOME/maskedface` or `~/.cache/maskedface`;
        never among the images, whose folder may not be ours to write to.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    cache = os.environ.get("MASKEDFACE_CACHE") or os.path.join(home, "maskedface")
    text = f"{os.path.realpath(root)}\0{detector}".encode("utf-8", "surrogateescape")
    name = hashlib.blake2b(text, digest_size=12).hexdigest()
    return os.path.join(cache, f"landmarks-{name}.csv")


class Store:
    """Findings by image, in a CSV file that is appended to and never rewritten.

    A row counts while its image has the size and time that it had. Several processes may append: a row
    goes out in one write; one that a killed process left torn is passed over.

    Args:
        path: the file; None keeps findings in memory alone.

    Raises:
        OSError: if the file cannot be read or written, or its folder not made.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._path, self._rows = path, dict[tuple[str, str, str], Finding]()
        if path is None:
            return
        try:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        except OSError as error:
            raise OSError(
                error.errno,
                "the file of found landmarks must be writable; $MASKEDFACE_CACHE names another folder. "
                f"Received: {error.strerror}",
                os.fspath(path),
            ) from error
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            for (
                line
            ) in file:  # each alone: a quotation mark that was torn off must not swallow others
                with contextlib.suppress(csv.Error):
                    self._take(next(csv.reader([line]), []))

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

    def add(
        self, root: str, findings: Mapping[str, Finding] | Iterable[tuple[str, Finding]]
    ) -> None:
        """Keeps findings.

        Args:
            root: the folder that paths start from.
            findings: {path relative to root: finding}.

        Raises:
            OSError: if they cannot be written.
        """
        text = io.StringIO()
        writer = csv.writer(text)
        for path, finding in dict(findings).items():
            cells = ("",) * 4 if finding.landmarks is None else finding.landmarks.to_cells()
            problem = " ".join(finding.problem.splitlines())
            row = [path, *_facts(os.path.join(root, path)), *cells, problem, _END]
            self._take(row)
            if "\n" not in path and "\r" not in path:  # else known to this process alone
                writer.writerow(row)
        if self._path is None:
            return
        data = text.getvalue().encode("utf-8", "surrogateescape")
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if not os.fstat(file).st_size:
                data = f"{','.join(_COLUMNS)}\r\n".encode() + data
            # A line's end first ends what a killed process left torn; an empty line is no row.
            _write(file, b"\r\n" + data)
        finally:
            os.close(file)

    def _take(self, row: list[str]) -> None:
        if len(row) != len(_COLUMNS) or row[-1] != _END:
            return
        path, size, time, *cells, problem, _ = row
        try:
            self._rows[path, size, time] = Finding(Landmarks.from_cells(*cells), problem)
        except ValueError:
            return  # written by somebody else


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _facts(path: str) -> tuple[str, str]:
    """A file's size and time, "" where it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return "", ""
    return str(status.st_size), str(status.st_mtime_ns)
