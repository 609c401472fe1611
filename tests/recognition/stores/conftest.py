"""A place of each kind where no gallery is yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from maskedface.recognition import open_store
from maskedface.recognition.stores.store import GalleryStore
from tests.postgres import new_address

KINDS = ["npz", "sqlite", "postgres"]


def address_of(kind: str, folder: Path) -> str:
    return new_address() if kind == "postgres" else str(folder / f"people.{kind}")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GalleryStore]:
    with open_store(address_of(request.param, tmp_path)) as made:
        yield made


@pytest.fixture(params=KINDS[1:])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GalleryStore]:
    with open_store(address_of(request.param, tmp_path)) as made:
        yield made
