"""What databases alone do: a history, tables brought up to date, bytes that go with who is forgotten."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from maskedface.cli.main import main
from maskedface.evaluation import Cohort
from maskedface.recognition import Gallery, open_store
from maskedface.recognition.remembered import Remembered
from maskedface.recognition.stores import database as database_module, database_store, schema
from maskedface.recognition.stores.address import server_address, shown_address
from maskedface.recognition.stores.database_store import DatabaseStore
from maskedface.recognition.stores.postgres import _EF_SEARCH, PostgresStore
from maskedface.recognition.stores.sqlite import SqliteStore
from maskedface.recognition.stores.store import GalleryStore
from tests.postgres import new_address, server

FEATURES = 64


def face(number: int) -> np.ndarray:
    return np.random.default_rng(number).normal(size=FEATURES).astype("float32")


def fill(store: GalleryStore, people: int = 5, *, cohort: Cohort | None = None) -> None:
    with store.changing(
        new=Gallery("f00d", cohort=cohort, remember="crops"), who="tests"
    ) as gallery:
        names = [f"person {n}" for n in range(people)]
        photos = [Remembered("", "", "arcface", f"crop of {name}".encode()) for name in names]
        gallery.enroll(names, np.stack([face(n) for n in range(people)]), photos)


# A database server starts.
@pytest.mark.long
def test_the_history_says_who_did_what_and_keeps_no_name(database: GalleryStore) -> None:
    fill(database, 2)
    with database.changing(who="a token") as gallery:
        gallery.remove("person 0")
        gallery.enroll(["person 0"], face(0)[None])
    found = [(one.who, one.what, one.person, one.number) for one in database.history()]
    assert found == [
        ("a token", "enroll", "person 0", 3),  # somebody else than number 1
        ("a token", "remove", "", 1),
        ("tests", "enroll", "person 1", 2),
        ("tests", "enroll", "", 1),
        ("tests", "create", "", None),
    ]
    assert len(database.history(2)) == 2
    columns = database.database.execute("SELECT * FROM history")  # type: ignore[attr-defined]
    assert "person 0" not in str(columns)


def test_who_is_forgotten_is_in_no_file_of_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "people.sqlite"
    with SqliteStore(path) as store:
        fill(store, 9)
        rows = store.gallery().to_file()[1]["rows"]
        wanted = [rows[3].tobytes(), b"person 3", b"crop of person 3"]
        assert all(is_in(tmp_path, one) for one in wanted)
        store.gallery().remove("person 3")
        assert not [one for one in wanted if is_in(tmp_path, one)]
        assert is_in(tmp_path, rows[4].tobytes())


@pytest.mark.parametrize("few", [0, 10_000], ids=["vacuum", "written anew"])
def test_who_is_forgotten_is_in_no_table_or_index_of_postgres(
    monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    from maskedface.recognition.stores import postgres

    monkeypatch.setattr(postgres, "_FEW", few)
    with PostgresStore(new_address()) as store:
        fill(store, 300)
        store.index("hnsw")
        store.database.execute("CHECKPOINT")
        rows = store.gallery().to_file()[1]["rows"]
        half, other = (rows[n].astype("<f2").tobytes() for n in (3, 4))
        full = rows[3].astype("<f4").tobytes()
        assert relation_has(store, "templates", full) and relation_has(
            store, "templates_hnsw", half
        )
        store.gallery().remove("person 3")
        store.database.execute("CHECKPOINT")
        assert not relation_has(store, "templates_hnsw", half)
        assert relation_has(store, "templates_hnsw", other)
        if not few:
            store.compact()  # of many people: what `maskedface gallery compact` is for
            store.database.execute("CHECKPOINT")
        assert not relation_has(store, "templates", full)
        for table, words in (("people", b"person 3\x00"), ("photos", b"crop of person 3")):
            assert not relation_has(store, table, words.rstrip(b"\x00") + b"\x00")
        assert {one.person for one in store.gallery().search(face(3), 299)}.isdisjoint({"person 3"})


def is_in(folder: Path, words: bytes) -> bool:
    return any(words in path.read_bytes() for path in folder.iterdir())


def relation_has(store: PostgresStore, name: str, words: bytes) -> bool:
    ((place,),) = store.database.execute("SELECT pg_relation_filepath(%s::regclass)", (name,))
    folder = Path(server())
    ((data,),) = store.database.execute("SHOW data_directory")
    return words in (Path(data or folder) / place).read_bytes()


def test_tables_of_a_release_before_are_brought_up_to_date(
    database: GalleryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_of_a_release_before(database, monkeypatch)
    with open_store(database.address) as store:
        gallery = store.gallery()
        assert gallery.cohort is not None and not gallery.cohort.by_photos
        made = gallery.calibration
        assert made is not None and made.masked_from == ""
        assert (made.for_probe(False), made.for_probe(True)) == (0.7, 0.7)
        assert (made.for_pair(False, False), made.for_pair(True, None)) == (0.8, 0.8)
        gallery.enroll(["ada"], face(0)[None])
        assert [one.what for one in store.history()] == ["enroll"]


def test_whoever_may_only_read_tables_of_a_release_before_is_told_who_must_open_them(
    database: GalleryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_of_a_release_before(database, monkeypatch)
    is_postgres = isinstance(database, PostgresStore)
    with open_store(database.address) as store:
        assert isinstance(store, DatabaseStore)
        only_reads = (
            "SET default_transaction_read_only = on" if is_postgres else "PRAGMA query_only = ON"
        )
        store.database.execute(only_reads)
        with pytest.raises((OSError, ValueError), match="somebody who may change them does by"):
            store.gallery()


def make_of_a_release_before(database: GalleryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = schema.STEPS
    for module in (database_module, database_store):
        monkeypatch.setattr(module, "STEPS", steps[:1])
    monkeypatch.setattr(database_store, "write_history", lambda *_: None)
    monkeypatch.setattr(DatabaseStore, "_make", make_as_before)
    monkeypatch.setattr(database_store, "DatabaseGallery", lambda _: None)
    with database.changing(new=Gallery("f00d")):
        pass
    monkeypatch.undo()


def make_as_before(store: DatabaseStore, new: Gallery) -> None:
    """As the first release made a gallery's rows: with a cohort of two people."""
    before = {"fpir": 0.1, "identify": 0.7, "far": 0.001, "verify": 0.8, "probes": 9, "people": 9}
    calibration = {**before, "gallery": 5, "source": "strangers"}
    words = json.dumps({**new.words(), "calibration": calibration})
    store.database.execute("INSERT INTO gallery VALUES (1, %s, 0, 1, 0)", (words,))
    people = np.stack([face(1), face(2)]).astype("float32")
    row = (1, people.shape[1], people.tobytes())
    store.database.execute("INSERT INTO cohort VALUES (1, %s, %s, %s)", row)


