from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from maskedface import datasets
from maskedface.datasets import Face, FaceIndex, Landmarks
from maskedface.datasets.manifest import read_protocols

FIVE = ((30.125, 40.0), (70.5, 41.25), (50, 60), (35, -0.001), (66, 80))


def make(root: Path, *names: str) -> FaceIndex:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return FaceIndex(
        root,
        [Face(name, name.split("/")[0], "masked", f"photo {name}", "arcface") for name in names],
    )


def with_landmarks(index: FaceIndex, path: str) -> FaceIndex:
    five = Landmarks(FIVE, "aligner", 0.875)
    rows = (f._replace(landmarks=five) if f.path == path else f for f in index.faces)
    return FaceIndex(index.root, rows)


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


@pytest.mark.parametrize("alignment", ["arcfac", None])
def test_an_unknown_alignment_is_refused_before_the_file_is_read(
    alignment: Any, tmp_path: Path
) -> None:
    for read in (datasets.read_manifest, partial(datasets.read_split, protocol="closed_set")):
        with pytest.raises(ValueError, match="alignment must be one of .* Received: alignment="):
            read(tmp_path / "missing.csv", alignment=alignment)


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
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        datasets.read_manifest(tmp_path / "m.csv")


def test_the_alignments_column_is_known_by_its_name_of_before(tmp_path: Path) -> None:
    make(tmp_path, "ada/0.jpg")
    (tmp_path / "m.csv").write_text(
        "path,person,domain,template,split\nada/0.jpg,ada,masked,dlib,train\n"
    )
    parts = datasets.read_split(tmp_path / "m.csv", "split")
    assert parts["train"].faces[0].alignment == "dlib"
    assert list(read_protocols(tmp_path / "m.csv")) == ["split"]


def test_landmarks_survive_the_manifest(tmp_path: Path) -> None:
    index = with_landmarks(make(tmp_path, "ada/0.jpg", "bo/0.jpg"), "bo/0.jpg")
    datasets.write_manifest(tmp_path / "m.csv", index)
    assert datasets.read_manifest(tmp_path / "m.csv").faces == index.faces
    lines = (tmp_path / "m.csv").read_text().splitlines()
    assert lines[0].endswith(
        ",alignment,landmarks,landmarks_source,landmarks_confidence,pixel_aspect"
    )
    assert lines[1].endswith(",arcface,,,,")
    assert lines[2].endswith(",30.12 40 70.5 41.25 50 60 35 0 66 80,aligner,0.875,1")


def test_a_manifest_without_landmarks_has_no_column_of_them(tmp_path: Path) -> None:
    datasets.write_manifest(tmp_path / "m.csv", make(tmp_path, "ada/0.jpg"))
    assert (tmp_path / "m.csv").read_text().splitlines()[0] == "path,person,domain,photo,alignment"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("1 2 3,given,1", "ten numbers"),
        ("1 2 3 4 5 6 7 8 9 x,given,1", "must be numbers"),
        ("1 2 3 4 5 6 7 8 9 nan,given,1", "five pairs .* of finite numbers"),
        ("1 2 1 2 1 2 1 2 1 2,given,1", "must not all coincide"),
        ("1 2 3 4 5 6 7 8 9 10,,1", "must all be filled, or none"),
        (",given,1", "must all be filled, or none"),
        ("1 2 3 4 5 6 7 8 9 10,given,2", r"confidence must be in \[0, 1\]"),
    ],
)
def test_wrong_landmarks_are_named_with_file_and_row(
    tmp_path: Path, cells: str, message: str
) -> None:
    make(tmp_path, "a.jpg", "b.jpg")
    head = "path,person,domain,landmarks,landmarks_source,landmarks_confidence"
    (tmp_path / "m.csv").write_text(f"{head}\na.jpg,ada,masked,,,\nb.jpg,ada,masked,{cells}\n")
    with pytest.raises(ValueError, match=rf"m.csv' row 3: .*{message}"):
        datasets.read_manifest(tmp_path / "m.csv")


def test_one_of_the_landmarks_columns_alone_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    (tmp_path / "m.csv").write_text("path,person,domain,landmarks\na.jpg,ada,masked,\n")
    with pytest.raises(
        ValueError, match=r"must have all of the columns .* with only \['landmarks'\]"
    ):
        datasets.read_manifest(tmp_path / "m.csv")


