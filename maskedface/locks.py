"""One process at a time: a lock beside a file, which says who holds it."""

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
    """What was to be changed is in use by another process; the message says by which."""


@contextlib.contextmanager
def locked(path: str | os.PathLike[str], *, what: str, wait: float = 0.0) -> Iterator[None]:
    """Holds the lock of a file, `.NAME.lock` beside it; of a link beside the file that it leads to.

    The lock goes with the process that holds it, however that ends. The lock's own file stays; it says
    which process held it, on what host, since when, and what for.

    Args:
        path: the file, which need not be there; a missing folder is made.
        what: str, what is done to it, to tell others: "enroll".
        wait: float >= 0, seconds to wait for another holder; `math.inf` as long as it takes. One line
            (`logging`, "maskedface") says whom it waits for.

    Raises:
        LockedError: if another process, or thread, still holds it after that.
        OSError: if the lock's file cannot be made or locked.
        ValueError: if `wait` is negative or no number.
    """
    check_wait(wait)
    folder, name = os.path.split(os.path.realpath(path))
    os.makedirs(folder, exist_ok=True)
    place = os.path.join(folder, f".{name}.lock")

    def note(descriptor: int) -> None:
        # On a full disk the lock holds all the same; whoever held it before is not named.
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
            "path must not be in use by another process; wait (--wait) waits until it is free. "
            f"Received: path={os.fspath(path)!r}, {_holder(place)}"
        )
    try:
        yield
    finally:
        lock.release()


def make_once(path: str | os.PathLike[str], make: Callable[[], None], *, what: str) -> None:
    """Makes a file that several processes may want at once, unless it is there; others wait for it.

    Args:
        path: the file.
        make: writes it, whole or not at all (`atomic_write`).
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
    """Refuses what is no time to wait.

    Args:
        wait: seconds.

    Raises:
        ValueError: if it is negative or no number.
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
    """Who holds a lock, in words; a note that is being written names nobody."""
    try:
        with open(place, "rb", buffering=0) as file:
            file.seek(1)
            note = json.loads(file.read(_NOTE))
        # As Python writes them: the file may be anybody's.
        process, host, since, what = (note[key] for key in ("process", "host", "since", "what"))
        return f"held by process {process!r} on {host!r} since {since!r} to {what!r}"
    except (OSError, ValueError, KeyError, TypeError):
        return "held by another process"
