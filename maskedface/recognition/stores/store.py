"""What every place to keep a gallery in can do."""

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
    """A line of a gallery's history. It keeps no name: a person's number means nothing once they are
    forgotten.

    Attributes:
        at: str, when, in UTC, as ISO 8601 writes it.
        who: str, the operating system's user and host, or the name of a service's token.
        what: str: "create", "enroll", "remove", "calibrate", "remember" or "index".
        person: str, of those still enrolled; "" where the change is of nobody, or of somebody forgotten.
        number: int, the person's, which nobody gets again; None where the change is of nobody.
        faces: int, how many were added or went.
    """

    at: str
    who: str
    what: str
    person: str
    number: int | None
    faces: int

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return self._asdict()


class GalleryStore(abc.ABC):
    """A place where a gallery is kept.

    Args:
        address: a file, or `postgresql://...`.
    """

    def __init__(self, address: str | os.PathLike[str]) -> None:
        self.address = os.fspath(address)

    @property
    def shown(self) -> str:
        """The address as it may be printed: without a password."""
        return shown_address(self.address)

    @abc.abstractmethod
    def exists(self) -> bool:
        """Whether there is a gallery.

        Raises:
            OSError: if a server cannot be reached.
            ValueError: if what is there is no gallery.
        """

    @abc.abstractmethod
    def gallery(self) -> Gallery:
        """The gallery as it is now.

        Returns:
            Of a file: its people at this moment. Of a database: one whose every answer is as the database
            is then, and whose every change is kept at once.

        Raises:
            ValueError: if there is none, or what is there is damaged or of a later version.
            OSError: if it cannot be read.
        """

    @abc.abstractmethod
    def changing(
        self, *, wait: float = 60.0, who: str = "", new: Gallery | None = None
    ) -> contextlib.AbstractContextManager[Gallery]:
        """Holds the gallery against whoever else would change it; what is done to it inside is kept whole
        at the end, or after an error, or where the process is killed, not at all.

        Args:
            wait: float >= 0, seconds to wait for another holder.
            who: str, for the history; by default the operating system's user and host.
            new: what the gallery becomes where there is none, of people or of nobody; None = it must be
                there.

        Yields:
            The gallery, to be changed.

        Raises:
            LockedError: if another holds it after that.
            ValueError: as `gallery`.
            OSError: if it cannot be read or kept.
        """

    @abc.abstractmethod
    def history(self, count: int = 100) -> tuple[Change, ...]:
        """The last changes, the newest first; a file keeps none.

        Args:
            count: int >= 1, how many at most.

        Raises:
            ValueError, OSError: as `gallery`.
        """

    @abc.abstractmethod
    def compact(self) -> None:
        """Writes anew what is kept, so that no deleted byte is left in its files.

        Raises:
            OSError: if it cannot be.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Lets go of connections."""

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
