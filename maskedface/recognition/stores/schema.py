"""The tables of a gallery in a database, created and migrated in ordered steps.

A name has at most 1,000 characters, more than an index of PostgreSQL allows, so people are looked
up by `key`, a hash; `folded` is the hash of the name without case. `next_person` only increases, so
the number of a deleted person, which the history contains, is never reused.
"""

from __future__ import annotations

# Each step is of one release and never changed again; {binary}, {vector}, {real} are the database's types.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE gallery (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            words TEXT NOT NULL,
            features INTEGER NOT NULL,
            next_person BIGINT NOT NULL,
            revision BIGINT NOT NULL
        )""",
        """CREATE TABLE cohort (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            nearest INTEGER NOT NULL,
            features INTEGER NOT NULL,
            people {binary} NOT NULL
        )""",
        """CREATE TABLE people (
            id BIGINT PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            folded TEXT NOT NULL,
            name TEXT NOT NULL,
            faces BIGINT NOT NULL CHECK (faces > 0),
            unmasked BIGINT NOT NULL
        )""",
        "CREATE INDEX people_folded ON people (folded)",
        """CREATE TABLE templates (
            person BIGINT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            length {real} NOT NULL,
            less {real} NOT NULL,
            template {vector} NOT NULL,
            PRIMARY KEY (person, number)
        )""",
        """CREATE TABLE photos (
            person BIGINT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            path TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            source TEXT NOT NULL,
            crop {binary} NOT NULL,
            PRIMARY KEY (person, number)
        )""",
    ),
    (
        # No name: a person's number means nobody once they are forgotten.
        """CREATE TABLE history (
            id BIGINT PRIMARY KEY,
            at TEXT NOT NULL,
            who TEXT NOT NULL,
            what TEXT NOT NULL,
            person BIGINT,
            faces BIGINT NOT NULL
        )""",
    ),
    # As `Cohort.by_photos`; what was there keeps its rule.
    ("ALTER TABLE cohort ADD COLUMN by_photos INTEGER NOT NULL DEFAULT 0",),
    (),  # `Calibration` in words: thresholds of masked and unmasked faces; what was there stays
)
