"""The common part of SQLite and PostgreSQL: connections, transactions, and rows as arrays."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from maskedface.evaluation import Cohort
from maskedface.recognition.stores.schema import STEPS


class Found(NamedTuple):
    """A search result: the person's column `name`, and the score."""

    name: str
    score: float


@dataclasses.dataclass
class _Transaction:
    """The state of a thread's transaction: none, reading or writing."""

    is_open: bool = False
    is_writing: bool = False
    has_removed: bool = False
    who: str = ""


class Database(abc.ABC):
    """A database with a gallery's tables. It is thread-safe: each thread has its own connection.

    Args:
        shown: str, the name used in messages.
    """

    types: dict[str, str]
    unbroken: str  # SQL that begins a transaction in which all reads are of one moment
    searches: bool  # by itself (`best`); else in this process' memory

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self._threads = threading.local()
        self._connections: list[tuple[threading.Thread, Any]] = []
        weakref.finalize(self, _close, self._connections)  # where nobody says `close`

    @abc.abstractmethod
    def connect(self) -> Any:
        """A new connection in autocommit mode."""

    @abc.abstractmethod
    def is_lost(self, connection: Any) -> bool:
        """Whether a connection is no longer usable."""

    @abc.abstractmethod
    def errors(self) -> contextlib.AbstractContextManager[None]:
        """Translates the database's errors to `LockedError`, `ConnectionError` and ValueError."""

    @abc.abstractmethod
    def hold(self, wait: float) -> None:
        """Begins a transaction that excludes other writers."""

    @abc.abstractmethod
    def has_table(self, name: str) -> bool:
        """Whether one of the gallery's tables exists."""

    @abc.abstractmethod
    def among(self, column: str, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        """(SQL condition that a column has one of these values, the condition's parameters)."""

    @abc.abstractmethod
    def to_template(self, row: np.ndarray, less: float) -> Any:
        """A vector of unit length in the format of the column `template`."""

    @abc.abstractmethod
    def from_templates(self, values: Sequence[Any], features: int) -> np.ndarray:
        """The column's values as a float32 array, shape (rows, features)."""

    @abc.abstractmethod
    def insert(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Adds rows to a table."""

    @abc.abstractmethod
    def after_removal(self) -> None:
        """Erases deleted data from the database's files, as far as possible without blocking."""

    @abc.abstractmethod
    def compact(self) -> None:
        """Rewrites the database's files, so that they contain no deleted data."""

    @abc.abstractmethod
    def prepare(self, features: int) -> None:
        """Prepares the tables for the number of features, when the first person is enrolled."""

    def best(self, unit: np.ndarray, k: int, *, several: bool) -> list[Found]:
        """The most similar people, for databases with their own vector search.

        Args:
            unit: float32 array, shape (features,), of unit length.
            k: int >= 1.
            several: whether a person may have several rows.

        Returns:
            min(k, people) of them, by descending score; ties are ordered by the person's number.
        """
        raise NotImplementedError

    @property
    def connection(self) -> Any:
        """This thread's connection."""
        found = getattr(self._threads, "connection", None)
        if found is None or self.is_lost(found):
            with self.errors():
                found = self._threads.connection = self.connect()
            self._forget_ended()
            self._connections.append((threading.current_thread(), found))
        return found

    def close(self) -> None:
        """Closes the connections of all threads."""
        _close(self._connections)
        self._threads = threading.local()

    def _forget_ended(self) -> None:
        """Closes the connections of threads that have ended."""
        for thread, connection in [*self._connections]:
            if not thread.is_alive():
                with contextlib.suppress(Exception):  # it may be lost
                    connection.close()
                with contextlib.suppress(ValueError):  # another thread was first
                    self._connections.remove((thread, connection))

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Runs a statement with `%s` placeholders.

        Returns:
            Its rows; [] if it has none.
        """
        connection = self.connection
        with self.errors():
            cursor = self.run(connection, sql, values)
            return [] if cursor.description is None else list(cursor.fetchall())

    def run(self, connection: Any, sql: str, values: Sequence[Any]) -> Any:
        """The cursor of a statement."""
        return connection.execute(sql, values)

    @contextlib.contextmanager
    def writing(self, wait: float, who: str) -> Iterator[None]:
        """A transaction, committed at the end or rolled back after an error; if nested, it is part
        of the outer one.

        Args:
            wait: float, seconds to wait for another writer.
            who: str, the user, for the history.
        """
        if self._transaction.is_writing:
            yield
            return
        if self._transaction.is_open:
            raise RuntimeError("a change must not begin inside a read transaction")
        with self._open(lambda: self.hold(wait)):
            self._transaction.is_writing, self._transaction.who = True, who
            yield
            removed = self._transaction.has_removed
        if removed:
            self.after_removal()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """A read transaction: everything read inside is from a single snapshot."""
        if self._transaction.is_open:
            yield
            return
        with self._open(lambda: self.execute(self.unbroken)):
            yield

    @property
    def who(self) -> str:
        """The user who changes the gallery in this thread, as passed to `writing`."""
        return self._transaction.who

    @property
    def is_writing(self) -> bool:
        """Whether this thread is in a write transaction, which may still be rolled back."""
        return self._transaction.is_writing

    def removed(self) -> None:
        """Marks that something was deleted, inside `writing`."""
        self._transaction.has_removed = True

    @property
    def _transaction(self) -> _Transaction:
        found: _Transaction | None = getattr(self._threads, "transaction", None)
        if found is None:
            found = self._threads.transaction = _Transaction()
        return found

    @contextlib.contextmanager
    def _open(self, begin: Callable[[], object]) -> Iterator[None]:
        connection = self.connection
        begin()
        self._threads.transaction = _Transaction(is_open=True)
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if not self.is_lost(connection):
                with contextlib.suppress(OSError, ValueError):
                    self.execute("ROLLBACK")
            raise
        finally:
            self._threads.transaction = _Transaction()

    def version(self) -> int:
        """The schema version: the number of `schema.STEPS` applied; 0 if there are no tables."""
        if not self.has_table("maskedface"):
            return 0
        ((version,),) = self.execute("SELECT version FROM maskedface")
        if type(version) is not int or not 1 <= version <= len(STEPS):
            raise ValueError(
                f"a gallery's tables must have a version from 1 to {len(STEPS)}, which this "
                "release supports; later versions need a newer release. "
                f"Received: {self.shown!r} of version {version!r}"
            )
        return version

    def migrate(self) -> None:
        """Applies the remaining migration steps, inside `writing`."""
        done = self.version()
        if not done:
            self.execute("CREATE TABLE maskedface (version INTEGER NOT NULL)")
            self.execute("INSERT INTO maskedface VALUES (0)")
        for step in STEPS[done:]:
            for statement in step:
                self.execute(statement.format(**self.types))
        self.execute("UPDATE maskedface SET version = %s", (len(STEPS),))

    def cohort(self) -> Cohort | None:
        """The gallery's cohort."""
        rows = self.execute("SELECT nearest, features, people, by_photos FROM cohort")
        if not rows:
            return None
        ((nearest, features, people, by_photos),) = rows
        vectors = np.frombuffer(people, "float32").reshape(-1, features)
        return Cohort(vectors, nearest, bool(by_photos))

    def insert_all(self, tables: Iterable[tuple[str, Sequence[str], Sequence[Any]]]) -> None:
        """Adds rows to several tables, given as (table, columns, rows)."""
        for table, columns, rows in tables:
            if rows:
                self.insert(table, columns, rows)


def _close(connections: list[tuple[threading.Thread, Any]]) -> None:
    while connections:
        with contextlib.suppress(Exception):  # it may be lost
            connections.pop()[1].close()
