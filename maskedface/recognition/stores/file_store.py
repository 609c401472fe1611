"""The store of a gallery in a single npz file, which is locked during changes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from maskedface.locks import locked
from maskedface.recognition.gallery import Gallery
from maskedface.recognition.stores.store import Change, GalleryStore


class FileStore(GalleryStore):
    """A gallery in a file written by `Gallery.save`.

    Args:
        address: the file, usually `.npz`.
    """

    def __init__(self, address: str | os.PathLike[str]) -> None:
        super().__init__(address)
        self._read: tuple[tuple[int, ...], Gallery] | None = None

    def exists(self) -> bool:
        """Whether the gallery exists."""
        return os.path.exists(self.address)

    def gallery(self) -> Gallery:
        """The gallery, read again if the file was replaced."""
        state = self._state()
        if self._read is None or self._read[0] != state:
            self._read = state, Gallery.load(self.address)
        return self._read[1]

    @contextlib.contextmanager
    def changing(
        self, *, wait: float = 60.0, who: str = "", new: Gallery | None = None
    ) -> Iterator[Gallery]:
        """As `GalleryStore.changing`, without a history."""
        with locked(self.address, what="enroll", wait=wait):
            if self.exists():
                gallery = Gallery.load(self.address)
            elif new is not None:
                gallery = new
            else:
                raise ValueError(f"a gallery must be there. Received: {self.address!r}")
            yield gallery
            gallery.save(self.address)
            self._read = self._state(), gallery

    def history(self, count: int = 100) -> tuple[Change, ...]:
        """Always empty: a file has no history."""
        return ()

    def compact(self) -> None:
        """Does nothing: a file is rewritten at each change."""

    def close(self) -> None:
        """Does nothing: there are no connections."""

    def _state(self) -> tuple[int, ...]:
        """A value that changes whenever the file is replaced."""
        found = os.stat(self.address)
        return found.st_ino, found.st_size, found.st_mtime_ns
