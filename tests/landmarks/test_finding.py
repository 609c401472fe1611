"""A whole index searched once: which face is taken, what is kept, what a kill costs."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface.datasets import Face, FaceIndex, Landmarks
from maskedface.images import in_threads
from maskedface.landmarks import Detection, align, find_landmarks
from maskedface.landmarks.finding import main_face

FIVE = np.array([(20.0, 20), (40, 20), (30, 30), (22, 40), (38, 40)])
GIVEN = Landmarks(((1, 2), (3, 2), (2, 3), (1, 4), (3, 4)), "given", 1)


class Fake:
    """Finds a face on every image whose first pixel is not black; stops after some images."""

    def __init__(self, stops_after: int | None = None) -> None:
        self.seen: list[int] = []
        self._stops_after = stops_after

    def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        if self._stops_after is not None and len(self.seen) >= self._stops_after:
            raise KeyboardInterrupt
        self.seen += [int(image[0, 0, 0]) for image in images]
        face = Detection((10, 10, 50, 50), FIVE, 0.8, "fake")
        return [(face,) if image[0, 0, 0] else () for image in images]


@pytest.fixture
def index(tmp_path: Path) -> FaceIndex:
    """Ten images; the first is black. The red of image n is n."""
    root = tmp_path / "images"
    root.mkdir()
    for n in range(10):
        Image.new("RGB", (60, 50), (n, 0, 0)).save(root / f"{n}.png")
    return FaceIndex(root, [Face(f"{n}.png", "somebody", "masked") for n in range(10)])


def test_every_image_has_its_finding(index: FaceIndex) -> None:
    aligned = align(index, Fake())
    assert sorted(aligned.findings) == [face.path for face in index.faces]
    assert aligned.counts == {"fake": 9, "not found": 1}
    assert aligned.index.faces[0].landmarks is None
    five = aligned.index.faces[1].landmarks
    assert five == Landmarks(tuple(map(tuple, FIVE)), "fake", 0.8)  # type: ignore[arg-type]
    assert find_landmarks(index, Fake()) == aligned.index


def test_an_unreadable_image_is_a_finding_and_the_rest_is_found(
    index: FaceIndex, caplog: pytest.LogCaptureFixture
) -> None:
    Path(index.root, "3.png").write_bytes(b"no image")
    Path(index.root, "4.png").unlink()
    with caplog.at_level(logging.WARNING, "maskedface"):
        aligned = align(index, Fake())
    assert aligned.counts == {"fake": 7, "unreadable": 2, "not found": 1}
    assert "must be an image" in aligned.findings["3.png"].problem
    assert "No such file" in aligned.findings["4.png"].problem
    assert "2 of 10 images could not be read" in caplog.text


def test_nothing_is_searched_twice(index: FaceIndex, tmp_path: Path) -> None:
    first, second = Fake(), Fake()
    aligned = align(index, first, store=tmp_path / "store.jsonl")
    assert align(index, second, store=tmp_path / "store.jsonl") == aligned
    assert first.seen == list(range(10)) and second.seen == []


def test_a_changed_image_is_searched_again(index: FaceIndex, tmp_path: Path) -> None:
    align(index, Fake(), store=tmp_path / "store.jsonl")
    Image.new("RGB", (64, 50), (77, 0, 0)).save(Path(index.root, "0.png"))
    again = Fake()
    aligned = align(index, again, store=tmp_path / "store.jsonl")
    assert again.seen == [77] and aligned.counts == {"fake": 10}


def test_what_could_not_be_read_is_tried_again(index: FaceIndex, tmp_path: Path) -> None:
    path = Path(index.root, "3.png")
    data, times = path.read_bytes(), path.stat().st_mtime_ns
    path.write_bytes(b"x" * len(data))
    os.utime(path, ns=(times, times))
    align(index, Fake(), store=tmp_path / "store.jsonl")
    path.write_bytes(data)  # of the same size and time, as after a changed permission
    os.utime(path, ns=(times, times))
    again = Fake()
    assert align(index, again, store=tmp_path / "store.jsonl").counts["fake"] == 9
    assert again.seen == [3]


def test_a_killed_search_goes_on(
    index: FaceIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_threads, "_PART", 2)
    killed, second = Fake(stops_after=6), Fake()
    with pytest.raises(KeyboardInterrupt):
        align(index, killed, store=tmp_path / "store.jsonl")
    aligned = align(index, second, store=tmp_path / "store.jsonl")
    assert killed.seen == [0, 1, 2, 3, 4, 5] and second.seen == [6, 7, 8, 9]
    assert aligned == align(index, Fake())


def test_rows_that_say_where_their_face_lies_stay(index: FaceIndex) -> None:
    first, second, *others = index.faces
    stated = FaceIndex(
        index.root,
        [first._replace(alignment="arcface"), second._replace(landmarks=GIVEN), *others],
        [("gone.png", "why")],
    )
    aligned = align(stated, Fake())
    assert aligned.index.faces[:2] == stated.faces[:2] and aligned.index.excluded == stated.excluded
    assert sorted(aligned.findings) == [face.path for face in others]


@pytest.mark.parametrize("processes", [0, -1, 2])
def test_a_detector_of_ones_own_works_here_alone(index: FaceIndex, processes: int) -> None:
    with pytest.raises(ValueError, match=f"processes must be .*Received: processes={processes}"):
        align(index, Fake(), processes=processes)


def test_points_in_one_place_are_no_face(index: FaceIndex) -> None:
    def degenerate(images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        return [(Detection((0, 0, 1, 1), np.full((5, 2), 7.001), 1.0, "x"),) for _ in images]

    assert align(index, degenerate).counts == {"not found": 10}


def test_points_that_round_to_one_place_are_no_face(index: FaceIndex) -> None:
    def tiny(images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        return [(Detection((0, 0, 1, 1), FIVE * 1e-5, 1.0, "x"),) for _ in images]

    assert align(index, tiny).counts == {"not found": 10}


def face(box: tuple[float, float, float, float], confidence: float = 0.9) -> Detection:
    return Detection(box, FIVE, confidence)


def test_of_equal_faces_the_middle_one_is_taken() -> None:
    faces = [face((0, 40, 20, 60)), face((40, 40, 60, 60)), face((80, 40, 100, 60))]
    assert main_face(faces, 100, 100) is faces[1]


def test_bystanders_at_the_edge_are_not_taken_though_they_are_surer() -> None:
    person, bystander = face((80, 60, 160, 150), 0.8), face((0, 0, 60, 60), 1.0)
    assert main_face([bystander, person], 200, 240) is person


def test_a_large_face_beside_the_middle_is_taken_before_a_small_one_in_it() -> None:
    large, small = face((10, 10, 90, 90)), face((95, 95, 105, 105))
    assert main_face([small, large], 200, 200) is large


def test_nothing_needs_a_face_where_nothing_is_wanted(tmp_path: Path) -> None:
    assert align(FaceIndex(tmp_path, [])).findings == {}


# Two processes import TensorFlow each.
@pytest.mark.long
def test_processes_need_no_script_that_can_be_run_again(drawn: FaceIndex, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from maskedface import datasets, landmarks\n"
        "index = datasets.rmfrd(sys.argv[1])\n"
        "aligned = landmarks.align(index, store=sys.argv[2], processes=2)\n"
        "print(len(aligned.findings), 'unreadable' in aligned.counts)\n"
    )
    words = [sys.executable, "-", drawn.root, str(tmp_path / "store.jsonl")]
    done = subprocess.run(words, input=code, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["32", "False"]
