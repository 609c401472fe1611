from __future__ import annotations

import os
from pathlib import Path

import pytest

from maskedface import datasets
from maskedface.datasets import Face, FaceIndex


def make(root: Path, *names: str) -> FaceIndex:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return FaceIndex(
        root, [Face(name, name.split("/")[0], "masked", f"photo {name}", "arcface") for name in names]
    )


def test_a_manifest_gives_back_the_index(tmp_path: Path) -> None:
    index = make(tmp_path, "ada/0.jpg", 'bo/a "quoted", name.jpg', "bo/line\nbreak.jpg")
    datasets.write_manifest(tmp_path / "m.csv", index)
    assert datasets.read_manifest(tmp_path / "m.csv") == FaceIndex(str(tmp_path), index.faces)


def test_names_that_do_not_decode_survive_the_manifest(tmp_path: Path) -> None:
    name = os.fsdecode("ada/冯.jpg".encode("gbk"))
    index = make(tmp_path, name)
    datasets.write_manifest(tmp_path / "m.csv", index)
    assert datasets.read_manifest(tmp_path / "m.csv").faces == index.faces


def test_a_split_gives_back_its_parts(tmp_path: Path) -> None:
    index = make(tmp_path, "ada/0.jpg", "ada/1.jpg", "bo/0.jpg")
    parts = {
        "train": index.where(lambda face: face.path == "ada/0.jpg"),
        "test": index.where(lambda face: face.path == "ada/1.jpg"),
    }
    datasets.write_manifest(tmp_path / "m.csv", index, {"closed_set": parts})
    read = datasets.read_split(tmp_path / "m.csv", "closed_set")
    assert {part: rows.faces for part, rows in read.items()} == {
        part: rows.faces for part, rows in parts.items()
    }


def test_a_foreign_manifest_needs_three_columns_only(tmp_path: Path) -> None:
    make(tmp_path, "ada/0.jpg")
    (tmp_path / "m.csv").write_text("path,person,domain\nada/0.jpg,ada,unmasked\n")
    assert datasets.read_manifest(tmp_path / "m.csv", alignment="dlib").faces == (
        Face("ada/0.jpg", "ada", "unmasked", "", "dlib"),
    )


def test_a_missing_file_is_named_and_counted(tmp_path: Path) -> None:
    index = make(tmp_path, "ada/0.jpg", "ada/1.jpg")
    datasets.write_manifest(tmp_path / "m.csv", index)
    (tmp_path / "ada/1.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 2 missing .* the first .*ada/1.jpg"):
        datasets.read_manifest(tmp_path / "m.csv")
    assert len(datasets.read_manifest(tmp_path / "m.csv", check_files=False)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,person\na.jpg,ada\n", r"must have the columns .* without \['domain'\]"),
        ("path,person,domain\n", "at least one row"),
        ("", "must have the columns"),
        ("path,person,domain\na.jpg,ada\n", "as many cells as the header. Received: .* row 2"),
        ("path,person,domain\na.jpg,ada,masked,x\n", "as many cells as the header"),
        ("path,person,domain\na.jpg,ada,veiled\n", "domain must be one of"),
        (
            "path,person,domain,template\na.jpg,ada,masked,arcface\n",
            "must be named 'alignment': rename the column. Received: .* column 'template'",
        ),
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        datasets.read_manifest(tmp_path / "m.csv")


def test_an_unknown_protocol_is_refused_with_those_there_are(tmp_path: Path) -> None:
    index = make(tmp_path, "ada/0.jpg")
    datasets.write_manifest(tmp_path / "m.csv", index, {"open_set": {"train": index}})
    with pytest.raises(ValueError, match=r"one of \['open_set'\]. Received: protocol='closed_set'"):
        datasets.read_split(tmp_path / "m.csv", "closed_set")


def test_a_row_cannot_be_written_into_two_parts(tmp_path: Path) -> None:
    index = make(tmp_path, "ada/0.jpg")
    with pytest.raises(ValueError, match="must be in one part"):
        datasets.write_manifest(tmp_path / "m.csv", index, {"s": {"train": index, "test": index}})
    assert not (tmp_path / "m.csv").exists()
