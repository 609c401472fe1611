"""Matches people's names across data sets, which spell them differently."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MFR2_PEOPLE: tuple[str, ...] = (
    "Ben_Affleck",
    "Floyd_Mayweather",
    "Imran_Khan",
    "Pharrell_Williams",
)
"""The people of MFR2 who also occur in LFW, and hence in CALFW and MLFW: tuple of str.

Source: the names in MFR2's own list compared with those of LFW. A model evaluated on MFR2 must not
be trained on them: `index.without(MFR2_PEOPLE)`, `--without-people mfr2`.
"""


def name_key(person: str) -> str:
    """A name in Unicode normal form NFC, without case, spaces, `_` and `-`: "Ben_Affleck" and
    "BenAffleck" have the same key."""
    return re.sub(r"[\s_-]+", "", unicodedata.normalize("NFC", person)).casefold()


def same_people(people: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """The names of `people` that also occur in `others`, compared by `name_key`, sorted."""
    keys = {name_key(person) for person in others}
    return tuple(sorted({person for person in people if name_key(person) in keys}))