def test_the_other_columns_of_a_manifest_are_carried_over(tmp_path: Path) -> None:
    index = make(tmp_path, "ada/0.jpg", "bo/0.jpg", "cy/0.jpg")
    text = "path,person,domain,photo,alignment,open_set,note\n"
    for path, rest in (("ada/0.jpg", "train,"), ("bo/0.jpg", "test,a b"), ("cy/0.jpg", ",x")):
        text += f"{path},{path[:-6]},masked,photo {path},arcface,{rest}\n"
    (tmp_path / "m.csv").write_text(text)
    found = with_landmarks(index, "bo/0.jpg")
    protocols = read_protocols(tmp_path / "m.csv")
    datasets.write_manifest(tmp_path / "aligned.csv", found, protocols)
    assert datasets.read_split(tmp_path / "aligned.csv", "open_set")["test"].faces == (
        found.faces[1],
    )
    assert read_protocols(tmp_path / "aligned.csv")["note"].keys() == {"a b", "x"}
    bare = datasets.read_manifest(tmp_path / "m.csv")
    datasets.write_manifest(tmp_path / "again.csv", bare, protocols)
    assert (tmp_path / "again.csv").read_text().splitlines() == text.splitlines()


def test_a_protocol_cannot_be_called_as_a_column_is(tmp_path: Path) -> None:
    index = make(tmp_path, "ada/0.jpg")
    with pytest.raises(
        ValueError, match=r"not be named after a manifest column. Received: \['landmarks'\]"
    ):
        datasets.write_manifest(tmp_path / "m.csv", index, {"landmarks": {"train": index}})


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


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_manifests_of_spreadsheets_are_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    make(tmp_path, "José/0.jpg")
    text = "path,person , domain,split\nJosé/0.jpg,José,masked,train\n,,,\n".replace(",", delimiter)
    (tmp_path / "m.csv").write_bytes(text.encode(encoding))
    parts = datasets.read_split(tmp_path / "m.csv", "split")
    assert [face[:3] for face in parts["train"].faces] == [("José/0.jpg", "José", "masked")]


@pytest.mark.parametrize(
    ("encoding", "name", "path"),
    [
        ("cp1252", "José", "José/0.jpg"),
        ("gb18030", "冯", "冯/0.jpg"),
        ("cp1252", "José", "a/0.jpg"),
    ],
)
def test_another_encoding_is_named_with_the_header(
    tmp_path: Path, encoding: str, name: str, path: str
) -> None:
    make(tmp_path, path)
    text = f"path,person,domain\n{path},{name},masked\n"
    (tmp_path / "m.csv").write_bytes(text.encode(encoding))
    message = f"must be UTF-8 .* with the header 'path,person,domain'; in its row 2 .*{name}"
    with pytest.raises(ValueError, match=message):
        datasets.read_manifest(tmp_path / "m.csv")


def test_utf16_without_its_mark_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes("path,person,domain\n".encode("utf-16-le"))
    with pytest.raises(ValueError, match="UTF-16 must begin with a byte order mark"):
        datasets.read_manifest(tmp_path / "m.csv")


def test_a_wrong_header_is_shown(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("file|name|kind\na.jpg|ada|masked\n")
    with pytest.raises(ValueError, match=r"its header is 'file\|name\|kind'"):
        datasets.read_manifest(tmp_path / "m.csv")


def test_a_column_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,person,domain,person\na.jpg,ada,masked,bo\n")
    with pytest.raises(ValueError, match="column names must be unique"):
        datasets.read_manifest(tmp_path / "m.csv")


def test_parts_are_one_however_they_are_spelt(tmp_path: Path) -> None:
    make(tmp_path, "ada/0.jpg", "ada/1.jpg", "ada/2.jpg")
    rows = "".join(
        f"ada/{n}.jpg,ada,masked,{part}\n" for n, part in enumerate(("Train", "train ", " "))
    )
    (tmp_path / "m.csv").write_text(f"path,person,domain,split\n{rows}")
    parts = datasets.read_split(tmp_path / "m.csv", "split")
    assert {name: len(index) for name, index in parts.items()} == {"train": 2}
