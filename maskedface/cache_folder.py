"""The user's folder for what can be made again: landmarks that were found, networks, faces too many for
memory."""

from __future__ import annotations

import os


def cache_folder() -> str:
    """`$MASKEDFACE_CACHE`, else `$XDG_CACHE_HOME/maskedface` or `~/.cache/maskedface`; made where it is
    first written to."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("MASKEDFACE_CACHE") or os.path.join(home, "maskedface")
