"""Encodes texts for a database: names of people and files may contain invalid Unicode."""

from __future__ import annotations

import hashlib
import re

_NOT_KEPT = re.compile("[\\\\\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\([0-9a-f]{4})")


def to_column(text: str) -> str:
    r"""A text without NUL and lone surrogates, which occur in file names but not in databases.

    >>> from maskedface.recognition.stores.texts import from_column, to_column
    >>> to_column("a\udce9.jpg"), from_column(to_column("a\\b\udce9")) == "a\\b\udce9"
    ('a\\dce9.jpg', True)
    """
    return _NOT_KEPT.sub(lambda found: f"\\{ord(found.group()):04x}", text)


def from_column(text: str) -> str:
    """The inverse of `to_column`."""
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), text)


def name_key(name: str) -> str:
    """The lookup key of a person's name: 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
