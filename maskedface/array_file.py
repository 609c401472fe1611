"""Reads files of named arrays (npz) without pickle, with checksums and without decompression."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Collection
from typing import IO

import numpy as np

_ENDING = ".npy"
_EXTRA = 32  # bytes of a member's entry that hold the size of one above 4 GiB


class DamagedError(ValueError):
    """Raised if a file is damaged, or not a file of arrays."""


def read_arrays(
    path: str | os.PathLike[str], *, only: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Reads a file written by `np.savez`, each member to its end, so that its checksum is verified.

    Nothing is unpickled or decompressed: members must be stored uncompressed, so a small file never
    needs much memory.

    Args:
        path: the file.
        only: the names of arrays to read; by default all.

    Returns:
        {name: array}, read-only.

    Raises:
        DamagedError: if the file is damaged or has another format; the message says where.
        FileNotFoundError, IsADirectoryError, PermissionError: if it cannot be opened.
    """
    with open(path, "rb") as opened:
        try:
            with zipfile.ZipFile(opened) as archive:
                members = _members(archive, os.fstat(opened.fileno()).st_size)
                arrays = {}
                for name, member in members.items():
                    if only is None or name in only:
                        with archive.open(member) as stream:
                            arrays[name] = _parsed(stream)
                return arrays
        # zipfile and NumPy raise a dozen kinds of errors on a damaged file, MemoryError among them.
        except Exception as error:
            raise DamagedError(
                f"{type(error).__name__}: {error}" if str(error) else repr(error)
            ) from error


def digest(array: np.ndarray) -> str:
    """The SHA-256 of an array's type, shape and values, in 64 hexadecimal digits.

    Args:
        array: a numeric array of any shape.
    """
    plain = np.ascontiguousarray(array).reshape(-1).view("uint8")
    hashing = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    hashing.update(plain.data)
    return hashing.hexdigest()


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """{array's name: its entry}, after a check of the file's directory."""
    entries = archive.infolist()
    members = {entry.filename.removesuffix(_ENDING): entry for entry in entries}
    for entry in entries:
        stored = (
            entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size
        )
        # A comment, or more beside a member, may hide the members behind it.
        hides = entry.comment or len(entry.extra) > _EXTRA
        if not entry.filename.endswith(_ENDING) or not stored or hides:
            raise ValueError(f"member {entry.filename!r} does not have the format of NumPy's savez")
    if len(members) != len(entries) or sum(entry.file_size for entry in entries) > size:
        raise ValueError("members have the same name, or are larger than the file")
    return members


def _parsed(stream: IO[bytes]) -> np.ndarray:
    """The array of an .npy file, which must end there."""
    array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
    if stream.read(1):
        raise ValueError("an array's size differs from its header")
    array.setflags(write=False)
    return array
