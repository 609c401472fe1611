"""A gallery in a database: reads are always current, and changes are stored immediately."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from maskedface.evaluation import Cohort, Templates
from maskedface.evaluation.scoring import normalized
from maskedface.names import person_name
from maskedface.recognition.calibration import Calibration, current_form
from maskedface.recognition.enrolled import Compared, Enrolled
from maskedface.recognition.gallery import (
    Candidate,
    Gallery,
    check_remember,
    unknown_person,
    warn_of_case,
)
from maskedface.recognition.remembered import Remember, Remembered
from maskedface.recognition.stores.database import Database
from maskedface.recognition.stores.people_rows import (
    StoredPeople,
    check_people,
    read_people,
    read_photos,
    write_history,
    write_people,
)
from maskedface.recognition.stores.store import this_user
from maskedface.recognition.stores.texts import from_column, name_key

WAIT = 60.0  # seconds for another writer, who is done when what takes long was done before
_SUGGESTED = 10_000  # people among whom near names are looked for: a tenth of a second


class _State(NamedTuple):
    """The gallery's row: revision, settings, and features per row (0 = no people yet)."""

    revision: int
    words: dict[str, Any]
    features: int


class DatabaseGallery(Gallery):
    """A gallery in a database, with the interface of `Gallery`, but without the need to save it.

    Args:
        database: a database with a gallery.

    Raises:
        ValueError: if the gallery's settings are invalid.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: tuple[int, Enrolled] | None = None
        try:
            words = self._state().words
            self._cohort = database.cohort()
            nobody = Enrolled(templates=Templates(np.empty((0, 0), "float32"), self._cohort))
            check_people(database.shown, words, nobody)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(
                f"a gallery's tables must be whole. Received: {database.shown!r} ({error!r})"
            ) from error
        self.fingerprint, self.keep = words["fingerprint"], words["keep"]
        self.source, self.masks, self.alignment = (
            words["source"],
            words["masks"],
            words["alignment"],
        )

    @property
    def cohort(self) -> Cohort | None:
        """The cohort for score normalization."""
        return self._cohort

    @property
    def calibration(self) -> Calibration | None:
        """The current thresholds; setting them stores them."""
        made = self._state().words["calibration"]
        return Calibration(**made) if made else None

    @calibration.setter
    def calibration(self, made: Calibration | None) -> None:
        self._keep_words("calibrate", calibration=made and made.to_dict())

    @property
    def remember(self) -> Remember:  # type: ignore[override]
        """What is currently stored of photographs (`remember_from_now`)."""
        how: Remember = self._state().words["remember"]
        return how

    @property
    def people(self) -> dict[str, int]:
        """{person: number of enrolled faces}, sorted by name."""
        rows = self._database.execute("SELECT name, faces FROM people")
        return dict(sorted((from_column(name), int(faces)) for name, faces in rows))

    @property
    def photos(self) -> dict[str, tuple[Remembered, ...]]:
        """{person: stored photographs}, sorted by name; `remember` tells what is stored of them."""
        with self._database.reading():
            return dict(
                sorted({**dict.fromkeys(self.people, ()), **read_photos(self._database)}.items())
            )

    def __len__(self) -> int:
        ((count,),) = self._database.execute("SELECT COUNT(*) FROM people")
        return int(count)

    def known(self, people: Iterable[str]) -> set[str]:
        """The subset of some people who are enrolled."""
        condition, values = self._database.among("key", [name_key(name) for name in people])
        rows = self._database.execute(f"SELECT name FROM people WHERE {condition}", values)
        return {from_column(name) for (name,) in rows}

    def enroll(
        self,
        people: Sequence[str],
        embeddings: np.ndarray,
        photos: Sequence[Remembered | None] | None = None,
        unmasked: Sequence[bool] | None = None,
    ) -> None:
        """Adds faces, as `Gallery.enroll`, and stores them."""
        names, unit, photos, bare = self._checked(people, embeddings, photos, unmasked)
        if not names:
            return
        with self._database.writing(WAIT, this_user()):
            state = self._state()
            self._check_features(unit, state.features)
            alike = self._spelt_alike(names)
            before = read_people(self._database, unit.shape[1], self._cohort, names={*names})
            after = before.enrolled.joined(names, unit, self.keep, photos, bare)
            if not state.features:
                self._database.prepare(unit.shape[1])
            ((next_person,),) = self._database.execute("SELECT next_person FROM gallery")
            ids = write_people(self._database, before, after, next_person)
            added = {
                name: count - before.enrolled.faces.get(name, 0)
                for name, count in after.faces.items()
            }
            write_history(self._database, "enroll", [(ids[name], added[name]) for name in added])
            self._database.execute(
                "UPDATE gallery SET features = %s, next_person = %s, revision = revision + 1",
                (unit.shape[1], next_person + len(ids) - len(before.ids)),
            )
        warn_of_case(alike, names)

    def remove(self, person: str) -> None:
        """Deletes a person, as `Gallery.remove`."""
        name = person_name(person)
        with self._database.writing(WAIT, this_user()):
            rows = self._database.execute(
                "SELECT id, faces FROM people WHERE key = %s", (name_key(name),)
            )
            if not rows:
                raise unknown_person(person, self.people if len(self) <= _SUGGESTED else ())
            ((number, faces),) = rows
            self._database.execute("DELETE FROM people WHERE id = %s", (number,))
            write_history(self._database, "remove", [(number, faces)])
            self._database.execute("UPDATE gallery SET revision = revision + 1")
            self._database.removed()

    def remember_from_now(self, remember: Remember) -> None:
        """Changes what is stored of photographs, as `Gallery.remember_from_now`."""
        check_remember(remember)
        if remember == self.remember:
            return
        with self._database.writing(WAIT, this_user()):
            self._keep_words("remember", remember=remember)
            if remember == "crops":
                return
            if remember == "nothing":
                self._database.execute("DELETE FROM photos")
            else:
                self._database.execute("DELETE FROM photos WHERE path = ''")
                points = "CASE WHEN substr(source, 1, 1) = '[' THEN '\"\"' ELSE source END"
                self._database.execute(f"UPDATE photos SET crop = %s, source = {points}", (b"",))
            self._database.removed()

    def search(self, embedding: np.ndarray, k: int = 1) -> tuple[Candidate, ...]:
        """The most similar people, as `Gallery.search`, by the database's search if it has one."""
        if not self._database.searches:
            return super().search(embedding, k)
        features = self._state().features
        if k < 1 or np.shape(embedding) != (features,) or not features:
            raise ValueError(
                f"k must be at least 1, embedding of shape ({features},), and somebody enrolled. "
                f"Received: k={k}, embedding.shape={np.shape(embedding)}"
            )
        unit = normalized(np.asarray(embedding)[None])[0]
        found = self._database.best(unit, k, several=self.keep == "all")
        if not found:
            raise ValueError("somebody must be enrolled before a search. Received: nobody")
        most = 1.0 if self._cohort is None else 2.0
        return tuple(Candidate(from_column(name), min(score, most)) for name, score in found)

    def compared(self, person: str, embedding: np.ndarray) -> tuple[Compared, int]:
        """A face's similarity to a person's faces, as `Gallery.compared`; only these are read."""
        with self._database.reading():
            features = self._state().features
            found = read_people(self._database, features, self._cohort, names=[person]).enrolled
            ((count,),) = self._database.execute("SELECT COUNT(*) FROM templates")
        if person not in found.faces:
            raise ValueError(f"person must be enrolled. Received: person={person!r}")
        return found.compared(person, embedding), int(count)

    @property
    def _now(self) -> Enrolled:  # type: ignore[override]
        """All current people without their photographs, cached until the gallery changes."""
        with self._database.reading():
            state = self._state()
            if self._known is None or self._known[0] != state.revision:
                enrolled = self._read(state)
                if self._database.is_writing:
                    return enrolled  # this thread may take it back yet
                self._known = state.revision, enrolled
            return self._known[1]

    def fill(self, gallery: Gallery) -> None:
        """Copies another gallery's people with all their data; this gallery must be empty."""
        after = gallery._whole()
        with self._database.writing(WAIT, this_user()):
            features = after.rows.shape[1]
            self._database.prepare(features)
            ids = write_people(self._database, StoredPeople({}, Enrolled()), after, 1)
            write_history(
                self._database, "enroll", [(ids[name], n) for name, n in after.faces.items()]
            )
            self._database.execute(
                "UPDATE gallery SET features = %s, next_person = %s, revision = revision + 1",
                (features, len(ids) + 1),
            )

    def _whole(self) -> Enrolled:
        """All current people with their photographs."""
        with self._database.reading():
            return self._read(self._state(), photos=True)

    def _read(self, state: _State, *, photos: bool = False) -> Enrolled:
        found = read_people(self._database, state.features, self._cohort, photos=photos).enrolled
        check_people(self._database.shown, state.words, found)
        return found

    def _state(self) -> _State:
        rows = self._database.execute("SELECT revision, words, features FROM gallery")
        if not rows:
            raise ValueError(f"a gallery must be there. Received: {self._database.shown!r}")
        ((revision, words, features),) = rows
        words = json.loads(words)
        made = current_form(words["calibration"])
        return _State(revision, {**words, "calibration": made}, features)

    def _keep_words(self, what: str, **words: Any) -> None:
        with self._database.writing(WAIT, this_user()):
            kept = json.dumps(self._state().words | words, allow_nan=False)
            write_history(self._database, what)
            self._database.execute(
                "UPDATE gallery SET words = %s, revision = revision + 1", (kept,)
            )

    def _spelt_alike(self, names: Sequence[str]) -> list[str]:
        """The people enrolled under one of these names, ignoring case."""
        folded = {name_key(name.casefold()) for name in names}
        condition, values = self._database.among("folded", [*folded])
        rows = self._database.execute(f"SELECT name FROM people WHERE {condition}", values)
        return [from_column(name) for (name,) in rows]
