"""A gallery that threads and processes share, and one whose file is damaged by a bit."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface.evaluation import Cohort
from maskedface.evaluation.scoring import normalized
from maskedface.recognition import Gallery, gallery_file
from maskedface.recognition.remembered import Remembered
from tests.recognition.galleries import thresholds

FEATURES = 32
ALWAYS = 40  # people who are enrolled all the time
# Five processes that read and change one file: init, write, remove, read; each for so many seconds.
WORKER = Path(__file__).with_name("gallery_worker.py")


def face(name: str) -> np.ndarray:
    """A person's embedding: a function of their name, so that every answer can be checked."""
    return np.random.default_rng([*name.encode()]).normal(size=FEATURES)


def check(gallery: Gallery, name: str) -> bool:
    """Whether everybody found for a person's face is there with their own score."""
    found = gallery.search(face(name), 5)
    probe = normalized(face(name)[None])[0]
    own = normalized(np.stack([face(one.person) for one in found])) @ probe
    return bool(np.abs(own - [one.score for one in found]).max() < 1e-4)


def run_threads(gallery: Gallery, path: Path, seconds: float) -> tuple[set[str], dict[str, int]]:
    """Two writers, two readers (one also saves and loads) and a remover; who should be enrolled in the end,
    and how often each thing was done."""
    end, done, wrong = (
        time.monotonic() + seconds,
        dict.fromkeys(("a", "b", "gone", "read", "load"), 0),
        [],
    )
    waiting: list[str] = []

    def write(who: str) -> None:
        for number in count():
            name = f"{who}{number}"
            gallery.enroll([name], face(name)[None])
            done[who] += 1
            if number % 2:
                waiting.append(name)
            if time.monotonic() > end:
                return

    def remove() -> None:
        while time.monotonic() < end or waiting:
            if not waiting:
                time.sleep(0.001)
                continue
            gallery.remove(waiting[0])
            waiting.pop(0)
            done["gone"] += 1

    def read(saves: bool) -> None:
        for number in count():
            name = f"p{number % ALWAYS}"
            known = gallery
            if saves and number % 20 == 0:
                gallery.save(path)
                known, done["load"] = Gallery.load(path), done["load"] + 1
            if known.search(face(name))[0].person != name or not check(known, name):
                wrong.append(name)
            done["read"] += not saves
            if time.monotonic() > end:
                return

    writers = [lambda: write("a"), lambda: write("b"), remove]
    failed = in_threads([*writers, lambda: read(False), lambda: read(True)])
    assert (failed, wrong) == ([], [])
    for name in waiting:  # enrolled when the remover had ended already
        gallery.remove(name)
    left = {f"{who}{n}" for who in "ab" for n in range(done[who]) if n % 2 == 0}
    return left | {f"p{n}" for n in range(ALWAYS)}, done


def in_threads(works: list[Callable[[], None]]) -> list[BaseException]:
    failed: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=[work], daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


# Slow: a minute.
@pytest.mark.parametrize("seconds", [1, pytest.param(60, marks=pytest.mark.slow)])
def test_threads_that_share_a_gallery_lose_and_mistake_nobody(tmp_path: Path, seconds: int) -> None:
    gallery = Gallery("f00d")
    names = [f"p{n}" for n in range(ALWAYS)]
    gallery.enroll(names, np.stack([face(name) for name in names]))
    expected, done = run_threads(gallery, tmp_path / "g.npz", seconds)
    print(done)  # with `-s`: what docs/reliability.md says
    assert gallery.people.keys() == expected


@pytest.mark.long  # five processes import TensorFlow, then work for some seconds
def test_processes_that_share_a_file_lose_and_mistake_nobody(tmp_path: Path) -> None:
    gallery = Gallery("f00d")
    names = [f"p{n}" for n in range(ALWAYS)]
    gallery.enroll(names, np.stack([face(name) for name in names]))
    gallery.save(tmp_path / "g.npz")
    works = ["a", "b", "remove", "read", "read"]
    workers = [
        subprocess.Popen(
            [sys.executable, str(WORKER), work, str(tmp_path), "15"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for work in works
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    done = [json.loads(worker.communicate()[0]) for worker in workers]
    print(dict(zip(works, done, strict=True)))
    assert [worker.returncode for worker in workers] == [0] * 5
    written = [f"{who}{n}" for who, n in zip("ab", done, strict=False) for n in range(n)]
    removed = (tmp_path / "removed.txt").read_text().split()
    assert done[2] == len(removed) > 0
    left = {*names, *written} - {*removed}
    assert Gallery.load(tmp_path / "g.npz").people.keys() == left


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of three people with a cohort, thresholds and photographs, some 3.7 kB."""
    rng = np.random.default_rng(0)
    gallery = Gallery("f00d", cohort=Cohort(rng.normal(size=(6, 4)), 2), masks=3)
    points = tuple((float(n), float(2 * n)) for n in range(5))
    photos = [
        Remembered("/photos/ada.jpg", "ab" * 32, ""),
        Remembered("", "", points, b"what a JPEG file holds"),
        None,
    ]
    gallery.enroll(["ada", "bo", "cy"], rng.normal(size=(3, 4)), photos)
    gallery.calibration = thresholds()
    path = tmp_path_factory.mktemp("small") / "g.npz"
    gallery.save(path)
    return path


def values(path: Path) -> Any:
    facts, arrays = gallery_file.read(path)
    return facts, {
        name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()
    }


# Slow: every bit of the file.
@pytest.mark.parametrize("step", [61, pytest.param(1, marks=pytest.mark.slow)])
def test_a_flipped_bit_changes_no_value_in_silence(small: Path, tmp_path: Path, step: int) -> None:
    whole, wanted = small.read_bytes(), values(small)
    damaged = tmp_path / "damaged.npz"
    refused = same = 0
    for bit in range(0, 8 * len(whole), step):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        damaged.write_bytes(data)
        try:
            assert values(damaged) == wanted, f"bit {bit} changes a value"
            same += 1
        except ValueError as error:
            assert "must be" in str(error) or "must hold" in str(error), f"bit {bit}: {error}"
            refused += 1
    print(f"{refused} refused, {same} the same")
    assert refused > same
