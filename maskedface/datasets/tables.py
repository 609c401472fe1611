"""Reads text files and tables from spreadsheets, with byte order marks or legacy encodings."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence

# UTF-32's mark begins as UTF-16's does, so it comes first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What spreadsheets put between cells: of English settings, of most others, of "Unicode text".
_DELIMITERS = ",;\t"
_SHOWN = 200  # characters of a header in a message


def read_text(path: str | os.PathLike[str], *, legacy: str = "") -> str:
    """Reads a text file by its byte order mark (UTF-8, UTF-16, UTF-32), or as UTF-8 without one.

    Args:
        path: the file.
        legacy: str, the encoding of a file that is not UTF-8 and has no mark; "" keeps bytes that
            are not UTF-8 with `surrogateescape`, since file names may contain any bytes.

    Returns:
        str, with the line ends of the file.

    Raises:
        ValueError: if the file contains zero bytes but no mark, or cannot be decoded.
        OSError: if it cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read()
    marked = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "")
    if not marked and b"\0" in data:
        raise ValueError(
            "a text file must not contain zero bytes; UTF-16 must begin with a byte order mark. "
            f"Received: {os.fspath(path)!r}, which begins with {data[:40]!r}: save it as UTF-8"
        )
    encodings = (marked,) if marked else ("utf-8", legacy) if legacy else ("utf-8",)
    errors = "strict" if marked or legacy else "surrogateescape"
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode(encoding, errors)
    raise ValueError(
        f"a text file must decode as one of {encodings}. Received: {os.fspath(path)!r}, which begins with "
        f"{data[:40]!r}"
    )


def read_lines(path: str | os.PathLike[str], *, legacy: str = "") -> list[str]:
    """The lines of `read_text` that are not blank, without their ends."""
    lines = io.StringIO(read_text(path, legacy=legacy), newline=None)
    return [line.rstrip("\n") for line in lines if line.strip()]


def read_table(
    path: str | os.PathLike[str], required: Sequence[str], *, legacy: str = ""
) -> dict[int, dict[str, str]]:
    """Reads a table with commas, semicolons or tabs as the delimiter, detected from its header.

    Args:
        path: a file as for `read_text`.
        required: the required columns.
        legacy: as for `read_text`.

    Returns:
        {row number (the header is row 1): {column: cell}}, with spaces around column names removed;
        empty rows are skipped.

    Raises:
        ValueError: if a column is missing or occurs twice, or a row and the header differ in their
            number of cells; the message shows the header. Also as `read_text`.
        OSError: if the file cannot be read.
    """
    text, name = read_text(path, legacy=legacy), os.fspath(path)
    try:
        for delimiter in _DELIMITERS:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            columns = [cell.strip() for cell in next(reader, [])]
            if {*required} <= {*columns}:
                return dict(_rows(reader, columns, name))
    except csv.Error as error:
        raise ValueError(f"a table must be CSV. Received: {name!r} ({error})") from error
    header = text.splitlines()[0][:_SHOWN] if text else ""
    raise ValueError(
        f"a table must have the columns {tuple(required)}. Received: {name!r} without "
        f"{[column for column in required if column not in header]}; its header is {header!r}"
    )


def _rows(
    reader: Iterator[list[str]], columns: list[str], name: str
) -> Iterator[tuple[int, dict[str, str]]]:
    named = [column for column in columns if column]
    if len(named) > len({*named}):
        raise ValueError(
            f"a table's column names must be unique. Received: {name!r} with the header {columns}"
        )
    for number, cells in enumerate(reader, 2):
        if not any(cells):
            continue
        if len(cells) != len(columns):
            raise ValueError(
                "every row of a table must have as many cells as the header. "
                f"Received: {name!r} row {number} with {len(cells)} of {len(columns)}"
            )
        yield number, {key: cell for key, cell in zip(columns, cells, strict=True) if key}


def not_utf8(cells: Iterable[str]) -> str:
    """Describes the first cell whose bytes are not UTF-8, decoded in common spreadsheet encodings;
    "" if all cells are UTF-8."""
    for cell in cells:
        raw = cell.encode(errors="surrogateescape")
        if raw.decode(errors="replace") != cell:
            names = {"Windows-1252": "cp1252", "GB18030": "gb18030"}
            words = (
                f"{name} reads {raw.decode(code, 'replace')!r}" for name, code in names.items()
            )
            return f"{raw!r} is not UTF-8: {', '.join(words)}"
    return ""
