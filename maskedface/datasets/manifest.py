"""A `FaceIndex` and its splits as a CSV file, so that somebody else can repeat an experiment."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from typing import cast

from maskedface.atomic_file import atomic_write
from maskedface.datasets import landmarks
from maskedface.datasets.face_index import Domain, Face, FaceIndex
from maskedface.datasets.landmarks import Landmarks
from maskedface.datasets.tables import not_utf8, read_table

_COLUMNS = ("path", "person", "domain", "photo", "alignment")
_OWN = (*_COLUMNS, *landmarks.COLUMNS, landmarks.ASPECT)  # all others are protocols
_REQUIRED = ("path", "person", "domain")


def write_manifest(
    path: str | os.PathLike[str],
    index: FaceIndex,
    protocols: Mapping[str, Mapping[str, FaceIndex]] | None = None,
) -> None:
    """Writes an index, and any splits of it, to a CSV file (UTF-8, undecodable names escaped back
    to their own bytes), by way of a temporary file, so a killed write leaves the old one.

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
            `read_protocols` gives those of another manifest.

    Raises:
        ValueError: if a part holds a row that `index` lacks, a row is in two parts, or a protocol has the
            name of one of the columns above.
        OSError: if the file cannot be written.
    """
    protocols = protocols or {}
    cells: dict[str, dict[str, str]] = {}
    taken = sorted({*protocols} & {*_OWN})
    if taken:
        raise ValueError(f"a protocol must have a name of its own. Received: {taken}")
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
                f"the parts of {column!r} must hold rows of the index alone. "
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
        path: a CSV file with a header; columns path, person and domain are required, photo,
            alignment and the three of landmarks are read where present, all others are left alone. Cells
            lie between commas, semicolons or tabs; UTF-8, or UTF-16 with its byte order mark.
        root: the folder the paths start from; by default the manifest's own folder.
        alignment: the alignment of the rows that name none.
        check_files: whether every file must exist.

    Returns:
        A `FaceIndex` of every row.

    Raises:
        ValueError: if a required column or cell is missing, landmarks are no `Landmarks` or one of
            their columns is missing, the alignment's column still has its old name "template", the file
            is in another encoding or holds no row; the message names the file, and the row.
        FileNotFoundError: if files are missing; the message counts them and names the first.
        OSError: if the manifest cannot be read.
    """
    rows = _rows(path)
    if check_files:
        _check_encoding(path, rows, _root(path, root))
    return _index(path, rows, root, alignment, check_files)


def _root(path: str | os.PathLike[str], root: str | os.PathLike[str] | None) -> str:
    return os.path.dirname(os.fspath(path)) or "." if root is None else os.fspath(root)


