"""The store of a gallery in a database: creation, migration, and changes under a lock."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator

from maskedface.locks import LockedError
from maskedface.recognition.gallery import Gallery
from maskedface.recognition.stores.database import Database
from maskedface.recognition.stores.database_gallery import WAIT, DatabaseGallery
from maskedface.recognition.stores.people_rows import write_history
from maskedface.recognition.stores.schema import STEPS
from maskedface.recognition.stores.store import Change, GalleryStore, this_user
from maskedface.recognition.stores.texts import from_column


class DatabaseStore(GalleryStore):
    """A gallery in a database.

    Args:
        address: the gallery's address.
        database: the database, with or without its tables.
    """

    def __init__(self, address: str | os.PathLike[str], database: Database) -> None:
        super().__init__(address)
        self.database = database
        self._gallery: DatabaseGallery | None = None

    def exists(self) -> bool:
        """Whether the gallery exists."""
        return bool(self.database.version() and self.database.execute("SELECT id FROM gallery"))

    def gallery(self) -> Gallery:
        """The gallery, whose reads are always current."""
        if self._gallery is None:
            if not self.exists():
                raise ValueError(f"a gallery must be there. Received: {self.shown!r}")
            if self.database.version() < len(STEPS):
                self._bring_up_to_date()
            self._gallery = DatabaseGallery(self.database)
        return self._gallery

    @contextlib.contextmanager
    def changing(
        self, *, wait: float = WAIT, who: str = "", new: Gallery | None = None
    ) -> Iterator[Gallery]:
        """As `GalleryStore.changing`: one transaction."""
        if new is None and not self.exists():
            raise ValueError(f"a gallery must be there. Received: {self.shown!r}")
        if new is not None and not new.fingerprint:
            raise ValueError(
                "a gallery in a database must belong to a model. Received: fingerprint=''"
            )
        with self.database.writing(wait, who or this_user()):
            self.database.migrate()
            if new is not None and not self.exists():
                self._make(new)
            gallery = DatabaseGallery(self.database)
            yield gallery
        self._gallery = None

    def history(self, count: int = 100) -> tuple[Change, ...]:
        """The last changes, the newest first."""
        self.gallery()
        rows = self.database.execute(
            "SELECT at, who, what, people.name, person, history.faces FROM history "
            "LEFT JOIN people ON people.id = person ORDER BY history.id DESC LIMIT %s",
            (count,),
        )
        return tuple(
            Change(at, from_column(who), what, from_column(name or ""), person, faces)
            for at, who, what, name, person, faces in rows
        )

    def compact(self) -> None:
        """Rewrites the database's files without deleted data."""
        self.gallery()
        self.database.compact()

    def close(self) -> None:
        """Closes the connections of all threads."""
        self.database.close()
        self._gallery = None

    def _bring_up_to_date(self) -> None:
        try:
            with self.database.writing(WAIT, this_user()):
                self.database.migrate()
        except (LockedError, ConnectionError):
            raise
        except (OSError, ValueError) as error:
            raise type(error)(
                "the tables of a gallery of an earlier release must be brought up to date, which "
                f"somebody who may change them does by opening it. Received: {error}"
            ) from error

    def _make(self, new: Gallery) -> None:
        words = json.dumps(new.words(), allow_nan=False)
        self.database.execute("INSERT INTO gallery VALUES (1, %s, 0, 1, 0)", (words,))
        if new.cohort is not None:
            people = new.cohort.people
            self.database.execute(
                "INSERT INTO cohort VALUES (1, %s, %s, %s, %s)",
                (new.cohort.nearest, people.shape[1], people.tobytes(), int(new.cohort.by_photos)),
            )
        write_history(self.database, "create")
        if len(new):
            DatabaseGallery(self.database).fill(new)
