"""A gallery in PostgreSQL with pgvector, for teams, or for more people than fit into memory.

The negative score offset of the cohort is stored as an additional component of a template, where a
probe has a 1: the inner product of both is the score, so a single inner product index serves all
galleries.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from maskedface.extras import from_extra
from maskedface.locks import LockedError
from maskedface.recognition.stores.address import server_address, shown_address
from maskedface.recognition.stores.database import Database, Found
from maskedface.recognition.stores.database_gallery import WAIT
from maskedface.recognition.stores.database_store import DatabaseStore
from maskedface.recognition.stores.people_rows import write_history
from maskedface.recognition.stores.store import this_user

Index = Literal["exact", "hnsw"]

_INDEX = "templates_hnsw"
# Candidates of the index, compared again in float32: recall and time by tools/benchmark_postgres.py.
_EF_SEARCH = 400
_INLINE = 1_900  # features that fit a page of 8 kB, beside a row's other columns
_MOST_INDEXED = 3_999  # features, one fewer than pgvector indexes of half precision
_FEW = 10_000  # rows that are written anew in under a second
_LONGEST = 2**31 - 1  # milliseconds: 24 days
_COPIED = {
    **{
        "id": "int8",
        "person": "int8",
        "faces": "int8",
        "unmasked": "int8",
        "number": "int4",
        "length": "float4",
    },
    **{"less": "float4", "template": "vector", "crop": "bytea"},
}


class PostgresStore(DatabaseStore):
    """A gallery in PostgreSQL, in a schema of its own.

    Args:
        address: `postgresql://[USER@]HOST[:PORT]/DATABASE[?gallery=NAME]`, optionally with other
            parameters of libpq. Pass a password by `PGPASSWORD` or `~/.pgpass`, since other users
            of the machine can see command lines.

    Raises:
        ModuleNotFoundError: if psycopg or pgvector is not installed.
        ValueError: if the address is invalid.
    """

    database: PostgresDatabase

    def __init__(self, address: str) -> None:
        super().__init__(address, PostgresDatabase(address))

    def index(self, kind: Index, *, m: int = 16, ef_construction: int = 64) -> None:
        """Sets the search method; others may read and write in the meantime.

        Args:
            kind: "exact" compares a probe with all people; "hnsw" is an approximate search in a
                graph (Malkov and Yashunin, 2016), which finds nearly all nearest neighbors among a
                million in a few milliseconds.
            m: int >= 2, the number of neighbors of each node in the graph.
            ef_construction: int >= 2 m, the number of candidates for them.

        Raises:
            ValueError: if nobody is enrolled, or the gallery has too many features for an index.
        """
        if kind not in ("exact", "hnsw"):
            raise ValueError(f"kind must be 'exact' or 'hnsw'. Received: kind={kind!r}")
        self.gallery()
        ((features,),) = self.database.execute("SELECT features FROM gallery")
        if kind == "hnsw" and not 0 < features <= _MOST_INDEXED:
            raise ValueError(
                f"an index must have 1 to {_MOST_INDEXED} features. Received: {features}"
            )
        # One that was left by a process that ended early is of no use.
        self.database.execute(f"DROP INDEX IF EXISTS {_INDEX}")
        if kind == "hnsw":
            self.database.execute(
                f"CREATE INDEX CONCURRENTLY {_INDEX} ON templates USING hnsw "
                f"((template::halfvec({features + 1})) halfvec_ip_ops) "
                f"WITH (m = {int(m)}, ef_construction = {int(ef_construction)})"
            )
        with self.database.writing(WAIT, this_user()):
            write_history(self.database, "index")


class PostgresDatabase(Database):
    """A schema of a PostgreSQL database.

    Args:
        address: as for `PostgresStore`.
    """

    types = {"binary": "BYTEA", "vector": "vector", "real": "REAL"}  # noqa: RUF012
    unbroken = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    searches = True

    def __init__(self, address: str) -> None:
        super().__init__(shown_address(address))
        self._address, self._schema = server_address(address)
        with from_extra("postgres", "psycopg and pgvector"):
            import pgvector  # noqa: F401
            import psycopg

        self._psycopg = psycopg

    def connect(self) -> Any:
        """Connects; the extension may be installed in any schema."""
        words: dict[str, Any] = (
            {"connect_timeout": 10} if "connect_timeout" not in self._address else {}
        )
        connection = self._psycopg.connect(
            self._address, autocommit=True, application_name="maskedface", **words
        )
        connection.execute("SET client_min_messages = warning")
        found = connection.execute(
            "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace "
            "WHERE extname = 'vector'"
        ).fetchone()
        spaces = [self._schema, *(found or ()), "public"]
        quoted = ", ".join('"' + space.replace('"', '""') + '"' for space in dict.fromkeys(spaces))
        # JIT costs more than it saves in one statement of this kind.
        connection.execute(f"SET search_path = {quoted}")
        connection.execute("SET jit = off")
        if found is not None:
            _know_vectors(connection)
        return connection

    def is_lost(self, connection: Any) -> bool:
        """Whether it was closed, by this process or by the server."""
        return bool(connection.closed or connection.broken)

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """As `Database.errors`."""
        errors = self._psycopg.errors
        try:
            yield
        except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
            raise LockedError(
                "a gallery must not be in use by another process; wait (--wait) waits for it. "
                f"Received: {self.shown!r}, {_line(error)}"
            ) from error
        except (errors.InterfaceError, errors.OperationalError) as error:
            raise ConnectionError(
                f"a database must be reachable. Received: {self.shown!r} ({_line(error)})"
            ) from error
        except errors.Error as error:
            raise ValueError(
                "a gallery's database must accept its statements. "
                f"Received: {self.shown!r} ({_line(error)})"
            ) from error

    def migrate(self) -> None:
        """As `Database.migrate`; the schema is created if it does not exist."""
        if not self.version():
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
            installed = self.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'")
            if not installed:
                self.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
                _know_vectors(self.connection)
        super().migrate()

    def hold(self, wait: float) -> None:
        """As `Database.hold`, with an advisory lock of the schema's name."""
        milliseconds = int(min(wait * 1000, _LONGEST))
        self.execute("BEGIN")
        try:
            # 0 would be to wait for ever.
            self.execute(f"SET LOCAL lock_timeout = {max(milliseconds, 1)}")
            self.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (self._schema,))
            self.execute("SET LOCAL lock_timeout = 0")
        except BaseException:
            with contextlib.suppress(OSError, ValueError):
                self.execute("ROLLBACK")
            raise

    def has_table(self, name: str) -> bool:
        """As `Database.has_table`."""
        sql = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = %s"
        return bool(self.execute(sql, (self._schema, name)))

    def among(self, column: str, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        """As `Database.among`."""
        return f"{column} = ANY(%s)", (list(values),)

    def run(self, connection: Any, sql: str, values: Sequence[Any]) -> Any:
        """The cursor of a statement, with columns in binary format, from which arrays are read."""
        return connection.execute(sql, values or None, binary=True)

    def to_template(self, row: np.ndarray, less: float) -> np.ndarray:
        """The vector with the negative score offset appended."""
        return np.append(row, np.float32(-less)).astype("float32")

    def from_templates(self, values: Sequence[Any], features: int) -> np.ndarray:
        """As `Database.from_templates`."""
        rows = np.empty((len(values), features), "float32")
        for row, value in zip(rows, values, strict=True):
            row[:] = value.to_numpy()[:-1]
        return rows

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """As `Database.insert`, by COPY."""
        connection = self.connection
        sql = f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH (FORMAT BINARY)"
        with self.errors(), connection.cursor() as cursor, cursor.copy(sql) as copy:
            copy.set_types([_COPIED.get(column, "text") for column in columns])
            for row in rows:
                copy.write_row(row)

    def prepare(self, features: int) -> None:
        """Stores templates in the table's own pages if they fit, the only ones a search reads."""
        storage = "PLAIN" if features <= _INLINE else "EXTERNAL"
        self.execute(f"ALTER TABLE templates ALTER COLUMN template SET STORAGE {storage}")

    def best(self, unit: np.ndarray, k: int, *, several: bool) -> list[Found]:
        """As `Database.best`, with the index if there is one, else by exhaustive search."""
        probe = np.append(unit, np.float32(1)).astype("float32")
        if self._has_index():
            wide = f"halfvec({len(probe)})"
            found = self.execute(
                "WITH near AS MATERIALIZED (SELECT person, template FROM templates "
                f"ORDER BY template::{wide} <#> %s::{wide} LIMIT %s) "
                "SELECT name, max(-(template <#> %s)) AS score FROM near "
                "JOIN people ON people.id = person GROUP BY people.id, name "
                "ORDER BY score DESC, people.id LIMIT %s",
                (probe, max(_EF_SEARCH, k), probe, k),
            )
            if len(found) == k:
                return [Found(*row) for row in found]
        near = "SELECT person, template <#> %s AS less FROM templates"
        if several:
            near = "SELECT person, min(template <#> %s) AS less FROM templates GROUP BY person"
        found = self.execute(
            f"SELECT name, -near.less FROM ({near} ORDER BY less, person LIMIT %s) near "
            "JOIN people ON people.id = person ORDER BY near.less, people.id",
            (probe, k),
        )
        return [Found(*row) for row in found]

    def after_removal(self) -> None:
        """Erases deleted data from tables and indexes: `VACUUM` overwrites dead elements of an HNSW
        index and removes dead rows of tables; a small table is rewritten."""
        try:
            ((rows,),) = self.execute(
                "SELECT COUNT(*) FROM (SELECT 1 FROM templates LIMIT %s) few", (_FEW,)
            )
            if rows < _FEW:
                self.execute("SET lock_timeout = '5s'")
                self.compact()
            else:
                self.execute("VACUUM (INDEX_CLEANUP ON) people, templates, photos")
        except (OSError, ValueError) as error:
            logging.getLogger("maskedface").warning(
                "removed people are not found any more, but their data stay until a VACUUM: %s",
                error,
            )
        finally:
            with contextlib.suppress(OSError, ValueError):
                self.execute("SET lock_timeout = 0")

    def compact(self) -> None:
        """Rewrites tables and indexes, which blocks readers, and drops the old files."""
        for table in ("people", "templates", "photos"):
            self.execute(f"VACUUM (FULL) {table}")

    def _has_index(self) -> bool:
        sql = (
            "SELECT 1 FROM pg_index JOIN pg_class c ON c.oid = indexrelid "
            "JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE nspname = %s AND relname = %s AND indisvalid"
        )
        return bool(self.execute(sql, (self._schema, _INDEX)))


def _know_vectors(connection: Any) -> None:
    """Configures a connection for the installed extension."""
    from pgvector.psycopg import register_vector

    register_vector(connection)
    connection.execute(f"SET hnsw.ef_search = {_EF_SEARCH}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
