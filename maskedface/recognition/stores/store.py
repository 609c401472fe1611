"""The interface of gallery stores."""

from __future__ import annotations

import abc
import contextlib
import getpass
import os
import socket
from typing import Any, NamedTuple

from maskedface.recognition.gallery import Gallery
from maskedface.recognition.stores.address import shown_address


class Change(NamedTuple):
    """An entry of a gallery's history. It contains no names: a person's number is meaningless once
    the person is deleted.

    Attributes:
        at: str, the time in UTC, in ISO 8601 format.
        who: str, the operating system's user and host, or the name of a service's token.
        what: str: "create", "enroll", "remove", "calibrate", "remember" or "index".
        person: str, the person's name, if still enrolled; "" if the change concerns no person, or a
            deleted one.
        number: int, the person's number, which is never reused; None if the change concerns no
            person.
        faces: int, the number of faces added or removed.
    """

    at: str
    who: str
    what: str
    person: str
    number: int | None
    faces: int

    def to_dict(self) -> dict[str, Any]:
        """The entry as plain values."""
        return self._asdict()


class GalleryStore(abc.ABC):
    """The storage of a gallery.

    Args:
        address: a file, or `postgresql://...`.
    """

    def __init__(self, address: str | os.PathLike[str]) -> None:
        self.address = os.fspath(address)

    @property
    def shown(self) -> str:
        """The address for output, without a password."""
        return shown_address(self.address)

    @abc.abstractmethod
    def exists(self) -> bool:
        """Whether the gallery exists.

        Raises:
            OSError: if a server cannot be reached.
            ValueError: if the file or database is not a gallery.
        """

    @abc.abstractmethod
    def gallery(self) -> Gallery:
        """The current gallery.

        Returns:
            For a file: a snapshot. For a database: a gallery whose reads are always current, and
            whose changes are stored immediately.

        Raises:
            ValueError: if it does not exist, is damaged, or has a later version.
            OSError: if it cannot be read.
        """

    @abc.abstractmethod
    def changing(
        self, *, wait: float = 60.0, who: str = "", new: Gallery | None = None
    ) -> contextlib.AbstractContextManager[Gallery]:
        """Locks the gallery for changes inside the context. They are stored atomically at the end;
        after an error, or if the process is killed, none of them is.

        Args:
            wait: float >= 0, seconds to wait for the lock.
            who: str, the user, for the history; by default the operating system's user and host.
            new: the initial contents if the gallery does not exist, with or without people; None =
                it must exist.

        Yields:
            The gallery, to be modified.

        Raises:
            LockedError: if another process still holds the lock after that time.
            ValueError: as `gallery`.
            OSError: if it cannot be read or written.
        """

    @abc.abstractmethod
    def history(self, count: int = 100) -> tuple[Change, ...]:
        """The last changes, the newest first; empty for a file.

        Args:
            count: int >= 1, the maximum number.

        Raises:
            ValueError, OSError: as `gallery`.
        """

    @abc.abstractmethod
    def compact(self) -> None:
        """Rewrites the gallery's files, so that they contain no deleted data.

        Raises:
            OSError: if that fails.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Closes all connections."""

    def __enter__(self) -> GalleryStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def this_user() -> str:
    """The operating system's user and host: "ada@laptop"."""
    user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    with contextlib.suppress(KeyError, OSError, ImportError):  # a container may know no name
        user = getpass.getuser()
    return f"{user}@{socket.gethostname()}"
