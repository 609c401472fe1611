"""Files that are whole or not there, whoever else writes, and whatever lies at their place."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from maskedface import atomic_file as module
from maskedface.atomic_file import atomic_write

posix = pytest.mark.skipif(os.name != "posix", reason="modes, links and pipes are POSIX'")


def write(path: Path | str, text: str, *, private: bool = False) -> None:
    with atomic_write(path, private=private) as partial:
        Path(partial).write_text(text)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_takes_its_name_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "g.npz", "new")
    assert (tmp_path / "g.npz").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


def test_an_error_leaves_the_old_file_alone(tmp_path: Path) -> None:
    write(tmp_path / "g.npz", "old")
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "g.npz") as partial:
        Path(partial).write_text("half")
        raise ZeroDivisionError
    assert (tmp_path / "g.npz").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


# Each child writes its own letter, ever another length; a torn file has two letters or another length.
WRITER = """
import sys
from maskedface.atomic_file import atomic_write
path, letter = sys.argv[1:]
for length in range(1, 61):
    with atomic_write(path) as partial, open(partial, "w") as file:
        file.write(f"{length:06d}")
        file.flush()
        file.write(letter * length * 1000)
"""


# Two processes write for seconds.
@pytest.mark.long
def test_two_processes_that_write_one_file_leave_whole_ones(tmp_path: Path) -> None:
    path = tmp_path / "g.npz"
    write(path, "000000")
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), letter]) for letter in "ab"
    ]
    loads = 0
    while any(child.poll() is None for child in children):
        text = path.read_text()
        assert len(text) == 6 + 1000 * int(text[:6]) and len(set(text[6:])) <= 1
        loads += 1
    assert loads and [child.returncode for child in children] == [0, 0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["g.npz"]


def test_a_file_of_the_users_that_is_named_partial_stays(tmp_path: Path) -> None:
    mine = [tmp_path / "g.partial.npz", tmp_path / ".maskedface-mine.partial.npz"]
    for path in mine:
        path.write_text("mine")
    write(tmp_path / "g.npz", "new")
    assert [path.read_text() for path in mine] == ["mine", "mine"]


@posix
def test_a_link_stays_and_the_file_behind_it_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "g.npz", tmp_path / "g.npz"
    real.write_text("old")
    link.symlink_to(real)
    write(link, "new")
    assert link.is_symlink() and real.read_text() == "new"
    assert len(list(tmp_path.rglob("*"))) == 3


@posix
def test_a_link_to_nothing_makes_the_file_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "g.npz").symlink_to(tmp_path / "later" / "g.npz")
    write(tmp_path / "g.npz", "new")
    assert (tmp_path / "later" / "g.npz").read_text() == "new" and (tmp_path / "g.npz").is_symlink()


@posix
def test_a_link_to_itself_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "g.npz").symlink_to(tmp_path / "g.npz")
    with pytest.raises(OSError, match="must be writable.*g.npz"):
        write(tmp_path / "g.npz", "new")
    assert (tmp_path / "g.npz").is_symlink()


@posix
@pytest.mark.parametrize("kept", [0o600, 0o640, 0o644, 0o666])
def test_a_file_keeps_its_mode(tmp_path: Path, kept: int) -> None:
    (tmp_path / "g.npz").touch()
    (tmp_path / "g.npz").chmod(kept)
    write(tmp_path / "g.npz", "new")
    assert mode(tmp_path / "g.npz") == kept


@posix
def test_a_file_that_was_private_is_so_while_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "g.npz").touch(0o600)
    with atomic_write(tmp_path / "g.npz") as partial:
        assert mode(Path(partial)) == 0o600


@posix
def test_a_new_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write(tmp_path / "g.npz", "new", private=True)
    write(tmp_path / "m.csv", "new")
    (tmp_path / "plain").touch()
    assert mode(tmp_path / "g.npz") == 0o600
    assert mode(tmp_path / "m.csv") == mode(tmp_path / "plain")


@posix
def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe.json").read_text()))
    reader.start()
    write(tmp_path / "pipe.json", "new")
    reader.join()
    assert read == ["new"] and (tmp_path / "pipe.json").is_fifo()


@posix
def test_a_device_is_written_to_and_stays() -> None:
    write("/dev/null", "new")
    assert Path("/dev/null").is_char_device()


@posix
def test_nothing_is_written_to_a_pipe_when_there_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "pipe.json") as partial:
        Path(partial).write_text("half")
        raise ZeroDivisionError  # before it would wait for a reader


@pytest.mark.parametrize("path", ["-", pytest.param("/dev/stdout", marks=posix)])
def test_standard_output_comes_after_what_was_printed(
    path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    print("before")
    write(path, "new")
    print("after")
    assert capfd.readouterr().out == "before\nnewafter\n"
    assert not Path("-").exists()


@posix
def test_a_file_that_standard_output_goes_to_is_not_replaced(tmp_path: Path) -> None:
    code = "import sys; from tests.test_atomic_file import write\n"
    code += "print('before'); write(sys.argv[1], 'new\\n'); print('after')"
    with (tmp_path / "out.txt").open("w") as out:
        words = [sys.executable, "-c", code, str(tmp_path / "out.txt")]
        subprocess.run(words, stdout=out, check=True)
    assert (tmp_path / "out.txt").read_text() == "before\nnew\nafter\n"


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b" / "g.npz", "new")
    assert (tmp_path / "a" / "b" / "g.npz").read_text() == "new"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(OSError, match="must be writable.*'.*a'.*g.npz"):
        write(tmp_path / "a" / "g.npz", "new")


def test_a_folder_in_the_files_place_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="Is a directory"), atomic_write(tmp_path):
        pytest.fail("nothing may be computed for it")


def test_an_error_of_another_file_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error, atomic_write(tmp_path / "chips.npy"):
        (tmp_path / "photo.jpg").read_bytes()
    assert Path(error.value.filename).name == "photo.jpg" and "must be" not in str(error.value)


def test_a_name_of_255_bytes_is_written(tmp_path: Path) -> None:
    name = "ä" * 125 + ".json"
    write(tmp_path / name, "new")
    assert (tmp_path / name).read_text() == "new"


def test_the_place_has_the_files_ending(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "w.weights.h5") as partial:
        assert partial.endswith(".weights.h5")


KILLED = """
import os, signal, sys
from maskedface.atomic_file import atomic_write
with atomic_write(sys.argv[1]) as partial:
    open(partial, "w").write("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@posix
def test_what_a_killed_writer_left_is_removed_by_the_next_and_a_living_ones_stays(
    tmp_path: Path,
) -> None:
    module._sweep.cache_clear()  # it looks once a process into each folder
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "g.npz")], check=False)
    (left,) = tmp_path.iterdir()
    assert re.fullmatch(r"\.maskedface-.*\.partial\.g\.npz", left.name)
    elsewhere = re.sub("-[0-9a-f]{8}-", "-00000000-", left.name, count=1)  # on another host
    (tmp_path / elsewhere).touch()
    with atomic_write(tmp_path / "g.npz") as partial:
        Path(partial).write_text("new")
        module._sweep.cache_clear()
        write(tmp_path / "other.csv", "new")
        assert not left.exists() and Path(partial).exists() and (tmp_path / elsewhere).exists()
    assert {path.name for path in tmp_path.iterdir()} == {"g.npz", "other.csv", elsewhere}
