"""File locks between processes, which record their holder."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import math
import os
import socket
from collections.abc import Callable, Iterator

import filelock

_NOTE = 512  # bytes of a holder's note, after the one byte that Windows locks


class LockedError(OSError):
    """Raised if a file is in use by another process; the message identifies the process."""


@contextlib.contextmanager
def locked(path: str | os.PathLike[str], *, what: str, wait: float = 0.0) -> Iterator[None]:
    """A context that holds the lock of a file, `.NAME.lock` next to it (for a symbolic link, next
    to its target).

    The lock is released when its process ends, for whatever reason. The lock file remains; it
    records the process that held the lock, its host, the time and the purpose.

    Args:
        path: the file, which need not exist; a missing folder is created.
        what: str, the purpose, for messages to other processes: "enroll".
        wait: float >= 0, seconds to wait for another holder; `math.inf` waits without a limit. The
            holder is logged once (`logging`, "maskedface").

    Raises:
        LockedError: if another process or thread still holds the lock after that time.
        OSError: if the lock file cannot be created or locked.
        ValueError: if `wait` is negative or not a number.
    """
    check_wait(wait)
    folder, name = os.path.split(os.path.realpath(path))
    os.makedirs(folder, exist_ok=True)
    place = os.path.join(folder, f".{name}.lock")

    def note(descriptor: int) -> None:
        # On a full disk the lock works all the same; its holder is not named then.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
        with contextlib.suppress(OSError):
            _write_note(descriptor, what)

    lock = filelock.FileLock(place, thread_local=False, on_acquired=note)
    with contextlib.suppress(filelock.Timeout):
        lock.acquire(timeout=0)
    if wait and not lock.is_locked:
        told = os.fspath(path), _holder(place)
        logging.getLogger("maskedface").warning("waiting for %r, %s", *told)
        with contextlib.suppress(filelock.Timeout):
            lock.acquire(timeout=-1 if wait == math.inf else wait)
    if not lock.is_locked:
        raise LockedError(
            "path must not be in use by another process; wait (--wait) waits for it. "
            f"Received: path={os.fspath(path)!r}, {_holder(place)}"
        )
    try:
        yield
    finally:
        lock.release()


def make_once(path: str | os.PathLike[str], make: Callable[[], None], *, what: str) -> None:
    """Creates a file unless it exists; of several processes, one creates it and the others wait.

    Args:
        path: the file.
        make: a function that writes it atomically (`atomic_write`).
        what: as for `locked`.

    Raises:
        OSError: as `locked`.
    """
    if os.path.exists(path):
        return
    with locked(path, what=what, wait=math.inf):
        if not os.path.exists(path):
            make()


def check_wait(wait: float) -> None:
    """Checks a waiting time.

    Args:
        wait: seconds.

    Raises:
        ValueError: if it is negative or not a number.
    """
    if not wait >= 0:
        raise ValueError(f"wait must be at least 0 seconds. Received: wait={wait}")


def _write_note(descriptor: int, what: str) -> None:
    since = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    facts = {"process": os.getpid(), "host": socket.gethostname(), "since": since, "what": what}
    text = json.dumps(facts).encode()[:_NOTE]
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, b" " + text.ljust(_NOTE))


def _holder(place: str) -> str:
    """A description of a lock's holder, without a name while the lock file is being written."""
    try:
        with open(place, "rb", buffering=0) as file:
            file.seek(1)
            note = json.loads(file.read(_NOTE))
        # As Python writes them: the file may be anybody's.
        process, host, since, what = (note[key] for key in ("process", "host", "since", "what"))
        return f"held by process {process!r} on {host!r} since {since!r} to {what!r}"
    except (OSError, ValueError, KeyError, TypeError):
        return "held by another process"
