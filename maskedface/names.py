"""Names of people and files: normalization, suggestions, and safe display in a terminal."""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections.abc import Iterable

# bytes of a file name: the limit of eCryptfs, the lowest of common file systems (most allow 255)
_LONGEST_FILE = 143
LONGEST = 1_000  # characters: four times the longest name that a folder can have
_JOINERS = "\u200c\u200d"  # needed in Persian and Hindi names; they do not affect other text
# Control, format (bidirectional too), surrogates, line ends.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def person_name(name: str) -> str:
    """A person's name in normalized form: Unicode NFC, without surrounding spaces.

    Folders on macOS have "José" in another form (NFD) than keyboards produce; both look the same.

    Args:
        name: str, as entered.

    Returns:
        The name, with 1 to 1,000 characters.

    Raises:
        ValueError: if it is not text, empty after normalization, or too long.
    """
    kept = unicodedata.normalize("NFC", name).strip() if isinstance(name, str) else ""
    if not 0 < len(kept) <= LONGEST:
        received = f"{name[:40]!r}, {len(name)} characters" if isinstance(name, str) else repr(name)
        raise ValueError(
            f"a person's name must be text of 1 to {LONGEST} characters. Received: name={received}"
        )
    return kept


def near_names(name: str, names: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """Suggestions for an unknown name: similar known names, those that differ only in case first.

    Args:
        name: str, the unknown name.
        names: the known names.
        count: int >= 1, the maximum number of suggestions.

    Returns:
        The most similar names first; () if none is similar.
    """
    spelt: dict[str, list[str]] = {}
    for known in names:
        spelt.setdefault(known.casefold(), []).append(known)
    near = difflib.get_close_matches(name.casefold()[:LONGEST], spelt, count, 0.7)
    return tuple(known for key in near for known in sorted(spelt[key]))[:count]


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """The end of an error message about an unknown name.

    Args:
        name: the given value; anything but text has no suggestions.
        names: the known names.

    Returns:
        "; did you mean X?", or "" if no name is similar.
    """
    near = near_names(name, names, 1) if isinstance(name, str) else ()
    return f"; did you mean {near[0]}?" if near else ""


def near_path(path: str | os.PathLike[str]) -> str:
    """As `did_you_mean`, for a missing file or folder, with suggestions from its parent folder.

    Args:
        path: the path as entered.
    """
    folder, name = os.path.split(os.fspath(path).rstrip("/\\"))
    if os.path.lexists(os.path.join(folder, name)) or not name:
        return ""
    try:
        near = near_names(name, os.listdir(folder or "."), 1)
    except OSError:  # the folder does not exist either
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
    """Text that is safe to show in a terminal or a log: control characters, bidirectional
    formatting and other unprintable characters are escaped as in Python ("\\x1b"), and so are bytes
    of file names that are not UTF-8.

    Args:
        text: str, a name, a path or a message with one.
    """
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    if unicodedata.category(char) not in _UNSEEN or char in _JOINERS:
        return char
    if "\udc80" <= char <= "\udcff":  # how Python represents an undecodable byte
        return f"\\x{ord(char) & 0xFF:02x}"
    return char.encode("unicode_escape").decode()
