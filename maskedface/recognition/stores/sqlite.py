"""A gallery in an SQLite file, shared by the processes of one machine and searched in memory."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from maskedface.locks import LockedError
from maskedface.recognition.stores.database import Database
from maskedface.recognition.stores.database_store import DatabaseStore

_PATIENCE = 60.0  # seconds for a reader; readers wait for nobody but a process that ends
_LONGEST = 2**31 - 1  # milliseconds SQLite can wait: 24 days
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_NO_GALLERY = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


class SqliteStore(DatabaseStore):
    """A gallery in an SQLite file.

    Args:
        address: the file. A new one is only accessible to its owner (mode 0600).
    """

    def __init__(self, address: str | os.PathLike[str]) -> None:
        super().__init__(address, SqliteDatabase(os.fspath(address)))


class SqliteDatabase(Database):
    """An SQLite file.

    Args:
        path: the file, created at the first write.
    """

    types = {"binary": "BLOB", "vector": "BLOB", "real": "REAL"}  # noqa: RUF012
    unbroken = "BEGIN"
    searches = False

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._path = path

    def connect(self) -> sqlite3.Connection:
        """Opens the file; an empty file has no gallery."""
        with contextlib.suppress(FileExistsError):
            os.makedirs(os.path.dirname(os.path.abspath(self._path)), exist_ok=True)
            # Biometric data: for its owner alone, and so are the files that SQLite keeps beside it.
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(
            self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        # What is deleted is overwritten; what is kept is on the disk.
        for words in ("secure_delete = ON", "synchronous = FULL"):
            connection.execute(f"PRAGMA {words}")
        # A file from anywhere runs nothing: no trigger or view of it is trusted.
        for words in ("foreign_keys = ON", "trusted_schema = OFF", "cell_size_check = ON"):
            connection.execute(f"PRAGMA {words}")
        return connection

    def is_lost(self, connection: sqlite3.Connection) -> bool:
        """Whether it was closed."""
        try:
            return connection.total_changes < 0
        except sqlite3.ProgrammingError:
            return True

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """As `Database.errors`."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _BUSY:
                raise LockedError(
                    "a gallery must not be in use by another process; wait (--wait) waits for it. "
                    f"Received: {self.shown!r}, {error}"
                ) from error
            if code in _NO_GALLERY or isinstance(error, sqlite3.ProgrammingError):
                raise ValueError(
                    f"path must be an intact gallery file. Received: {self.shown!r} ({error})"
                ) from error
            raise OSError(
                f"a gallery must be readable and writable. Received: {self.shown!r} ({error})"
            ) from error

    def run(
        self, connection: sqlite3.Connection, sql: str, values: Sequence[Any]
    ) -> sqlite3.Cursor:
        """The cursor of a statement."""
        return connection.execute(sql.replace("%s", "?"), values)

    def version(self) -> int:
        """As `Database.version`; a missing file is not created."""
        if not os.path.exists(self._path):
            return 0
        version = super().version()
        if not version and self.execute("SELECT name FROM sqlite_master"):
            raise ValueError(
                "path must be a gallery file, or a new file. "
                f"Received: {self.shown!r} with other tables"
            )
        return version

    def hold(self, wait: float) -> None:
        """As `Database.hold`."""
        milliseconds = int(min(wait * 1000, _LONGEST))
        self.execute(f"PRAGMA busy_timeout = {milliseconds}")
        try:
            self.version()  # another program's file is refused before it is touched
            self.execute("PRAGMA journal_mode = WAL")  # readers wait for no writer
            self.execute("BEGIN IMMEDIATE")
        finally:
            self.execute(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")

    def has_table(self, name: str) -> bool:
        """As `Database.has_table`."""
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = %s"
        return bool(self.execute(sql, (name,)))

    def among(self, column: str, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        """As `Database.among`; as JSON, since a statement allows few parameters."""
        return f"{column} IN (SELECT value FROM json_each(%s))", (json.dumps(list(values)),)

    def to_template(self, row: np.ndarray, less: float) -> bytes:
        """The vector's bytes: little-endian float32."""
        return row.astype("<f4").tobytes()

    def from_templates(self, values: Sequence[Any], features: int) -> np.ndarray:
        """As `Database.from_templates`."""
        if any(len(value) != 4 * features for value in values):
            raise ValueError(f"a template must have {features} features")
        rows = np.frombuffer(b"".join(values), "<f4").reshape(len(values), features)
        return rows.astype("float32")

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """As `Database.insert`."""
        places = ", ".join("?" * len(columns))
        with self.errors():
            self.connection.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows
            )

    def prepare(self, features: int) -> None:
        """Does nothing."""

    def after_removal(self) -> None:
        """Empties the write-ahead log, which contains old pages; the file's own are overwritten."""
        with contextlib.suppress(LockedError):  # a reader of before: the next removal empties it
            self.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def compact(self) -> None:
        """Rewrites the file."""
        self.execute("VACUUM")
        self.after_removal()