def test_tables_of_a_later_release_are_refused(database: GalleryStore) -> None:
    fill(database)
    database.database.execute("UPDATE maskedface SET version = 99")  # type: ignore[attr-defined]
    with open_store(database.address) as store, pytest.raises(ValueError, match="a newer release"):
        store.gallery()
    with open_store(database.address) as store, pytest.raises(ValueError, match="a newer release"):
        fill(store)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE gallery SET words = 'no JSON'",
        "UPDATE gallery SET words = '[]'",
        "UPDATE gallery SET words = '{}'",
        "UPDATE gallery SET features = 3",
        "UPDATE people SET name = (SELECT name FROM people WHERE id = 1)",
        "UPDATE templates SET length = 99",
        "UPDATE templates SET length = -1",
        "DELETE FROM templates WHERE person = 2",
        "UPDATE photos SET source = '\"nowhere\"'",
        "DELETE FROM gallery",
    ],
)
def test_tables_that_no_gallery_has_are_refused(database: GalleryStore, sql: str) -> None:
    fill(database)
    database.database.execute(sql)  # type: ignore[attr-defined]
    with (
        open_store(database.address) as store,
        pytest.raises(ValueError, match="must|JSON|Expecting"),
    ):
        store.gallery().to_file()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.sqlite"
    with SqliteStore(path) as store:
        fill(store, 200)
    whole = path.read_bytes()
    for damaged in (
        b"",
        b"no database" * 99,
        whole[: len(whole) // 2],
        whole[:4096] + bytes(len(whole)),
    ):
        path.write_bytes(damaged)
        with SqliteStore(path) as store, pytest.raises((ValueError, OSError), match="must"):
            store.gallery().to_file()


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (id INTEGER)")
    other.close()
    before = path.read_bytes()
    with SqliteStore(path) as store, pytest.raises(ValueError, match="with other tables"):
        fill(store)
    assert path.read_bytes() == before


def test_looking_for_a_gallery_makes_no_file(tmp_path: Path) -> None:
    assert not SqliteStore(tmp_path / "none.sqlite").exists()
    assert not [*tmp_path.iterdir()]


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    store = PostgresStore("postgresql://ada:s3cret@127.0.0.1:1/faces")
    with pytest.raises(ConnectionError, match="must be reachable") as caught:
        store.exists()
    assert "s3cret" not in str(caught.value) and "ada:***@" in str(caught.value)


def test_a_connection_that_the_server_ended_is_made_again() -> None:
    with PostgresStore(new_address()) as store:
        fill(store)
        gallery = store.gallery()
        with PostgresStore(store.address) as other:
            ((own,),) = store.database.execute("SELECT pg_backend_pid()")
            other.database.execute("SELECT pg_terminate_backend(%s)", (own,))
        with pytest.raises(ConnectionError):
            gallery.search(face(0))
        assert gallery.search(face(0))[0].person == "person 0"


def test_every_connection_looks_at_as_many_candidates() -> None:
    with PostgresStore(new_address()) as store:
        store.database.execute("DROP EXTENSION IF EXISTS vector CASCADE")
        store.close()
        fill(store)  # which makes it, on a connection that was there before
        assert store.database.execute("SHOW hnsw.ef_search") == [(str(_EF_SEARCH),)]


def test_threads_that_end_leave_no_connection() -> None:
    with PostgresStore(new_address()) as store:
        fill(store)
        for _ in range(5):
            thread = threading.Thread(target=lambda: len(store.gallery()))
            thread.start()
            thread.join()
        assert len(store.database._connections) <= 2


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ada:pass@db/faces", "postgresql://ada:***@db/faces"),
        ("postgres://ada:p/a@ss@db/faces", "postgres://ada:***@db/faces"),
        (
            "postgresql://ada@db/faces?password=pass&x=1",
            "postgresql://ada@db/faces?password=***&x=1",
        ),
        ("postgresql://db/faces?gallery=friends", "postgresql://db/faces?gallery=friends"),
        ("friends.npz", "friends.npz"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert shown_address(address) == shown


@pytest.mark.parametrize(
    ("address", "connection", "schema"),
    [
        ("postgresql://db/faces", "postgresql://db/faces", "maskedface"),
        (
            "postgresql:///faces?host=/run/pg&gallery=a1",
            "postgresql:///faces?host=%2Frun%2Fpg",
            "maskedface_a1",
        ),
        (
            "postgresql://a:p%40ss@h1,h2:5433/d?sslmode=require",
            "postgresql://a:p%40ss@h1,h2:5433/d?sslmode=require",
            "maskedface",
        ),
    ],
)
def test_an_address_is_taken_apart(address: str, connection: str, schema: str) -> None:
    assert server_address(address) == (connection, schema)


@pytest.mark.parametrize("name", ["", "A", "a-b", "a;b", "1a", "x" * 41, "a&gallery=b"])
def test_a_gallerys_name_is_plain(name: str) -> None:
    with pytest.raises(ValueError, match="name in an address"):
        server_address(f"postgresql://db/faces?gallery={name}")


# Thousands of people are enrolled and searched.
@pytest.mark.long
@pytest.mark.parametrize("keep", ["mean", "all"])
def test_an_index_finds_nearly_all_of_the_nearest(keep: str) -> None:
    rng = np.random.default_rng(0)
    cohort = Cohort(rng.normal(size=(100, FEATURES)), 10)
    people = rng.normal(size=(3000, FEATURES))
    gallery = Gallery("f00d", keep=keep, cohort=cohort)  # type: ignore[arg-type]
    names = [f"p{n}" for n in range(len(people))]
    gallery.enroll(
        names * 2, np.concatenate([people, people + 0.3 * rng.normal(size=people.shape)])
    )
    with PostgresStore(new_address()) as store:
        with store.changing(new=gallery):
            pass
        store.index("hnsw")
        assert store.database._has_index()  # type: ignore[attr-defined]
        probes = people[:100] + 0.7 * rng.normal(size=(100, FEATURES))
        exact = [gallery.search(probe, 5) for probe in probes]
        found = [store.gallery().search(probe, 5) for probe in probes]
        same = [
            len({c.person for c in one} & {c.person for c in other}) / 5
            for one, other in zip(exact, found, strict=True)
        ]
        assert np.mean(same) > 0.95
        for one, other in zip(exact, found, strict=True):
            known = {c.person: c.score for c in one}
            assert all(abs(known.get(c.person, c.score) - c.score) < 1e-5 for c in other)
        # As many candidates as are asked for, from an index or not.
        assert len(store.gallery().search(probes[0], 1000)) == 1000
        store.index("exact")
        assert not store.database._has_index()  # type: ignore[attr-defined]


def test_the_command_lists_copies_and_indexes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, there = tmp_path / "people.sqlite", new_address()
    with SqliteStore(file) as store:
        fill(store, 12)
    assert main(["gallery", "copy", "--gallery", str(file), "--to", there]) == 0
    assert main(["gallery", "index", "--gallery", there, "--kind", "hnsw"]) == 0
    out = tmp_path / "list.json"
    assert main(["gallery", "list", "--gallery", there, "--json", str(out)]) == 0
    assert len(json.loads(out.read_text())["people"]) == 12
    assert main(["enroll", "--gallery", there, "--remove", "person 1"]) == 0
    assert main(["gallery", "history", "--gallery", there, "--json", str(out)]) == 0
    assert json.loads(out.read_text())["changes"][0]["what"] == "remove"
    assert main(["gallery", "compact", "--gallery", there]) == 0
    assert "person 11" in capsys.readouterr().out
    assert main(["gallery", "copy", "--gallery", str(file), "--to", there]) == 2
    assert "must not be an existing gallery" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--gallery", "{file}", "--to", "x.npz"],
        ["copy", "--gallery", "{file}"],
        ["copy", "--gallery", "{file}", "--to", "{file}"],
        ["index", "--gallery", "{file}", "--kind", "hnsw"],
        ["index", "--gallery", "postgresql://x/y"],
        ["compact", "--gallery", "{file}", "--json", "x.json"],
        ["list", "--gallery", "nowhere.sqlite"],
        ["list", "--gallery", "postgresql://x/y?gallery=No;DROP"],
    ],
)
def test_wrong_words_are_refused(words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "people.sqlite"
    with SqliteStore(file) as store:
        fill(store)
    shutil.copy(file, tmp_path / "before")
    assert main(["gallery", *(word.replace("{file}", str(file)) for word in words)]) == 2
