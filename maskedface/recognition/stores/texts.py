"""Texts as a database can keep them: names of people and files may hold what is no Unicode text."""

from __future__ import annotations

import hashlib
import re

_NOT_KEPT = re.compile("[\\\\\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\([0-9a-f]{4})")


def to_column(text: str) -> str:
    r"""A text without NUL and lone surrogates, which files' names may have and databases refuse.

    >>> from maskedface.recognition.stores.texts import from_column, to_column
    >>> to_column("a\udce9.jpg"), from_column(to_column("a\\b\udce9")) == "a\\b\udce9"
    ('a\\dce9.jpg', True)
    """
    return _NOT_KEPT.sub(lambda found: f"\\{ord(found.group()):04x}", text)


def from_column(text: str) -> str:
    """What `to_column` was given."""
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), text)


def name_key(name: str) -> str:
    """What a person's name is looked for by: 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
