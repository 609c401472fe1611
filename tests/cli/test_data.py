"""The words that say which images a command reads, and where their faces lie."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from maskedface import datasets, training
from maskedface.cli import data
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex, Landmarks
from maskedface.datasets.face_places import as_whole_images, is_placed
from maskedface.recipes import FROZEN_MEANS

FIVE = Landmarks(((22, 30), (42, 30), (32, 41), (24, 53), (41, 53)), "aligner", 0.5)


def words(*given: str | Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    data.add_data_arguments(parser)
    data.add_split_arguments(parser)
    return parser.parse_args(list(map(str, given)))


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[FaceIndex]:
    """The indexes whose faces are looked for; found is the first."""
    seen: list[FaceIndex] = []

    def find_landmarks(index: FaceIndex, **_: Any) -> FaceIndex:
        seen.append(index)
        first, *others = index.faces
        return FaceIndex(index.root, [first._replace(landmarks=FIVE), *others], index.excluded)

    module = ModuleType("maskedface.landmarks")
    module.find_landmarks = find_landmarks  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "maskedface.landmarks", module)
    return seen


@pytest.fixture
def bare(drawn: FaceIndex) -> FaceIndex:
    return datasets.rmfrd(drawn.root)


@pytest.mark.parametrize(
    ("given", "faces", "stated", "finds"),
    [
        ([], "aligned", False, True),
        ([], "aligned", True, False),
        ([], "whole", False, False),
        (["--landmarks", "find"], "whole", True, True),
        (["--landmarks", "none"], "aligned", False, False),
    ],
)
def test_faces_are_looked_for_where_nothing_says_where_they_lie(
    given: list[str],
    faces: str,
    stated: bool,
    finds: bool,
    drawn: FaceIndex,
    bare: FaceIndex,
    searched: list[FaceIndex],
) -> None:
    index = drawn if stated else bare
    (found,) = data.placed(words(*given), faces, index)
    assert searched == ([index] if finds else [])
    assert found.faces[0].landmarks == (FIVE if finds else None)
    assert found.faces[1:] == index.faces[1:]


def test_parts_are_searched_together_and_keep_their_rows(
    bare: FaceIndex, searched: list[FaceIndex], capsys: pytest.CaptureFixture[str]
) -> None:
    parts = datasets.split_by_image(bare)
    found = data.placed(words(), "aligned", *parts)
    assert searched == [bare]
    assert [[face.path for face in part.faces] for part in found] == [
        [face.path for face in part.faces] for part in parts
    ]
    assert capsys.readouterr().out == (
        "faces: 1 of 32 located by landmarks found now, 0 by a stated alignment; 31 images used whole\n"
    )


def test_none_drops_what_the_rows_say(drawn: FaceIndex) -> None:
    (found,) = data.placed(words("--landmarks", "none"), "aligned", drawn)
    assert not any(map(is_placed, found.faces))


def test_a_file_gives_landmarks_to_the_parts_that_it_names(
    bare: FaceIndex, tmp_path: Path, searched: list[FaceIndex]
) -> None:
    train, test = datasets.split_by_image(bare)
    rows = [face._replace(landmarks=FIVE) for face in test.faces]
    datasets.write_manifest(tmp_path / "aligned.csv", FaceIndex(bare.root, rows))
    given = words("--landmarks", tmp_path / "aligned.csv")
    found = data.placed(given, "aligned", train, test)
    assert found[0] == train and {face.landmarks for face in found[1].faces} == {FIVE}
    assert not searched


def test_people_are_left_out_of_both_parts_of_a_protocol(drawn: FaceIndex, tmp_path: Path) -> None:
    index = FaceIndex(
        drawn.root,
        [
            f._replace(person={"person_0000": "ImranKhan"}.get(f.person, f.person))
            for f in drawn.faces
        ],
    )
    train, test = datasets.split_by_image(index)
    datasets.write_manifest(tmp_path / "m.csv", index, {"closed": {"train": train, "test": test}})
    given = words("--data", drawn.root, "--manifest", tmp_path / "m.csv", "--protocol", "closed")
    assert "ImranKhan" in data.read_parts(given)[1].people
    given.without_people = "mfr2"
    assert [part.people for part in data.read_parts(given)] == [drawn.people[1:]] * 2


def test_nobody_left_is_refused(drawn: FaceIndex) -> None:
    given = words("--data", drawn.root, "--without-people", ",".join(drawn.people))
    with pytest.raises(ValueError, match="--without-people must leave at least one person"):
        data.read_index(given)


def test_an_audit_looks_for_no_face_unless_it_is_told_to(
    bare: FaceIndex, tmp_path: Path, searched: list[FaceIndex]
) -> None:
    clean = tmp_path / "clean.csv"
    command = ["audit", "--data", bare.root, "--no-domain-check", "--write-clean", str(clean)]
    assert main(command) == 0 and not searched
    assert main([*command, "--landmarks", "find"]) == 0 and searched
    rows = datasets.read_manifest(clean, root=bare.root)
    assert [face.landmarks for face in rows.faces[:2]] == [FIVE, None]


@pytest.mark.parametrize("stated", [True, False])
def test_other_images_are_shown_to_a_run_as_its_own_were(
    stated: bool,
    drawn: FaceIndex,
    bare: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    searched: list[FaceIndex],
) -> None:
    train, test = datasets.split_by_image(drawn if stated else bare)
    training.train(
        FROZEN_MEANS, train, test, run_dir=tmp_path / "run", backbone=tiny_backbone, progress=False
    )
    datasets.write_manifest(tmp_path / "m.csv", as_whole_images(test))
    others = ["--manifest", str(tmp_path / "m.csv"), "--data", drawn.root]
    assert main(["evaluate", str(tmp_path / "run"), *others]) == 0
    assert len(searched) == stated


def test_what_is_left_out_when_listing_is_said_with_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ada/0.jpg", "ada/film.mp4", "bo/scan.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    data.read_index(words("--data", tmp_path, "--domain", "masked"))
    assert capsys.readouterr().out == (
        "3 files excluded (maskedface audit lists them): 2 no image file extension, "
        "1 a person's folder without images\n"
    )


def test_rows_of_other_parts_and_of_none_are_counted(
    drawn: FaceIndex, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = [FaceIndex(drawn.root, drawn.faces[start::4]) for start in range(3)]
    parts = dict(zip(("Train", "test ", "val"), cut, strict=True))
    datasets.write_manifest(tmp_path / "m.csv", drawn, {"split": parts})
    given = words("--data", drawn.root, "--manifest", tmp_path / "m.csv", "--protocol", "split")
    assert [len(part) for part in data.read_parts(given)] == [8, 8]
    assert "--protocol split: rows not used: 8 of 'val', 8 of no part" in capsys.readouterr().out


def test_a_split_tree_is_refused_by_audit_with_how_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("train/ada/0.jpg", "val/ada/0.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    for more in ([], ["--domain", "unmasked"]):
        assert main(["audit", "--data", str(tmp_path), *more]) == 2
        assert f"Pass one of them, such as '{tmp_path}/train'" in capsys.readouterr().err
