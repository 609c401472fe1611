"""One process at a time, and a name for the one that is in the way."""

from __future__ import annotations

import errno
import logging
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from maskedface.locks import LockedError, locked

# Holds a lock until it reads a line, or for so many seconds.
HOLDER = """
import select, sys
from maskedface.locks import locked
with locked(sys.argv[1], what="enroll"):
    print("held", flush=True)
    select.select([sys.stdin], [], [], float(sys.argv[2]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "g.npz"


@pytest.fixture
def held(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock."""
    with hold(path, 60) as process:
        yield process
        process.kill()


def hold(path: Path, seconds: float) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", HOLDER, str(path), str(seconds)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_another_process_is_refused_and_told_who_holds_it(
    path: Path, held: subprocess.Popen[str]
) -> None:
    said = (
        f"must not be in use .*g.npz', held by process {held.pid} on '.+' since '20.+' to 'enroll'"
    )
    for _ in range(2):  # asking does not wipe the holder's note
        with pytest.raises(LockedError, match=said), locked(path, what="remove"):
            pytest.fail("two hold it")


def test_a_link_has_the_lock_of_its_file(path: Path, held: subprocess.Popen[str]) -> None:
    link = path.parent / "link.npz"
    link.symlink_to(path)
    with pytest.raises(LockedError), locked(link, what="remove"):
        pytest.fail("two hold it")


def test_a_killed_holder_holds_nothing(path: Path, held: subprocess.Popen[str]) -> None:
    os.kill(held.pid, signal.SIGKILL)
    held.wait()
    with locked(path, what="remove"):
        pass


def test_waiting_ends_when_the_holder_does(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        hold(path, 0.3) as process,
        caplog.at_level(logging.WARNING, "maskedface"),
        locked(path, what="remove", wait=math.inf),
    ):
        pass
    assert f"held by process {process.pid}" in caplog.text


def test_waiting_ends_after_its_seconds(path: Path, held: subprocess.Popen[str]) -> None:
    with pytest.raises(LockedError), locked(path, what="remove", wait=0.1):
        pytest.fail("two hold it")


def test_a_second_lock_of_one_process_is_refused(path: Path) -> None:
    with (
        locked(path, what="enroll"),
        pytest.raises(LockedError, match=f"process {os.getpid()} "),
        locked(path, what="remove"),
    ):
        pytest.fail("two hold it")


def test_it_is_free_after_an_error(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(path, what="enroll"):
        raise ZeroDivisionError
    with locked(path, what="enroll"):
        pass


def test_a_strange_note_names_nobody(path: Path, held: subprocess.Popen[str]) -> None:
    (path.parent / ".g.npz.lock").write_text("\x1b[31mno JSON")
    with pytest.raises(LockedError, match="held by another process$"), locked(path, what="remove"):
        pytest.fail("two hold it")


def test_a_full_disk_takes_the_note_and_not_the_lock(
    path: Path, held: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held.kill()
    held.wait()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with locked(path, what="enroll"):
            patch.undo()
            # Nor is the former holder named.
            with (
                pytest.raises(LockedError, match="held by another process$"),
                locked(path, what="x"),
            ):
                pytest.fail("two hold it")


@pytest.mark.parametrize("wait", [-1.0, math.nan])
def test_a_wait_of_no_time_is_refused(path: Path, wait: float) -> None:
    with (
        pytest.raises(ValueError, match="wait must be at least 0"),
        locked(path, what="x", wait=wait),
    ):
        pytest.fail("it holds")


COUNTER = """
import math, sys
from pathlib import Path
from maskedface.locks import locked
from maskedface.atomic_file import atomic_write
path = Path(sys.argv[1])
for _ in range(50):
    with locked(path, what="count", wait=math.inf):
        count = int(path.read_text())
        with atomic_write(path) as partial:
            Path(partial).write_text(str(count + 1))
"""


def test_two_processes_that_read_change_and_write_lose_nothing(path: Path) -> None:
    path.write_text("0")
    children = [subprocess.Popen([sys.executable, "-c", COUNTER, str(path)]) for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    assert path.read_text() == "100"


def test_the_library_is_imported_where_fcntl_is_not() -> None:
    """As on Windows; what needs a GPU's package there is not ours."""
    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); sys.modules['fcntl'] = None\n"
        "import maskedface.locks, maskedface.atomic_file, maskedface.datasets, maskedface.cli.enroll"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
