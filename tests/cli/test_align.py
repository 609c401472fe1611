"""`maskedface align`: drawn people whose faces lie nowhere stated, found, counted, cut out, trained on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface import datasets, images, synthetic
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex, Landmarks
from maskedface.datasets.manifest import read_protocols


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def people(tmp_path: Path) -> FaceIndex:
    """Two people at a place of larger images, in RMFRD's layout; nothing says where they lie."""
    root = tmp_path / "DATA"
    for face in synthetic.draw_people(root, people=2, photos=2, size=112).faces:
        canvas = np.full((160, 190, 3), 110, np.uint8)
        canvas[30:142, 50:162] = images.read_image(root / face.path)
        Image.fromarray(canvas).save(root / face.path, quality=95)
    return datasets.rmfrd(root)


def align(index: FaceIndex, out: Path, *words: str | Path) -> int:
    return main(["align", "--data", index.root, "--out", str(out), *map(str, words)])


def test_people_are_found_and_their_manifest_says_where(
    people: FaceIndex, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "aligned.csv"
    assert align(people, out) == 0
    read = datasets.read_manifest(out, root=people.root)
    assert [face.path for face in read.faces] == [face.path for face in people.faces]
    for face in read.faces:
        assert face.landmarks is not None and face.alignment == ""
        eyes = np.array(face.landmarks.points[:2]) - (50, 30)
        assert abs(eyes - ((38, 52), (74, 52))).max() < 12
    text = capsys.readouterr().out
    assert "8 images, 8 of them with landmarks" in text
    assert f"maskedface train --data {people.root} --landmarks {out}" in text
    with Image.open(tmp_path / "new" / "aligned.worst.png") as sheet:
        assert sheet.format == "PNG"
    placed = datasets.apply_landmarks(people, out)
    assert placed.faces == read.faces


def test_what_has_no_face_or_is_no_image_is_named_and_the_code_is_1(
    people: FaceIndex, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (120, 120), (90, 90, 90)).save(Path(people.root, people.faces[0].path), "JPEG")
    Path(people.root, people.faces[1].path).write_bytes(b"no image")
    out, facts = tmp_path / "aligned.csv", tmp_path / "facts" / "sum.json"
    assert align(people, out, "--json", facts, "--sheet", "none") == 1
    summary = json.loads(facts.read_text())
    assert summary["not_found"] == [people.faces[0].path]
    assert list(summary["unreadable"]) == [people.faces[1].path]
    assert summary["images"] == 8
    assert sum(sum(of.values()) for of in summary["states"].values()) == 8
    assert summary["states"]["not found"] == {"masked": 0, "unmasked": 1}
    text = capsys.readouterr().out
    assert f"1 not found\n    {people.faces[0].path}" in text
    assert "1 unreadable\n" in text and "must be an image" in text
    assert not list(tmp_path.glob("*.png"))
    rows = datasets.read_manifest(out, root=people.root).faces
    assert len(rows) == 8 and sum(face.landmarks is None for face in rows) == 2


def test_protocols_are_carried_and_rows_that_say_it_stay(people: FaceIndex, tmp_path: Path) -> None:
    five = Landmarks(((88, 82), (124, 82), (106, 102), (92, 122), (121, 122)), "given", 1)
    first, second, *others = people.faces
    rows = FaceIndex(
        people.root,
        [first._replace(landmarks=five), second._replace(alignment="arcface", photo="p"), *others],
    )
    train, test = datasets.split_by_image(rows, train_fraction=0.5, seed=0)
    manifest, out = tmp_path / "faces.csv", tmp_path / "aligned.csv"
    datasets.write_manifest(manifest, rows, {"closed": {"train": train, "test": test}, "open": {}})
    facts = tmp_path / "sum.json"
    assert align(people, out, "--manifest", manifest, "--json", facts) == 0
    states = json.loads(facts.read_text())["states"]
    assert states["landmarks before"] == states["alignment stated"] == {"masked": 0, "unmasked": 1}
    assert sum(sum(of.values()) for of in states.values()) == 8
    read = datasets.read_manifest(out, root=people.root)
    assert read.faces[:2] == rows.faces[:2]
    parts = read_protocols(out, root=people.root)
    assert list(parts) == ["closed", "open"]
    assert {face.path for face in parts["closed"]["test"].faces} == {
        face.path for face in test.faces
    }


def test_protocols_of_rows_that_were_left_out_go_with_them(
    people: FaceIndex, tmp_path: Path
) -> None:
    manifest, out = tmp_path / "faces.csv", tmp_path / "aligned.csv"
    datasets.write_manifest(manifest, people, {"closed": {"train": people}})
    assert align(people, out, "--manifest", manifest, "--without-people", "person_0000") == 0
    assert len(read_protocols(out)["closed"]["train"]) == 4


def test_crops_are_read_and_say_their_alignment(people: FaceIndex, tmp_path: Path) -> None:
    manifest = tmp_path / "faces.csv"
    datasets.write_manifest(manifest, people, {"closed": {"train": people}})
    words = ["--manifest", manifest, "--crops", tmp_path / "CROPS", "--crops-size", "96"]
    facts = tmp_path / "sum.json"
    assert align(people, tmp_path / "aligned.csv", *words, "--json", facts) == 0
    crops = datasets.read_split(tmp_path / "CROPS" / "manifest.csv", "closed")["train"]
    assert len(crops) == 8 and {face.alignment for face in crops.faces} == {"arcface"}
    for face, path in zip(crops.faces, crops.paths, strict=True):
        assert images.read_image(path).shape == (96, 96, 3)
        assert Path(people.root, face.path).is_file()
    assert json.loads(facts.read_text())["crops"]["images"] == 8
    assert main(["audit", "--manifest", str(tmp_path / "CROPS" / "manifest.csv")]) == 0


def test_a_second_search_reads_what_the_first_found(
    people: FaceIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert align(people, tmp_path / "a.csv") == 0

    def searched(*_: object) -> None:
        raise AssertionError("searched again")

    monkeypatch.setattr("maskedface.landmarks.finding.Cascade", searched)
    assert align(people, tmp_path / "b.csv") == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_names_that_do_not_decode_are_written_and_printed(
    people: FaceIndex, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = os.fsdecode(b"AFDB_face_dataset/person_0000/\xc4\xe3.jpg")
    Image.new("RGB", (120, 120), (90, 90, 90)).save(Path(people.root, odd), "JPEG")
    assert align(people, tmp_path / "a.csv", "--json", tmp_path / "a.json") == 1
    assert json.loads((tmp_path / "a.json").read_text())["not_found"] == [odd]
    assert "\ufffd" in capsys.readouterr().out
    rows = datasets.read_manifest(tmp_path / "a.csv", root=people.root)
    assert odd in [face.path for face in rows.faces]


def test_bad_words_are_refused_before_anything_is_searched(
    people: FaceIndex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def searched(*_: object, **__: object) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr("maskedface.landmarks.finding._search", searched)
    out, manifest = tmp_path / "a.csv", tmp_path / "faces.csv"
    datasets.write_manifest(manifest, people)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").write_text("")
    bad: list[tuple[Path, list[str | Path], str]] = [
        (tmp_path / "a.txt", [], "--out must end in .csv"),
        (tmp_path / "folder.csv", [], "an output must be a file, not a folder"),
        (tmp_path / "file" / "a.csv", [], "file"),
        (manifest, ["--manifest", manifest], "an output must be a file of its own"),
        (out, ["--sheet", "sheet.csv"], "--sheet must end in .png"),
        (out, ["--json", "sum.txt"], "--json must end in .json"),
        (out, ["--crops", people.root], "folder must be outside the images' folder"),
        (out, ["--crops", tmp_path / "C", "--crops-alignment", "x"], "alignment must be one of"),
        (out, ["--domain", "masked"], "read both with --data"),
        (out, ["--min-masked", "9"], "--min-masked must leave"),
    ]
    for target, words, message in bad:
        assert align(people, target, *words) == 2, words
        assert message in capsys.readouterr().err
    assert main(["align", "--out", str(out)]) == 2
    assert not out.exists()


def test_a_cache_that_cannot_be_written_is_a_user_error(
    people: FaceIndex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path / "file"))
    assert align(people, tmp_path / "a.csv") == 2
    assert "set $MASKEDFACE_CACHE to use another folder" in capsys.readouterr().err
