"""The user's cache folder: detected landmarks, networks, and faces that do not fit into memory."""

from __future__ import annotations

import os


def cache_folder() -> str:
    """`$MASKEDFACE_CACHE`, else `$XDG_CACHE_HOME/maskedface` or `~/.cache/maskedface`; created at
    the first write."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("MASKEDFACE_CACHE") or os.path.join(home, "maskedface")
