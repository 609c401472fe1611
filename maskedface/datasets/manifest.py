"""A `FaceIndex` and its splits as a CSV file, which makes an experiment reproducible by others."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Mapping
from typing import cast

from maskedface.atomic_file import atomic_write
from maskedface.datasets import landmarks
from maskedface.datasets.face_index import Domain, Face, FaceIndex
from maskedface.datasets.landmarks import Landmarks
from maskedface.datasets.tables import not_utf8, read_table
from maskedface.names import did_you_mean

_COLUMNS = ("path", "person", "domain", "photo", "alignment")
_OWN = (*_COLUMNS, *landmarks.COLUMNS, landmarks.ASPECT)  # all others are protocols
_REQUIRED = ("path", "person", "domain")
_Rows = dict[int, dict[str, str]]


def write_manifest(
    path: str | os.PathLike[str],
    index: FaceIndex,
    protocols: Mapping[str, Mapping[str, FaceIndex]] | None = None,
) -> None:
    """Writes an index, and optionally splits of it, to a CSV file.

    The encoding is UTF-8; file names that are not UTF-8 are written as their original bytes. The
    file is written atomically, so an interrupted write leaves the previous one intact.

    >>> from maskedface import datasets, synthetic
    >>> index = synthetic.draw_people("drawn", people=2, photos=4, size=32)
    >>> train, test = datasets.split_by_image(index)
    >>> datasets.write_manifest("faces.csv", index, {"closed_set": {"train": train, "test": test}})

    Args:
        path: the file to write.
        index: the rows; columns path, person, domain, photo, alignment, and where any row has
            landmarks also landmarks (x1 y1 x2 y2 ..), landmarks_source, landmarks_confidence, empty for
            the rows without.
        protocols: column name -> {part name: index of the rows in that part}, for example
            `{"closed_set": {"train": train, "test": test}}`. A row in no part has an empty cell.
            `read_protocols` returns those of another manifest.

    Raises:
        ValueError: if a part contains a row that is not in `index`, a row is in two parts, or a
            protocol has the name of one of the columns above.
        OSError: if the file cannot be written.
    """
    protocols = protocols or {}
    cells: dict[str, dict[str, str]] = {}
    taken = sorted({*protocols} & {*_OWN})
    if taken:
        raise ValueError(f"a protocol must not be named after a manifest column. Received: {taken}")
    for column, parts in protocols.items():
        cells[column] = {}
        for part, rows in parts.items():
            for face in rows.faces:
                if cells[column].setdefault(face.path, part) != part:
                    raise ValueError(
                        f"a row must be in one part of {column!r}. Received: path={face.path!r} "
                        f"in {cells[column][face.path]!r} and {part!r}"
                    )
        strangers = set(cells[column]) - {face.path for face in index.faces}
        if strangers:
            raise ValueError(
                f"the parts of {column!r} must contain only rows of the index. "
                f"Received: path={min(strangers)!r}"
            )
    with (
        atomic_write(path) as partial,
        open(partial, "w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        writer = csv.writer(file)
        placed = any(face.landmarks is not None for face in index.faces)
        writer.writerow([*(_OWN if placed else _COLUMNS), *protocols])
        for face in index.faces:
            five = ("",) * 4 if face.landmarks is None else face.landmarks.to_cells()
            own = [*face[: len(_COLUMNS)], *(five if placed else ())]
            writer.writerow([*own, *(cells[column].get(face.path, "") for column in protocols)])


def read_manifest(
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    alignment: str = "",
    check_files: bool = True,
) -> FaceIndex:
    """Reads a manifest's rows.

    >>> from maskedface import datasets, synthetic
    >>> index = synthetic.draw_people("drawn", people=2, photos=4, size=32)
    >>> datasets.write_manifest("faces.csv", index)
    >>> datasets.read_manifest("faces.csv", root="drawn") == index
    True

    Args:
        path: a CSV file with a header. The columns path, person and domain are required; photo,
            alignment (formerly template) and the landmark columns are read if present; all others
            are ignored. The delimiter may be a comma, a semicolon or a tab; the encoding UTF-8, or
            UTF-16 with a byte order mark.
        root: the folder the paths are relative to; by default the manifest's own folder.
        alignment: the alignment of rows that do not state one.
        check_files: whether every file must exist.

    Returns:
        A `FaceIndex` of every row.

    Raises:
        ValueError: if the alignment is unknown, a required column or cell is missing, landmarks are
            invalid or one of their columns is missing, the file has another encoding or no rows;
            the message names the file and the row.
        FileNotFoundError: if files are missing; the message counts them and names the first.
        OSError: if the manifest cannot be read.
    """
    manifest = _Manifest(path, root, alignment, check_files)
    return manifest.index(manifest.rows)


def read_split(
    path: str | os.PathLike[str],
    protocol: str,
    *,
    root: str | os.PathLike[str] | None = None,
    alignment: str = "",
    check_files: bool = True,
) -> dict[str, FaceIndex]:
    """Reads one protocol column of a manifest.

    >>> from maskedface import datasets, synthetic
    >>> index = synthetic.draw_people("drawn", people=2, photos=4, size=32)
    >>> train, test = datasets.split_by_image(index)
    >>> datasets.write_manifest("faces.csv", index, {"closed_set": {"train": train, "test": test}})
    >>> datasets.read_split("faces.csv", "closed_set", root="drawn")["test"] == test
    True

    Args:
        path, root, alignment, check_files: as for `read_manifest`.
        protocol: the column; each of its values is a part, and rows with an empty cell belong to no
            part. "Train" and "train " are read as "train".

    Returns:
        {part: index}, for example {"test": ..., "train": ...}.

    Raises:
        ValueError: if the column is missing or empty, and as `read_manifest`.
        FileNotFoundError, OSError: as `read_manifest`.
    """
    manifest = _Manifest(path, root, alignment, check_files)
    if protocol not in manifest.protocols:
        raise ValueError(
            f"protocol must be a column of {manifest.path!r}, one of {manifest.protocols}. "
            f"Received: protocol={protocol!r}{did_you_mean(protocol, manifest.protocols)}"
        )
    for row in manifest.rows.values():
        row[protocol] = row[protocol].strip().casefold()
    parts = manifest.parts(protocol)
    if not parts:
        raise ValueError(f"protocol must name a filled column. Received: protocol={protocol!r}")
    return parts


def read_protocols(
    path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None
) -> dict[str, dict[str, FaceIndex]]:
    """Reads all protocol columns of a manifest, to pass them on to a new one:
    `write_manifest(new, index, read_protocols(old))`.

    Args:
        path, root: as for `read_manifest`; the files need not exist.

    Returns:
        {column: {part: index}}, the columns in the file's order.

    Raises:
        ValueError: as `read_manifest`.
    """
    manifest = _Manifest(path, root, check_files=False)
    return {name: manifest.parts(name) for name in manifest.protocols}


class _Manifest:
    """The rows of a file, {row number (the header is 1): {column: cell}}, and how to read them."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        root: str | os.PathLike[str] | None,
        alignment: str = "",
        check_files: bool = True,
    ) -> None:
        if alignment != "":
            from maskedface.geometry import alignment_points

            alignment_points(alignment, 1, 1)  # an unknown one is refused before anything is read
        self.path, self.alignment, self.check_files = os.fspath(path), alignment, check_files
        self.root = os.path.dirname(self.path) or "." if root is None else os.fspath(root)
        self.rows = read_table(path, _REQUIRED)
        if not self.rows:
            raise ValueError(f"a manifest must contain at least one row. Received: {self.path!r}")
        columns = [*next(iter(self.rows.values()))]
        if "template" in columns and "alignment" not in columns:
            columns[columns.index("template")] = "alignment"
            self.rows = {
                n: dict(zip(columns, row.values(), strict=True)) for n, row in self.rows.items()
            }
        given = [name for name in landmarks.COLUMNS if name in columns]
        if len(given) not in (0, len(landmarks.COLUMNS)):
            raise ValueError(
                f"a manifest must have all of the columns {landmarks.COLUMNS}, or none. "
                f"Received: {self.path!r} with only {given}"
            )
        self.protocols = [name for name in columns if name not in _OWN]
        if check_files:
            self._check_encoding()

    def parts(self, protocol: str) -> dict[str, FaceIndex]:
        """The rows of each value of a column."""
        of: dict[str, _Rows] = defaultdict(dict)
        for number, row in self.rows.items():
            if row[protocol]:
                of[row[protocol]][number] = row
        return {part: self.index(of[part]) for part in sorted(of)}

    def index(self, rows: _Rows) -> FaceIndex:
        index = FaceIndex(self.root, (self._face(number, row) for number, row in rows.items()))
        missing = [full for full in index.paths if self.check_files and not os.path.isfile(full)]
        if missing:
            raise FileNotFoundError(
                f"every file of a manifest must exist. Received: {self.path!r} with "
                f"{len(missing)} of {len(index)} missing below root={self.root!r}, "
                f"the first {missing[0]!r}"
            )
        return index

    def _face(self, number: int, row: dict[str, str]) -> Face:
        cells = (row.get(name, "") for name in (*landmarks.COLUMNS, landmarks.ASPECT))
        try:
            five = Landmarks.from_cells(*cells)
        except ValueError as error:
            raise ValueError(f"{self.path!r} row {number}: {error}") from None
        domain = cast(Domain, row["domain"])  # FaceIndex checks the value
        alignment = row.get("alignment") or self.alignment
        return Face(row["path"], row["person"], domain, row.get("photo", ""), alignment, five)

    def _check_encoding(self) -> None:
        """Rejects a manifest in a spreadsheet's legacy encoding. Bytes that are not UTF-8 are valid
        only as file names, and then all of these files exist."""
        wrong = [n for n, row in self.rows.items() if not_utf8(("".join(row.values()),))]
        paths = {n: self.rows[n]["path"] for n in wrong if not_utf8((self.rows[n]["path"],))}
        lost = [n for n, path in paths.items() if not os.path.isfile(os.path.join(self.root, path))]
        if wrong and (lost or not paths):
            number = min(lost or wrong)
            row = self.rows[number]
            raise ValueError(
                "a manifest must be UTF-8 (a spreadsheet's 'CSV UTF-8'). "
                f"Received: {self.path!r} with the header {','.join(row)!r}; in its row {number} "
                f"{not_utf8(row.values())}"
            )
