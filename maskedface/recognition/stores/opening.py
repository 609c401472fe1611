"""The store of an address."""

from __future__ import annotations

import os

from maskedface.recognition.stores.address import is_server, is_sqlite
from maskedface.recognition.stores.store import GalleryStore


def open_store(address: str | os.PathLike[str]) -> GalleryStore:
    """The store of an address.

    Args:
        address: `postgresql://[USER@]HOST[:PORT]/DATABASE[?gallery=NAME]`; a file ending in
            .sqlite, .sqlite3 or .db; any other file is in the format of `Gallery.save`.

    Returns:
        The store; nothing is created, and no server contacted, before it is used.

    Raises:
        ValueError: if the address is invalid.
        ModuleNotFoundError: if PostgreSQL's packages are not installed; the message has the pip
            command.

    >>> from maskedface.recognition import Gallery, open_store
    >>> store = open_store("people.sqlite")
    >>> with store.changing(new=Gallery("a network's fingerprint")) as gallery:
    ...     gallery.enroll(["Ada", "Bo"], [[1.0, 0.0], [0.0, 1.0]])
    >>> store.gallery().search([0.1, 0.9])[0].person
    'Bo'
    >>> [change.what for change in store.history()]
    ['enroll', 'enroll', 'create']
    """
    if is_server(address):
        from maskedface.recognition.stores.postgres import PostgresStore

        return PostgresStore(os.fspath(address))
    if is_sqlite(address):
        from maskedface.recognition.stores.sqlite import SqliteStore

        return SqliteStore(address)
    from maskedface.recognition.stores.file_store import FileStore

    return FileStore(address)
