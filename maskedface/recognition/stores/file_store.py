"""A gallery in one file (npz): read whole, locked while it is changed, written whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from maskedface.locks import locked
from maskedface.recognition.gallery import Gallery
from maskedface.recognition.stores.store import Change, GalleryStore


class FileStore(GalleryStore):
    """A gallery in a file that `Gallery.save` writes.

    Args:
        address: the file, by custom `.npz`.
    """

    def __init__(self, address: str | os.PathLike[str]) -> None:
        super().__init__(address)
        self._read: tuple[tuple[int, ...], Gallery] | None = None

    def exists(self) -> bool:
        """Whether there is a gallery."""
        return os.path.exists(self.address)

    def gallery(self) -> Gallery:
        """The gallery, read again where the file is another than before."""
        state = self._state()
        if self._read is None or self._read[0] != state:
            self._read = state, Gallery.load(self.address)
        return self._read[1]

    @contextlib.contextmanager
    def changing(
        self, *, wait: float = 60.0, who: str = "", new: Gallery | None = None
    ) -> Iterator[Gallery]:
        """As `GalleryStore.changing`; nobody is named in a history."""
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
        """A file keeps none."""
        return ()

    def compact(self) -> None:
        """Nothing is to be done: a file is written whole each time."""

    def close(self) -> None:
        """Nothing is held."""

    def _state(self) -> tuple[int, ...]:
        """What is another whenever the file was replaced."""
        found = os.stat(self.address)
        return found.st_ino, found.st_size, found.st_mtime_ns
