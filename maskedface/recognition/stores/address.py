"""Parses gallery addresses, and formats them for display."""

from __future__ import annotations

import os
import re
import urllib.parse
from typing import NamedTuple

_SERVER = ("postgresql://", "postgres://")
_SQLITE = (".sqlite", ".sqlite3", ".db")
# With "maskedface_" before it under PostgreSQL's 63 bytes.
_NAME = re.compile("[a-z][a-z0-9_]{0,39}")
_HIDDEN = "***"


class ServerAddress(NamedTuple):
    """A gallery on a PostgreSQL server.

    Attributes:
        connection: str, the connection URI for libpq.
        schema: str, the database schema: "maskedface", or "maskedface_NAME" if the address ends in
            `?gallery=NAME`.
    """

    connection: str
    schema: str


def is_server(address: str | os.PathLike[str]) -> bool:
    """Whether an address is that of a PostgreSQL server."""
    return os.fspath(address).startswith(_SERVER)


def is_sqlite(address: str | os.PathLike[str]) -> bool:
    """Whether an address is an SQLite file, by its extension: .sqlite, .sqlite3 or .db."""
    return not is_server(address) and os.fspath(address).lower().endswith(_SQLITE)


def local_file(address: str | os.PathLike[str] | None) -> str | None:
    """The file of an address; None if it is a server's, or there is no address."""
    return None if address is None or is_server(address) else os.fspath(address)


def is_one(first: str, second: str) -> bool:
    """Whether two addresses refer to the same gallery, judging by the addresses only."""
    if is_server(first) or is_server(second):
        return first == second
    return os.path.realpath(first) == os.path.realpath(second)


def server_address(address: str) -> ServerAddress:
    """Parses a server address.

    Args:
        address: str, `postgresql://[USER@]HOST[:PORT]/DATABASE[?gallery=NAME]`, optionally with
            other parameters of libpq.

    Raises:
        ValueError: if it is not such an address, or the gallery's name does not consist of
            lowercase letters, digits and underscores.

    >>> from maskedface.recognition.stores.address import server_address
    >>> server_address("postgresql://db.example/faces?gallery=friends")
    ServerAddress(connection='postgresql://db.example/faces', schema='maskedface_friends')
    """
    parts = urllib.parse.urlsplit(address)
    words = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
    named = [value for word, value in words if word == "gallery"]
    if len(named) > 1 or not all(map(_NAME.fullmatch, named)):
        raise ValueError(
            "a gallery's name in an address must have 1 to 40 lowercase letters, digits and "
            f"underscores, starting with a letter. Received: {shown_address(address)!r}"
        )
    kept = [(word, value) for word, value in words if word != "gallery"]
    query = urllib.parse.urlencode(kept, quote_via=urllib.parse.quote)
    connection = urllib.parse.urlunsplit(parts._replace(query=query, fragment=""))
    # An empty host is a socket's: urlunsplit drops the slashes before it.
    if not parts.netloc:
        connection = connection.replace(":", "://", 1) if "://" not in connection else connection
    return ServerAddress(connection, "_".join(["maskedface", *named]))


def shown_address(address: str | os.PathLike[str]) -> str:
    """An address for output, logs and files, without its password.

    >>> from maskedface.recognition.stores.address import shown_address
    >>> shown_address("postgresql://ada:secret@db.example/faces")
    'postgresql://ada:***@db.example/faces'
    """
    text = os.fspath(address)
    if not is_server(text):
        return text
    scheme, rest = text.split("://", 1)
    rest = re.sub(r"(?i)([?&](?:ssl)?password=)[^&]*", rf"\1{_HIDDEN}", rest)
    # A password may hold an @ or a slash that nobody escaped: the last @ before the words ends it.
    place, mark, words = rest.partition("?")
    user, at, host = place.rpartition("@")
    if ":" in user:
        user = f"{user.split(':', 1)[0]}:{_HIDDEN}"
    return f"{scheme}://{user}{at}{host}{mark}{words}"