def read_split(
    path: str | os.PathLike[str],
    protocol: str,
    *,
    root: str | os.PathLike[str] | None = None,
    alignment: str = "",
    check_files: bool = True,
    alignment_column: str = "alignment",
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
        protocol: the column; each of its values is a part, rows with an empty cell are in none. "Train"
            and "train " are "train".
        alignment_column: the column that states the rows' alignment; in run folders of before it
            is "template".

    Returns:
        {part: index}, for example {"test": ..., "train": ...}.

    Raises:
        ValueError: if the column is missing or empty, and as `read_manifest`.
        FileNotFoundError, OSError: as `read_manifest`.
    """
    rows = _rows(path, alignment_column)
    others = _protocols(rows)
    if protocol not in others:
        raise ValueError(
            f"protocol must be a column of {os.fspath(path)!r}, one of {others}. "
            f"Received: protocol={protocol!r}"
        )
    if check_files:
        _check_encoding(path, rows, _root(path, root))
    for row in rows.values():
        row[protocol] = row[protocol].strip().casefold()
    parts = _parts(path, rows, protocol, root, alignment, check_files)
    if not parts:
        raise ValueError(f"protocol must name a filled column. Received: protocol={protocol!r}")
    return parts


def read_protocols(
    path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None
) -> dict[str, dict[str, FaceIndex]]:
    """Reads all columns of a manifest that are not the rows' own, so that `write_manifest` can write
    them again beside other rows' values: `write_manifest(new, index, read_protocols(old))`.

    Args:
        path, root: as for `read_manifest`; the files need not be there.

    Returns:
        {column: {part: index}}, the columns in the file's order.

    Raises:
        ValueError: as `read_manifest`.
    """
    rows = _rows(path)
    return {name: _parts(path, rows, name, root, "", False) for name in _protocols(rows)}


def _protocols(rows: Mapping[int, Mapping[str, str]]) -> list[str]:
    return [name for name in next(iter(rows.values())) if name not in _OWN]


def _parts(
    path: str | os.PathLike[str],
    rows: Mapping[int, Mapping[str, str]],
    protocol: str,
    root: str | os.PathLike[str] | None,
    alignment: str,
    check_files: bool,
) -> dict[str, FaceIndex]:
    of: dict[str, dict[int, Mapping[str, str]]] = {}
    for number, row in rows.items():
        if row[protocol]:
            of.setdefault(row[protocol], {})[number] = row
    return {part: _index(path, of[part], root, alignment, check_files) for part in sorted(of)}


def _rows(
    path: str | os.PathLike[str], alignment_column: str = "alignment"
) -> dict[int, dict[str, str]]:
    """{row number, the header's is 1: {column: cell}}."""
    columns, rows = read_table(path, _REQUIRED)
    if alignment_column == "alignment" not in columns and "template" in columns:
        raise ValueError(
            "a manifest's column of alignments must be named 'alignment': rename the column. "
            f"Received: {os.fspath(path)!r} with the column 'template'"
        )
    given = [name for name in landmarks.COLUMNS if name in columns]
    if len(given) not in (0, len(landmarks.COLUMNS)):
        raise ValueError(
            f"a manifest must have all of the columns {landmarks.COLUMNS}, or none. "
            f"Received: {os.fspath(path)!r} with {given} alone"
        )
    if not rows:
        raise ValueError(f"a manifest must hold at least one row. Received: {os.fspath(path)!r}")
    if alignment_column != "alignment" and alignment_column in columns:
        for row in rows.values():
            row["alignment"] = row.pop(alignment_column)
    return rows


def _check_encoding(
    path: str | os.PathLike[str],
    rows: Mapping[int, Mapping[str, str]],
    root: str | os.PathLike[str],
) -> None:
    """Refuses a manifest in a spreadsheet's encoding. Bytes that are no UTF-8 are right where they are the
    names of files: then all such files are there."""
    wrong = {number: row for number, row in rows.items() if not_utf8(("".join(row.values()),))}
    paths = {number: row["path"] for number, row in wrong.items() if not_utf8((row["path"],))}
    lost = [n for n, name in paths.items() if not os.path.isfile(os.path.join(root, name))]
    if wrong and (lost or not paths):
        number = lost[0] if lost else min(wrong)
        raise ValueError(
            "a manifest must be UTF-8 (a spreadsheet's 'CSV UTF-8'). "
            f"Received: {os.fspath(path)!r} with the header {','.join(wrong[number])!r}, in whose row "
            f"{number} {not_utf8(wrong[number].values())}"
        )


def _index(
    path: str | os.PathLike[str],
    rows: Mapping[int, Mapping[str, str]],
    root: str | os.PathLike[str] | None,
    alignment: str,
    check_files: bool,
) -> FaceIndex:
    index = FaceIndex(
        _root(path, root),
        (
            Face(
                row["path"],
                row["person"],
                cast(Domain, row["domain"]),  # FaceIndex checks the value
                row.get("photo", ""),
                row.get("alignment") or alignment,
                _landmarks(path, number, row),
            )
            for number, row in rows.items()
        ),
    )
    missing = [full for full in index.paths if check_files and not os.path.isfile(full)]
    if missing:
        raise FileNotFoundError(
            f"every file of a manifest must exist. Received: {os.fspath(path)!r} with "
            f"{len(missing)} of {len(index)} missing below root={index.root!r}, "
            f"the first {missing[0]!r}"
        )
    return index


def _landmarks(
    path: str | os.PathLike[str], number: int, row: Mapping[str, str]
) -> Landmarks | None:
    try:
        return Landmarks.from_cells(
            *(row.get(name, "") for name in (*landmarks.COLUMNS, landmarks.ASPECT))
        )
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r} row {number}: {error}") from None
