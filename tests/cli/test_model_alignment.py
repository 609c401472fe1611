"""Commands with a saved model that states no alignment."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import pytest
from PIL import Image

from maskedface.cli.main import main
from maskedface.datasets import draw_face


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
    assert "--model-alignment must come with a .keras file" in capsys.readouterr().err


def test_an_export_is_told_the_alignment(silent: str, tmp_path: Path) -> None:
    words = ["export", silent, "--to", "savedmodel", "--out", str(tmp_path / "out")]
    assert main([*words, "--model-alignment", "dlib", "--calibrate", "1"]) == 0
    assert json.loads((tmp_path / "out.json").read_text())["alignment"] == "dlib"
