"""A disk that is really full: a small tmpfs. A clear error, and earlier results stay usable."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import datasets, reporting, training
from maskedface.datasets import FaceIndex
from maskedface.recognition import Gallery
from maskedface.training import Run, checkpoint, feature_cache
from tests.reliability.conftest import QUICK, assert_same_bits, assert_tidy

SIZE = 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A mounted folder of one MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True).returncode:
        pytest.skip(
            "mounting is not permitted here; test_failing_writes.py injects the same errors"
        )
    yield place
    # Lazily: features stay mapped until Python lets go of them.
    subprocess.run(["umount", "-l", str(place)], check=True)


def leave(disk: Path, room: int) -> None:
    """Fills the disk but for so many bytes."""
    (disk / "filling").unlink(missing_ok=True)
    usage = os.statvfs(disk)
    (disk / "filling").write_bytes(b"\0" * max(0, usage.f_bavail * usage.f_frsize - room))


# A process at every room.
@pytest.mark.long
def test_a_run_that_meets_a_full_disk_goes_on_when_there_is_room(
    whole: Run,
    parts: tuple[FaceIndex, FaceIndex],
    tiny_backbone: Path,
    tmp_path: Path,
    disk: Path,
) -> None:
    def run() -> Run:
        return training.train(
            QUICK,
            *parts,
            run_dir=disk / "run",
            cache=tmp_path / "cache",
            backbone=tiny_backbone,
            progress=False,
        )

    stopped_at = set()
    for room in range(0, SIZE, 24_576):  # six pages more each time
        leave(disk, room)
        try:
            finished = run()
            break
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
            assert "disk must have room for the file" in str(error)
            stopped_at.add(Path(error.filename).name)
    assert {"manifest.csv", "model.keras"} <= stopped_at, stopped_at
    assert_same_bits(whole, finished)
    assert_tidy(finished)


def test_a_state_that_does_not_fit_leaves_the_old_one(disk: Path) -> None:
    variable = keras.Variable(np.arange(1000, dtype="float32"))
    checkpoint.write_state(str(disk), [variable], checkpoint.State([{"epoch": 0.0}]))
    variable.assign(0 * variable.value)
    leave(disk, 4096)
    with pytest.raises(OSError, match="an existing file is kept.*No space left.*state.npz"):
        more = checkpoint.State([{"epoch": 0.0}, {"epoch": 1.0}])
        checkpoint.write_state(str(disk), [variable], more)
    assert checkpoint.read_state(str(disk), [variable]).history == [{"epoch": 0.0}]
    np.testing.assert_array_equal(variable.numpy(), np.arange(1000))
    assert {path.name for path in disk.iterdir()} == {"state.npz", "filling"}


# Whole runs.
@pytest.mark.long
def test_features_and_faces_that_do_not_fit_are_a_clear_error(
    parts: tuple[FaceIndex, FaceIndex], tiny_backbone: Path, tmp_path: Path, disk: Path
) -> None:
    leave(disk, 100_000)
    with pytest.raises(OSError, match="disk must have room for the file") as error:
        datasets.read_aligned_faces(parts[0], size=64, alignment="vggface2", cache=disk)
    assert error.value.errno == errno.ENOSPC and not list(disk.glob("*.npy"))
    leave(disk, 8192)
    run = training.train(
        QUICK.override(epochs=1),
        *parts,
        run_dir=tmp_path / "run",
        features_dir=disk,
        backbone=tiny_backbone,
        progress=False,
    )
    assert "would not fit" in run.record["frozen_features"]["because"]


def test_a_gallery_that_does_not_fit_leaves_the_old_one(disk: Path) -> None:
    gallery = Gallery("f00d")
    gallery.enroll(["ada"], np.ones((1, 4)))
    gallery.save(disk / "g.npz")
    before = (disk / "g.npz").read_bytes()
    leave(disk, 4096)
    gallery.enroll([f"p{n}" for n in range(500)], np.random.default_rng(0).normal(size=(500, 4)))
    with pytest.raises(OSError, match="an existing file is kept.*No space left") as error:
        gallery.save(disk / "g.npz")
    assert error.value.errno == errno.ENOSPC
    assert (disk / "g.npz").read_bytes() == before and Gallery.load(disk / "g.npz").people == {
        "ada": 1
    }
    assert {path.name for path in disk.iterdir()} == {"g.npz", "filling"}


def test_a_manifest_that_does_not_fit_leaves_the_old_one(disk: Path, drawn: FaceIndex) -> None:
    datasets.write_manifest(disk / "m.csv", drawn)
    before = (disk / "m.csv").read_bytes()
    leave(disk, 0)
    with pytest.raises(OSError, match="an existing file is kept"):
        datasets.write_manifest(disk / "m.csv", drawn)
    assert (disk / "m.csv").read_bytes() == before


# Runs and reports at every room.
@pytest.mark.long
def test_a_report_that_does_not_fit_leaves_the_old_one(disk: Path, whole: Run) -> None:
    pytest.importorskip("jinja2")
    groups = reporting.find_groups(whole.path)
    reporting.write_report(groups, disk / "report.html", faces=False)
    before = (disk / "report.html").read_bytes()
    leave(disk, 4096)
    with pytest.raises(
        OSError, match="an existing file is kept.*No space left.*report.html"
    ) as error:
        reporting.write_report(groups, disk / "report.html", faces=False, title="again")
    assert error.value.errno == errno.ENOSPC
    assert (disk / "report.html").read_bytes() == before
    assert {path.name for path in disk.iterdir()} == {"report.html", "filling"}


# Whole runs.
@pytest.mark.long
def test_features_that_meet_a_full_disk_say_so_and_leave_earlier_ones(
    parts: tuple[FaceIndex, FaceIndex],
    tiny_backbone: Path,
    tmp_path: Path,
    disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The room that was there when it was asked for is gone when the file is made.
    monkeypatch.setattr(feature_cache, "room", lambda *_: "")
    (disk / "features-earlier.npy").write_bytes(b"earlier")

    def run(name: str) -> Run:
        return training.train(
            QUICK.override(epochs=1),
            *parts,
            run_dir=tmp_path / name,
            features_dir=disk,
            backbone=tiny_backbone,
            progress=False,
        )

    leave(disk, 8192)
    with pytest.raises(OSError, match="room for frozen features.*No space left") as error:
        run("run")
    assert error.value.errno == errno.ENOSPC
    names = {path.name for path in disk.iterdir() if not path.name.endswith(".lock")}
    assert names == {"features-earlier.npy", "filling"}
    assert (disk / "features-earlier.npy").read_bytes() == b"earlier"
    leave(disk, SIZE)
    assert run("run").record["frozen_features"]["used"]
