"""Names of people and files: when two mean the same person, and how a terminal may show them."""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections.abc import Iterable

# bytes of a file name: the limit of eCryptfs, the lowest of common file systems (most allow 255)
_LONGEST_FILE = 143
LONGEST = 1_000  # characters: four times the longest name that a folder can have
_JOINERS = "\u200c\u200d"  # spell Persian and Hindi names, and move nothing else
# Control, format (bidirectional too), surrogates, line ends.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def person_name(name: str) -> str:
    """A person's name as it is kept and compared: Unicode's form NFC, without blanks around it.

    A Mac's folders spell "José" in another form (NFD) than keyboards do; the two look alike.

    Args:
        name: str, as somebody spelt it.

    Returns:
        The name, of 1 to 1,000 characters.

    Raises:
        ValueError: if it is no text, nothing is left of it, or it is longer.
    """
    kept = unicodedata.normalize("NFC", name).strip() if isinstance(name, str) else ""
    if not 0 < len(kept) <= LONGEST:
        received = f"{name[:40]!r}, {len(name)} characters" if isinstance(name, str) else repr(name)
        raise ValueError(
            f"a person's name must be text of 1 to {LONGEST} characters. Received: name={received}"
        )
    return kept


def near_names(name: str, names: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The names most like one that is none of them, to suggest: those that differ by case first.

    Args:
        name: str.
        names: those that there are.
        count: int >= 1, how many at most.

    Returns:
        The most alike first; () where none is.
    """
    spelt: dict[str, list[str]] = {}
    for known in names:
        spelt.setdefault(known.casefold(), []).append(known)
    near = difflib.get_close_matches(name.casefold()[:LONGEST], spelt, count, 0.7)
    return tuple(known for key in near for known in sorted(spelt[key]))[:count]


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """The end of a message about a name that is none of those that there are.

    Args:
        name: what was given; what is no text is like none.
        names: those that there are.

    Returns:
        "; did you mean X?", or "" where none is like it.
    """
    near = near_names(name, names, 1) if isinstance(name, str) else ()
    return f"; did you mean {near[0]}?" if near else ""


def near_path(path: str | os.PathLike[str]) -> str:
    """As `did_you_mean`, for a file or folder that is not there: what lies where it was looked for.

    Args:
        path: as somebody spelt it.
    """
    folder, name = os.path.split(os.fspath(path).rstrip("/\\"))
    if os.path.lexists(os.path.join(folder, name)) or not name:
        return ""
    try:
        near = near_names(name, os.listdir(folder or "."), 1)
    except OSError:  # the folder is not there either
        return ""
    return f"; did you mean {os.path.join(folder, near[0])}?" if near else ""


def picture_path(folder: str, number: int, photo: str, ending: str = ".jpg") -> str:
    """The path for a photograph's picture: a number, and as much of the photograph's name as fits.

    Args:
        folder: the folder of pictures.
        number: int, the photograph's number.
        photo: the photograph's path.
        ending: the file extension of the picture.
    """
    before = f"{number:04d}-"
    stem = os.path.splitext(os.path.basename(photo))[0]
    while len(os.fsencode(before + stem + ending)) > _LONGEST_FILE:
        stem = stem[:-1]
    return os.path.join(folder, before + stem + ending)


def shown(text: str) -> str:
    """Text as a terminal or a log may show it: characters that move its cursor, change its colors, turn
    its writing around or cannot be printed are escaped, as Python writes them ("\\x1b"); so are bytes of a
    file's name that are no UTF-8.

    Args:
        text: str, a name, a path or a message with one.
    """
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    if unicodedata.category(char) not in _UNSEEN or char in _JOINERS:
        return char
    if "\udc80" <= char <= "\udcff":  # what Python reads such a byte as
        return f"\\x{ord(char) & 0xFF:02x}"
    return char.encode("unicode_escape").decode()
