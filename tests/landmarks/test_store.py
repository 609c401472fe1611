"""Findings that are kept: read again, torn, stale, appended by two, refused by the disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from maskedface.datasets import Face, FaceIndex, Landmarks
from maskedface.landmarks.store import Finding, Store, default_store

FIVE = Landmarks(((1.25, 2), (3, 2), (2, 3), (1, -4.5), (3, 4)), "aligner", 0.1234)
FINDINGS = {
    "a/1.jpg": Finding(FIVE),
    "a/2.jpg": Finding(),
    "b/3.jpg": Finding(problem='file must be an image: "b/3.jpg", (cut)'),
}


@pytest.fixture
def index(tmp_path: Path) -> FaceIndex:
    return made(tmp_path / "images", *FINDINGS)


def made(root: Path, *paths: str) -> FaceIndex:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("image")
    return FaceIndex(root, [Face(path, "somebody", "masked") for path in paths])


def test_findings_are_read_again(index: FaceIndex, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "store.jsonl"
    store = Store(path)
    store.add(index.root, FINDINGS)
    assert store.known(index) == Store(path).known(index) == FINDINGS
    assert len(Store(path)) == 3


def test_without_a_file_they_are_kept_in_memory(index: FaceIndex) -> None:
    store = Store(None)
    store.add(index.root, FINDINGS)
    assert store.known(index) == FINDINGS


def test_only_rows_of_the_index_are_given(index: FaceIndex) -> None:
    store = Store(None)
    store.add(index.root, FINDINGS)
    assert list(store.known(index.where(lambda face: face.path == "a/2.jpg"))) == ["a/2.jpg"]


@pytest.mark.parametrize("cut", range(1, 78, 4))
def test_a_torn_line_costs_its_own_row_alone(index: FaceIndex, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "store.jsonl"
    Store(path).add(index.root, {"a/1.jpg": FINDINGS["a/1.jpg"]})
    Store(path).add(index.root, {"b/3.jpg": FINDINGS["b/3.jpg"]})  # it has quotation marks
    path.write_bytes(path.read_bytes()[:-cut])
    assert Store(path).known(index)["a/1.jpg"] == FINDINGS["a/1.jpg"]
    Store(path).add(index.root, {"a/2.jpg": FINDINGS["a/2.jpg"]})
    known = Store(path).known(index)
    assert known["a/1.jpg"] == FINDINGS["a/1.jpg"] and known["a/2.jpg"] == FINDINGS["a/2.jpg"]
    assert ("b/3.jpg" in known) == (cut == 1)  # its line's end is no part of it


def test_lines_of_anything_are_passed_over(index: FaceIndex, tmp_path: Path) -> None:
    path = tmp_path / "store.jsonl"
    path.write_bytes(
        b'"' + b"x" * 200_000 + b"\n\xff\xfe[]\na/1.jpg,1,2,1 2 3,aligner,9,,.\n\n[]\n7\n"
        b'["a/1.jpg", 5, 6, {"points": []}, ""]\n[["a"], 5, 6, null, ""]\n' + b"[" * 100_000
    )
    store = Store(path)
    store.add(index.root, FINDINGS)
    assert Store(path).known(index) == FINDINGS


@pytest.mark.parametrize("change", ["size", "time", "gone"])
def test_a_changed_file_is_not_known(index: FaceIndex, tmp_path: Path, change: str) -> None:
    path = tmp_path / "store.jsonl"
    Store(path).add(index.root, FINDINGS)
    file = Path(index.root, "a/1.jpg")
    if change == "size":
        times = file.stat().st_mtime_ns
        file.write_text("longer than before")
        os.utime(file, ns=(times, times))
    elif change == "time":
        os.utime(file, ns=(0, 1))
    else:
        file.unlink()
    assert sorted(Store(path).known(index)) == ["a/2.jpg", "b/3.jpg"]


def test_the_last_finding_of_a_file_counts(index: FaceIndex, tmp_path: Path) -> None:
    path = tmp_path / "store.jsonl"
    Store(path).add(index.root, {"a/2.jpg": Finding()})
    Store(path).add(index.root, {"a/2.jpg": Finding(FIVE)})
    assert Store(path).known(index) == {"a/2.jpg": Finding(FIVE)}


@pytest.mark.parametrize(
    "name",
    [os.fsdecode(b"\xc4\xe3\xba\xc3.jpg"), 'a, "b".jpg', "path", "愛.jpg", " .jpg", "a\x85b.jpg"],
)
def test_any_file_name_is_kept(tmp_path: Path, name: str) -> None:
    index = made(tmp_path / "images", name)
    Store(tmp_path / "store.jsonl").add(index.root, {name: Finding(FIVE)})
    assert Store(tmp_path / "store.jsonl").known(index) == {name: Finding(FIVE)}


def test_names_and_problems_with_a_line_break_are_kept(tmp_path: Path) -> None:
    index = made(tmp_path / "images", "a\nb.jpg", "c.jpg")
    findings = {"a\nb.jpg": Finding(FIVE), "c.jpg": Finding(problem="two\nlines")}
    Store(tmp_path / "store.jsonl").add(index.root, findings)
    assert Store(tmp_path / "store.jsonl").known(index) == findings


# Two processes import TensorFlow each.
@pytest.mark.long
def test_two_processes_append(tmp_path: Path) -> None:
    paths = [f"{who}/{n}.jpg" for who in "ab" for n in range(300)]
    index = made(tmp_path / "images", *paths)
    code = (
        "import sys\n"
        "from maskedface.landmarks.store import Finding, Store\n"
        "store = Store(sys.argv[1])\n"
        "for n in range(300):\n"
        "    store.add(sys.argv[2], {f'{sys.argv[3]}/{n}.jpg': Finding()})\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "store.jsonl"), index.root]
    both = [subprocess.Popen([*words, who]) for who in "ab"]
    assert [one.wait() for one in both] == [0, 0]
    assert sorted(Store(tmp_path / "store.jsonl").known(index)) == sorted(paths)


def test_a_file_that_cannot_be_written_is_an_error_before_anything_is_searched(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        OSError, match="must be writable; set .MASKEDFACE_CACHE.*Received: .*file/store.jsonl"
    ):
        Store(tmp_path / "file" / "store.jsonl")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="must be writable"):
        Store(tmp_path / "folder")


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    Store(tmp_path / "store.jsonl")
    assert (tmp_path / "store.jsonl").stat().st_mode & 0o077 == 0


def test_the_default_file_is_one_a_folder_and_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "link").symlink_to(tmp_path)
    one = default_store(tmp_path, "cascade")
    assert os.path.dirname(one) == str(tmp_path / "cache")
    assert one == default_store(tmp_path / "link", "cascade")
    assert one not in (default_store(tmp_path, "other"), default_store(tmp_path / "x", "cascade"))
    default_store(os.fsdecode(b"\xff"), "cascade")
    monkeypatch.delenv("MASKEDFACE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert default_store(tmp_path, "cascade").startswith("/xdg/maskedface/landmarks-")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/x")
    assert default_store(tmp_path, "cascade").startswith("/home/x/.cache/maskedface/landmarks-")


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        (Finding(FIVE), "aligner"),
        (Finding(), "not found"),
        (Finding(problem="cut"), "unreadable"),
    ],
)
def test_states(finding: Finding, state: str) -> None:
    assert finding.state == state
