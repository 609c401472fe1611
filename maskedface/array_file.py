"""Files of named arrays (npz), read without pickle, whole, and no larger than they are."""

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
    """A file of arrays that is damaged, or none."""


def read_arrays(
    path: str | os.PathLike[str], *, only: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Reads a file that `np.savez` wrote, every member to its end, so that its checksum counts.

    Nothing is unpickled or inflated: members must lie in the file as they are, so a small file takes little
    memory.

    Args:
        path: the file.
        only: the names of arrays to read; by default all.

    Returns:
        {name: array}, read-only.

    Raises:
        DamagedError: if it is no such file or damaged; the message says at what.
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
        array: of numbers, any shape.
    """
    plain = np.ascontiguousarray(array).reshape(-1).view("uint8")
    hashing = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    hashing.update(plain.data)
    return hashing.hexdigest()


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """{array's name: where it lies}, where the file's directory is as NumPy writes it."""
    entries = archive.infolist()
    members = {entry.filename.removesuffix(_ENDING): entry for entry in entries}
    for entry in entries:
        stored = (
            entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size
        )
        # A comment, or more beside a member, may hide the members behind it.
        hides = entry.comment or len(entry.extra) > _EXTRA
        if not entry.filename.endswith(_ENDING) or not stored or hides:
            raise ValueError(f"member {entry.filename!r} is not as NumPy's savez writes it")
    if len(members) != len(entries) or sum(entry.file_size for entry in entries) > size:
        raise ValueError("members have one name, or are larger than the file")
    return members


def _parsed(stream: IO[bytes]) -> np.ndarray:
    """An .npy file's array, where nothing follows it."""
    array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
    if stream.read(1):
        raise ValueError("an array's size is not what its header says")
    array.setflags(write=False)
    return array
