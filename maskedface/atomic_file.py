"""Files that are whole or not there: written aside, on the disk before they take their name."""

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
    """Gives a place to write a file to; what lies there then takes the file's name.

    A process killed at any moment leaves the old file, or the new one, whole; of several that write
    the same file at once the last one's stays, whole. On any error the old one stays and nothing is left
    beside it. What a killed process leaves (`.maskedface-*.partial.*`) the next one that writes into the
    folder removes, where it is sure that the other is dead.

    A link stays, and the file that it leads to is replaced. The file keeps its mode and, where that is
    permitted, its owner. A device, a pipe and the file that standard output goes to are written to, at
    the end and in one go. A missing folder is made.

    Args:
        path: the file; "-" is standard output.
        private: whether a new file is for its owner alone (mode 0600); else by the umask.

    Yields:
        The path of an empty file, with the same ending, to be written over.

    Raises:
        OSError: if it cannot be written; the message names the file. An error of another file, met while
            this one was written, is passed on as it is.
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
    """Writes a text file, whole, as UTF-8 with its line ends as they are.

    Args:
        path: as for `atomic_write`.
        text: str.

    Raises:
        OSError: as `atomic_write`.
    """
    with atomic_write(path) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def write_json(path: str | os.PathLike[str], values: Mapping[str, Any]) -> None:
    """Writes a JSON object, whole.

    Args:
        path: as for `atomic_write`.
        values: what JSON can hold.

    Raises:
        OSError: as `atomic_write`.
    """
    write_text(path, json.dumps(values, indent=2) + "\n")


def allocate(path: str | os.PathLike[str], make: Callable[[str], np.memmap]) -> None:
    """Makes a mapped file whose every block the disk has promised: writing to one that it has not
    would kill the process (SIGBUS) on a full disk, where this raises.

    Args:
        path: the file, by custom one that `atomic_write` gave.
        make: makes it, at the path it is given.

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
    # Where an old one was private, so is the new one from its first byte on.
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
        with contextlib.suppress(PermissionError):  # root's alone, or a group that is not ours
            os.chown(path, old.st_uid, old.st_gid)
    os.chmod(path, stat.S_IMODE(old.st_mode))


@functools.cache
def _sweep(folder: str) -> None:
    """Removes what killed processes left in a folder; once a process, as a folder may be large."""
    if os.name != "posix":
        return  # os.kill would end the process that it asks for
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
    """Where a process' number means something: this host, and of its containers this one."""
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
        return False  # making the folder will say what is wrong
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return not stat.S_ISREG(mode)


def _standard(path: str) -> int:
    """1 or 2 where a path is what standard output or error goes to (/dev/stdout, a file), else 0."""
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
        "a file must be written whole, on a disk with room for it"
        if error.errno in _FULL
        else "a file must be one that can be written"
    )
    return OSError(error.errno, f"{wanted}; what was there stays. Received: {reason}", path)
