"""cluster: from unsorted photographs to folders that enroll takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from maskedface.cli.main import main
from maskedface.recognition import Gallery
from maskedface.synthetic import draw_people
from tests.faces import draw_face


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People known apart."""
    root = tmp_path_factory.mktemp("known")
    draw_people(str(root), people=16, photos=2, masked_photos=0, seed=1)
    return root / "AFDB_face_dataset"


@pytest.fixture
def words(colors: Path, known: Path, tmp_path: Path) -> list[str]:
    """Three people's aligned photographs in one folder, and people known apart."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for person in range(3):
        for photo in range(3 - person):
            face = draw_face(person, photo, False)
            Image.fromarray(face).save(folder / f"{photo}{person}.png")
    shared = ["--model", str(colors), "--alignment", "arcface", "--far", "0.05"]
    return [
        *("cluster", str(folder), "--out", str(tmp_path / "people"), *shared),
        *("--strangers", str(known)),
    ]


def facts(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "people.json").read_text())


def test_it_writes_folders_a_page_and_what_was_found(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--least", "1"]) == 0
    out, err = capsys.readouterr()
    found = facts(tmp_path)
    assert len(found["faces"]) == 6 and found["settings"]["far"] == 0.05
    people = {face["person"] for face in found["faces"]}
    assert {path.name for path in (tmp_path / "people").iterdir()} == people
    assert "person 001" in out and "false match rate of 0.05, measured on the people in" in out
    assert (tmp_path / "people.html").stat().st_size > 10_000 and "rror" not in err


def test_named_groups_become_folders_that_enroll_takes(
    words: list[str], colors: Path, tmp_path: Path
) -> None:
    main(words)
    found = facts(tmp_path)
    for face in found["faces"]:
        face["person"] = "Ada" if face["path"].endswith("0.png") else "Bob"
    (tmp_path / "named.json").write_text(json.dumps(found))
    named = str(tmp_path / "named")
    assert main(["cluster", "--groups", str(tmp_path / "named.json"), "--out", named]) == 0
    gallery = str(tmp_path / "g.npz")
    model = ["--model", str(colors), "--alignment", "arcface"]
    main(["enroll", "--gallery", gallery, *model, named])
    assert Gallery.load(gallery).people == {"Ada": 3, "Bob": 3}


def test_a_file_that_is_no_photograph_is_named(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photographs" / "no.jpg").write_bytes(b"nothing")
    assert main(words) == 3
    assert "left out: " in (out := capsys.readouterr().out) and "no.jpg" in out
    assert len(facts(tmp_path)["faces"]) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--groups", "people.json"], "photographs or --groups must be given, and not both"),
        (["--far", "2"], "must be a rate between 0 and 1"),
        (["--least", "0"], "must be a whole number"),
        (["--out", "photographs"], "must be absent or empty"),
        (["--strangers", "nowhere"], "a file to read must exist"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code: Any
    try:
        code = main([*words, *change])
    except SystemExit as stop:
        code = stop.code
    assert code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / "people").exists() and not (tmp_path / "people.json").exists()


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("--far", "0.1"),
        ("--strangers", "."),
        ("--model", "dlib"),
        ("--model-alignment", "arcface"),
        ("--input-range=-1,1", None),
        ("--channels", "BGR"),
        ("--input-size", "112"),
        ("--alignment", "arcface"),
        ("--engine", "onnx"),
        ("--engine-precision", "int8"),
        ("--calibration", "."),
    ],
)
def test_groups_come_without_what_finds_faces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str, value: str | None
) -> None:
    (tmp_path / "people.json").write_text("{}")
    given = ["cluster", "--groups", str(tmp_path / "people.json"), "--out", str(tmp_path / "x")]
    assert main([*given, word, *([value] if value else [])]) == 2
    told = capsys.readouterr().err
    assert "--groups must come without" in told and word.partition("=")[0] in told


def test_a_full_disk_costs_no_search_for_faces(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maskedface import clustering

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(clustering, "write_people", full)
        assert main(words) == 2
    again = ["cluster", "--groups", str(tmp_path / "people.json"), "--out", str(tmp_path / "again")]
    assert main([*again, "--least", "1"]) == 0
    assert len(list((tmp_path / "again").rglob("*.*"))) == 6
