"""Atomic file writes: a file is written and synced under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

STANDARD_OUTPUT = "-"
# Where it was written (a hash), by which process, a random number, and the end of the file's name.
_OURS = re.compile(r"\.maskedface-([0-9a-f]{8})-([0-9]+)-[0-9a-f]{16}\.partial\..*", re.DOTALL)
_TAIL = 40  # characters: writers go by the ending, and a name may have 255 bytes
_FULL = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG")}


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], *, private: bool = False) -> Iterator[str]:
    """A context that writes a file atomically: a temporary file, which is renamed at the end.

    If the process is killed at any moment, either the old or the new file remains, complete; of
    several concurrent writers, the last one wins. After an error, the old file remains and the
    temporary one is removed. Temporary files of killed processes (`.maskedface-*.partial.*`) are
    removed by the next process that writes into the folder, if it can verify that their process is
    dead.

    Symbolic links are kept, and their target is replaced. The file keeps its mode and, if
    permitted, its owner. Devices, pipes and a file that receives standard output are not replaced,
    but written to at the end, at once. A missing folder is created.

    Args:
        path: the file; "-" is standard output.
        private: whether a new file is only accessible to its owner (mode 0600), instead of the
            umask.

    Yields:
        The path of an empty file with the same extension, to be overwritten.

    Raises:
        OSError: if it cannot be written; the message names the file. Errors of other files inside
            the context are passed on unchanged.
    """
    path, ours = os.fspath(path), True
    try:
        with _poured(path) if is_stream(path) else _renamed(path, private) as partial:
            try:
                yield partial
            except OSError as error:
                ours = error.filename in (None, partial)
                raise
    except OSError as error:
        if ours:
            raise _named(error, path) from error
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a text file atomically, as UTF-8 and without changing line ends.

    Args:
        path: as for `atomic_write`.
        text: str.

    Raises:
        OSError: as `atomic_write`.
    """
    with atomic_write(path) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def write_json(path: str | os.PathLike[str], values: Mapping[str, Any]) -> None:
    """Writes a JSON object atomically.

    Args:
        path: as for `atomic_write`.
        values: values that JSON can represent.

    Raises:
        OSError: as `atomic_write`.
    """
    write_text(path, json.dumps(values, indent=2) + "\n")


def allocate(path: str | os.PathLike[str], make: Callable[[str], np.memmap]) -> None:
    """Creates a memory-mapped file with all its blocks allocated. On a full disk, this raises an
    error, while writing to an unallocated block would kill the process (SIGBUS).

    Args:
        path: the file, usually from `atomic_write`.
        make: a function that creates it at the given path.

    Raises:
        OSError: if the disk is full.
    """
    mapped = make(os.fspath(path))
    size = os.path.getsize(path)
    del mapped
    with open(path, "r+b") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)


@contextlib.contextmanager
def _renamed(path: str, private: bool) -> Iterator[str]:
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    os.makedirs(folder, exist_ok=True)
    _sweep(folder)
    old = os.stat(target) if os.path.exists(target) else None
    name = f".maskedface-{_here()}-{os.getpid()}-{secrets.token_hex(8)}.partial."
    partial = os.path.join(folder, name + os.path.basename(path)[-_TAIL:])
    # The new file is as private as the old one, from its first byte on.
    mode = 0o600 if private or old is not None else 0o666
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    try:
        yield partial
        with open(partial, "r+b") as file:
            os.fsync(file.fileno())
        if old is not None:
            _be_like(partial, old)
        os.replace(partial, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(partial)
        raise


def _be_like(path: str, old: os.stat_result) -> None:
    new = os.stat(path)
    if hasattr(os, "chown") and (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        # Only root may change the owner, and a group must be ours.
        with contextlib.suppress(PermissionError):
            os.chown(path, old.st_uid, old.st_gid)
    os.chmod(path, stat.S_IMODE(old.st_mode))


@functools.cache
def _sweep(folder: str) -> None:
    """Removes temporary files of killed processes from a folder, which may be large; runs once."""
    if os.name != "posix":
        return  # on Windows os.kill would end the process
    with contextlib.suppress(OSError):
        names = [name for name in os.listdir(folder) if name.startswith(".maskedface-")]
        for name in names:
            found = _OURS.fullmatch(name)
            if found and found[1] == _here() and _is_dead(int(found[2])):
                with contextlib.suppress(OSError):
                    os.remove(os.path.join(folder, name))


def _is_dead(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False


@functools.cache
def _here() -> str:
    """The scope in which a process number is unique: this host or container."""
    space = ""
    with contextlib.suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return hashlib.blake2b(f"{socket.gethostname()}\0{space}".encode(), digest_size=4).hexdigest()


def is_stream(path: str) -> bool:
    """Whether a path is to be written to rather than replaced.

    Raises:
        IsADirectoryError: if it is a folder.
    """
    if path == STANDARD_OUTPUT or _standard(path):
        return True
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False  # creating the folder will report the error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return not stat.S_ISREG(mode)


def _standard(path: str) -> int:
    """1 or 2 if a path is the target of standard output or error (/dev/stdout, a file), else 0."""
    for number in (1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(path), os.fstat(number)):
                return number
    return 0


@contextlib.contextmanager
def _poured(path: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="maskedface-") as folder:
        partial = os.path.join(folder, f"partial.{os.path.basename(path)[-_TAIL:]}")
        open(partial, "xb").close()
        yield partial
        with open(partial, "rb") as source, _stream(path) as sink:
            shutil.copyfileobj(source, sink)


def _stream(path: str) -> BinaryIO:
    number = 1 if path == STANDARD_OUTPUT else _standard(path)
    if not number:
        return os.fdopen(os.open(path, os.O_WRONLY), "wb")
    for printed in (sys.stdout, sys.stderr):
        if printed is not None:
            printed.flush()  # what was printed before comes before
    return os.fdopen(os.dup(number), "wb")


def _named(error: OSError, path: str) -> OSError:
    reason = error.strerror or str(error)
    if (
        isinstance(error.filename, str)
        and error.filename != path
        and "partial." not in error.filename
    ):
        reason += f": {error.filename!r}"
    wanted = (
        "the disk must have room for the file"
        if error.errno in _FULL
        else "a file must be writable"
    )
    return OSError(error.errno, f"{wanted}; an existing file is kept. Received: {reason}", path)
