"""Decoded faces lie where there is room: in memory, in a file that goes, or nowhere."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets
from maskedface.datasets import FaceIndex, face_cache
from maskedface.datasets.face_cache import StreamedFaces, cached_faces, free_memory, place_for

GIB = 2**30
WORDS = {"size": 48, "alignment": "arcface"}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Says what a machine has free."""

    def has(memory: int, disk: int = 10**15) -> None:
        monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(face_cache, "free_memory", lambda: memory)
        usage = type("usage", (), {"free": disk})
        monkeypatch.setattr(face_cache.shutil, "disk_usage", lambda _: usage)

    return has


@pytest.mark.parametrize(
    ("memory", "disk", "place"),
    [
        (18 * GIB, 0, "memory"),  # RMFRD whole at 180 px: 9 GB
        (16 * GIB, 20 * GIB, "file"),
        (16 * GIB, 9 * GIB, "nowhere"),
        (0, 0, "nowhere"),
    ],
)
def test_the_first_place_with_room_is_taken(machine, memory: int, disk: int, place: str) -> None:
    machine(memory, disk)
    assert place_for(9 * GIB, "/nowhere/yet") == place


def test_every_place_gives_the_same_faces(
    machine, drawn: FaceIndex, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "maskedface")
    machine(GIB)
    memory = cached_faces(drawn, **WORDS)
    assert not isinstance(memory, np.memmap) and not caplog.text
    machine(0)
    mapped = cached_faces(drawn, **WORDS)
    assert isinstance(mapped, np.memmap) and "caching in" in caplog.text
    machine(0, 0)
    streamed = cached_faces(drawn, **WORDS)
    assert isinstance(streamed, StreamedFaces) and "decoding again in each epoch" in caplog.text
    assert streamed.shape == memory.shape and len(streamed) == len(memory)
    np.testing.assert_array_equal(mapped, memory)
    np.testing.assert_array_equal(streamed[:], memory)
    np.testing.assert_array_equal(streamed[np.array([5, 0, 5])], memory[[5, 0, 5]])


def test_a_mapped_file_goes_while_it_is_read(machine, drawn: FaceIndex, tmp_path: Path) -> None:
    machine(0)
    faces = cached_faces(drawn, **WORDS)
    assert os.listdir(tmp_path / "cache") == [] and faces.any()


def test_a_failed_file_leaves_nothing(machine, drawn: FaceIndex, tmp_path: Path) -> None:
    machine(0)
    gone = drawn.where(lambda face: True)
    (tmp_path / "none.jpg").write_bytes(b"no image")
    broken = FaceIndex(tmp_path, [gone.faces[0]._replace(path="none.jpg")])
    with pytest.raises(ValueError, match="must be an image"):
        cached_faces(broken, **WORDS)
    assert os.listdir(tmp_path / "cache") == []


def test_a_data_set_is_the_same_wherever_its_faces_lie(machine, drawn: FaceIndex) -> None:
    found = []
    for memory, disk in ((GIB, 0), (0, 10**15), (0, 0)):
        machine(memory, disk)
        batches = datasets.as_tf_dataset(drawn, image_size=48, cache="auto", shuffle=True)
        found.append([images.numpy() for images, _ in batches])
    for other in found[1:]:
        assert all((a == b).all() for a, b in zip(found[0], other, strict=True))


def test_free_memory_is_a_number_of_bytes() -> None:
    assert 10**6 < free_memory() < 2**50
