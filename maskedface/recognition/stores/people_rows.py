"""Converts a gallery's people between a database's rows and arrays."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from maskedface.evaluation import Cohort, Templates
from maskedface.recognition import gallery_file
from maskedface.recognition.enrolled import Enrolled
from maskedface.recognition.remembered import Remembered, checked, photos_to_file
from maskedface.recognition.stores.database import Database
from maskedface.recognition.stores.texts import from_column, name_key, to_column

_PEOPLE = "id", "key", "folded", "name", "faces", "unmasked"
_TEMPLATES = "person", "number", "length", "less", "template"
_PHOTOS = "person", "number", "path", "sha256", "source", "crop"
_HISTORY = "id", "at", "who", "what", "person", "faces"


class StoredPeople(NamedTuple):
    """Some of a gallery's people, or all.

    Attributes:
        ids: {person: their number in the database}, sorted by number.
        enrolled: their data; photographs only if requested.
    """

    ids: dict[str, int]
    enrolled: Enrolled


def read_people(
    database: Database,
    features: int,
    cohort: Cohort | None,
    *,
    names: Iterable[str] | None = None,
    photos: bool = False,
) -> StoredPeople:
    """Reads people and their templates.

    Args:
        database: the database, inside `reading` or `writing`.
        features, cohort: the gallery's features and cohort.
        names: the people to read, if enrolled; None = everybody.
        photos: whether to read their stored photographs.

    Raises:
        ValueError: if rows are missing or invalid.
    """
    where, values = _where(database, names, "id")
    people = database.execute(
        f"SELECT id, name, faces, unmasked FROM people{where} ORDER BY id", values
    )
    where, values = _where(database, names, "person")
    rows = database.execute(
        f"SELECT person, length, less, template FROM templates{where} ORDER BY person, number",
        values,
    )
    numbers = {number: place for place, (number, *_) in enumerate(people)}
    try:
        faces = {from_column(name): int(count) for _, name, count, _ in people}
        bare = {from_column(name): int(count) for _, name, _, count in people}
        person = np.array([numbers[row[0]] for row in rows], "int32")
        lengths, less = (np.array([row[n] for row in rows], "float32") for n in (1, 2))
        vectors = database.from_templates([row[3] for row in rows], features)
        kept = read_photos(database, names) if photos else {}
        ids = dict(zip(faces, numbers, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"a gallery's tables must be consistent. Received: {database.shown!r} ({error!r})"
        ) from error
    templates = Templates(vectors, cohort, None if cohort is None else less)
    return StoredPeople(
        ids, Enrolled(faces, templates, lengths, person, {**dict.fromkeys(faces, ()), **kept}, bare)
    )


def read_photos(
    database: Database, names: Iterable[str] | None = None
) -> dict[str, tuple[Remembered, ...]]:
    """Reads the stored photographs of people: {person: photographs}.

    Raises:
        ValueError, TypeError: if a row is invalid.
    """
    where, values = _where(database, names, "person")
    rows = database.execute(
        "SELECT people.name, path, sha256, source, crop FROM photos "
        f"JOIN people ON people.id = photos.person{where} ORDER BY person, number",
        values,
    )
    found: dict[str, tuple[Remembered, ...]] = {}
    for name, path, sha256, source, crop in rows:
        photo = checked(from_column(path), sha256, json.loads(source), bytes(crop))
        person = from_column(name)
        found[person] = (*found.get(person, ()), photo)
    return found


def check_people(shown: str, words: Mapping[str, Any], enrolled: Enrolled) -> None:
    """Checks the validity of a gallery's people.

    Args:
        shown: the database's name in messages.
        words: the gallery's settings (`Gallery.words`).
        enrolled: all people.

    Raises:
        ValueError: as `gallery_file.check`.
    """
    photos, crops = photos_to_file([()] * len(enrolled.faces))
    facts = {
        **words,
        "people": list(enrolled.faces),
        "faces": [*enrolled.faces.values()],
        "unmasked": [enrolled.unmasked.get(name, 0) for name in enrolled.faces],
    }
    arrays = {
        "rows": enrolled.rows,
        "lengths": enrolled.lengths,
        "person": enrolled.person,
        **crops,
    }
    cohort, offsets = enrolled.templates.cohort, enrolled.templates.offsets
    if cohort is not None and offsets is not None:
        arrays |= {**cohort.arrays(), "offsets": offsets}
    gallery_file.check(shown, {**facts, "photos": photos}, arrays, cohort is not None)


def write_people(
    database: Database, before: StoredPeople, after: Enrolled, next_person: int
) -> dict[str, int]:
    """Writes people to whom `Enrolled.joined` has added faces.

    Args:
        database: the database, inside `writing`.
        before: those who were already enrolled, without photographs.
        after: all of them, with the photographs to add.
        next_person: the number of the first new person.

    Returns:
        {person: their number} for all of them.
    """
    new = [name for name in after.faces if name not in before.ids]
    ids = {**before.ids, **{name: next_person + place for place, name in enumerate(new)}}
    starts = _forget_rows(database, list(before.ids.values()))
    for name, number in before.ids.items():
        database.execute(
            "UPDATE people SET faces = %s, unmasked = %s WHERE id = %s",
            (after.faces[name], after.unmasked.get(name, 0), number),
        )
    people = [
        (
            ids[name],
            name_key(name),
            name_key(name.casefold()),
            to_column(name),
            after.faces[name],
            after.unmasked.get(name, 0),
        )
        for name in new
    ]
    owners = [ids[name] for name in after.owners]
    offsets = after.templates.offsets
    less = np.zeros(len(owners), "float32") if offsets is None else offsets
    templates = [
        (owner, place, float(length), float(off), database.to_template(row, float(off)))
        for place, (owner, length, off, row) in enumerate(
            zip(owners, after.lengths, less, after.rows, strict=True)
        )
    ]
    photos = [
        (ids[name], starts.get(ids[name], 0) + place, *_photo_columns(photo))
        for name, of in after.photos.items()
        for place, photo in enumerate(of)
    ]
    database.insert_all(
        [
            ("people", _PEOPLE, people),
            ("templates", _TEMPLATES, templates),
            ("photos", _PHOTOS, photos),
        ]
    )
    return ids


def write_history(
    database: Database, what: str, changes: Sequence[tuple[int | None, int]] = ((None, 0),)
) -> None:
    """Adds lines to the history.

    Args:
        database: the database, inside `writing`, which provides the user.
        what: as `Change.what`.
        changes: pairs (person's number, number of faces).
    """
    ((last,),) = database.execute("SELECT COALESCE(MAX(id), 0) FROM history")
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    rows = [
        (last + place, at, to_column(database.who), what, person, faces)
        for place, (person, faces) in enumerate(changes, 1)
    ]
    database.insert("history", _HISTORY, rows)


def _where(
    database: Database, names: Iterable[str] | None, column: str
) -> tuple[str, tuple[Any, ...]]:
    if names is None:
        return "", ()
    condition, values = database.among("key", [name_key(name) for name in names])
    if column == "id":
        return f" WHERE {condition}", values
    return f" WHERE {column} IN (SELECT id FROM people WHERE {condition})", values


def _forget_rows(database: Database, ids: list[int]) -> dict[int, int]:
    """Deletes people's templates; returns the number of each person's next photograph."""
    if not ids:
        return {}
    condition, values = database.among("person", ids)
    database.execute(f"DELETE FROM templates WHERE {condition}", values)
    counts = database.execute(
        f"SELECT person, MAX(number) + 1 FROM photos WHERE {condition} GROUP BY person", values
    )
    return dict(counts)


def _photo_columns(photo: Remembered) -> tuple[str, str, str, bytes]:
    return to_column(photo.path), photo.sha256, json.dumps(photo.source), photo.crop
