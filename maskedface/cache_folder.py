"""The user's cache folder: detected landmarks, networks, error rates, and faces that do not fit into
memory."""

from __future__ import annotations

import os
from collections.abc import Iterable


def cache_folder() -> str:
    """`$MASKEDFACE_CACHE`, else `$XDG_CACHE_HOME/maskedface` or `~/.cache/maskedface`; created at
    the first write."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("MASKEDFACE_CACHE") or os.path.join(home, "maskedface")


def file_stamps(paths: Iterable[str]) -> list[list[str | int]]:
    """What shows that a file was replaced: [absolute path, bytes, modification time in ns] each.

    Raises:
        OSError: if a file is missing.
    """
    statuses = [(path, os.stat(path)) for path in paths]
    return [[os.path.abspath(path), one.st_size, one.st_mtime_ns] for path, one in statuses]
