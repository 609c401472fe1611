"""Files that are whole or not there: written aside, on the disk before they take their name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

import numpy as np


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[str]:
    """Gives a place to write a file to; what lies there then takes the file's name.

    A process killed at any moment leaves the old file, or the new one, whole. On any error the old one
    stays and nothing is left beside it.

    Args:
        path: the file.

    Yields:
        A path in the same folder, with the same ending.

    Raises:
        OSError: if it cannot be written; the message names the file.
    """
    stem, ending = os.path.splitext(os.fspath(path))
    partial = f"{stem}.partial{ending}"
    try:
        yield partial
        with open(partial, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(partial)
        if isinstance(error, OSError):
            raise _named(error, path) from error
        raise


def allocate(path: str | os.PathLike[str], make: Callable[[str], np.memmap]) -> None:
    """Makes a mapped file whose every block the disk has promised: writing to one that it has not
    would kill the process (SIGBUS) on a full disk, where this raises.

    Args:
        path: the file.
        make: makes it, at the path it is given.

    Raises:
        OSError: if the disk is full; nothing is left then.
    """
    with whole_file(path) as partial:
        mapped = make(partial)
        size = os.path.getsize(partial)
        del mapped
        with open(partial, "r+b") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)


def _named(error: OSError, path: str | os.PathLike[str]) -> OSError:
    reason = error.strerror or str(error)
    return OSError(
        error.errno,
        "a file must be written whole, on a disk with room for it; what was there stays. "
        f"Received: {reason}",
        os.fspath(path),
    )
