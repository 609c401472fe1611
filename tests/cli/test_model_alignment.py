"""Commands with a saved model that states no alignment."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import pytest
from PIL import Image

from maskedface import models
from maskedface.cli.main import main
from maskedface.datasets import split_by_person, write_manifest
from maskedface.synthetic import draw_people
from tests.faces import draw_face


@pytest.fixture
def silent(tmp_path: Path) -> str:
    image = keras.Input((64, 64, 3))
    x = keras.layers.AveragePooling2D(16)(image)
    keras.Model(image, keras.layers.Flatten()(x), name="silent").save(tmp_path / "silent.keras")
    return str(tmp_path / "silent.keras")


@pytest.fixture
def verify(silent: str, tmp_path: Path) -> list[str]:
    Image.fromarray(draw_face(0, 0, False)).save(tmp_path / "a.png")
    photo = str(tmp_path / "a.png")
    return ["verify", photo, photo, "--alignment", "arcface", "--model"]


def test_a_recognizer_must_be_told_the_alignment(
    verify: list[str], silent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*verify, silent]) == 2
    assert "model must state the alignment" in capsys.readouterr().err


def test_a_recognizer_is_told_the_alignment(verify: list[str], silent: str) -> None:
    assert main([*verify, silent, "--model-alignment", "dlib", "--threshold", "0.5"]) == 0


def test_a_run_states_its_own(
    verify: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*verify, str(tmp_path), "--model-alignment", "dlib"]) == 2
    assert "--model-alignment must come with a .keras or .onnx file" in capsys.readouterr().err


def test_an_export_is_told_the_alignment(silent: str, tmp_path: Path) -> None:
    words = ["export", silent, "--to", "savedmodel", "--out", str(tmp_path / "out")]
    assert main([*words, "--model-alignment", "dlib", "--calibrate", "1"]) == 0
    assert json.loads((tmp_path / "out.json").read_text())["alignment"] == "dlib"


def test_an_explanation_is_told_the_alignment(
    silent: str, verify: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["explain", silent, verify[1], "--reference", verify[2], "--alignment", "arcface"]
    words += ["--out", str(tmp_path / "looked")]
    assert main(words) == 2
    assert "model must state the alignment" in capsys.readouterr().err
    assert main([*words, "--model-alignment", "dlib"]) == 2
    assert "model must have a feature map" in capsys.readouterr().err  # it got past the alignment


def test_models_of_a_protocol_are_told_the_alignment(
    silent: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = draw_people(tmp_path / "faces", people=4, photos=2, size=64)
    train, test = split_by_person(people, train_fraction=0.5, seed=0)
    write_manifest(tmp_path / "m.csv", people, {"open": {"train": train, "test": test}})
    words = ["evaluate", silent, "--protocol", "open", "--manifest", str(tmp_path / "m.csv")]
    words += [
        "--data",
        people.root,
        "--enrolled",
        "1",
        "--draws",
        "1",
        "--fpir",
        "0.5",
        "--far",
        "0.5",
    ]
    assert main(words) == 2
    assert "model must state the alignment" in capsys.readouterr().err
    assert main([*words, "--model-alignment", "dlib"]) == 0


def test_a_gallery_remembers_the_alignment_it_was_told(
    silent: str, verify: list[str], tmp_path: Path
) -> None:
    stated = str(tmp_path / "stated.keras")
    models.with_alignment(keras.models.load_model(silent), "dlib").save(stated)
    galleries = [str(tmp_path / "a.npz"), str(tmp_path / "b.npz")]
    for gallery, words in zip(
        galleries, ([stated], [silent, "--model-alignment", "arcface"]), strict=True
    ):
        enroll = ["enroll", "--gallery", gallery, "--person", "Ada", verify[1], "--model", *words]
        assert main([*enroll, "--alignment", "arcface"]) == 0
    # Each gallery remembers its own.
    assert main(["identify", "--gallery", galleries[1], verify[1], "--alignment", "arcface"]) == 1


def test_runs_need_no_alignment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "run", "--model-alignment", "dlib"]) == 2
    assert "--model-alignment must come with --protocol" in capsys.readouterr().err
