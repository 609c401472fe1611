"""Whether two data sets mean the same person: names are spelt in as many ways as there are sets."""

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
"""The people of MFR2 who are also people of LFW, and so of CALFW and MLFW: tuple of str.

Source: the names in MFR2's own list compared with those of LFW. Nothing that reports on MFR2 may train
on them: `index.without(MFR2_PEOPLE)`, `--without-people mfr2`.
"""


def name_key(person: str) -> str:
    """What is left of a name, in Unicode's form NFC, without case, blanks, `_` and `-`: "Ben_Affleck" and
    "BenAffleck" have one."""
    return re.sub(r"[\s_-]+", "", unicodedata.normalize("NFC", person)).casefold()


def same_people(people: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """The names of `people` that are those of `others` too, by `name_key`, sorted."""
    keys = {name_key(person) for person in others}
    return tuple(sorted({person for person in people if name_key(person) in keys}))
