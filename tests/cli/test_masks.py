from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface.cli.main import main
from maskedface.masking import STYLES


def test_the_sheet_shows_every_style(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    assert main(["masks", "--out", str(out), "--size", "48", "--columns", "2"]) == 0
    with Image.open(out) as sheet:
        assert sheet.height == 48 * len(STYLES) and 96 < sheet.width < 96 + 200
        rows = np.asarray(sheet)[:, -96:].reshape(len(STYLES), -1)
        labels = np.asarray(sheet)[:, :-96].reshape(len(STYLES), -1)
    assert len(np.unique(rows, axis=0)) == len(STYLES)
    # Each row begins with its style's name: letters on white, others for each.
    assert len(np.unique(labels, axis=0)) == len(STYLES)
    assert ((labels == 255).mean(axis=1) > 0.6).all() and (labels.min(axis=1) < 128).all()
    assert "surgical, kn95, ffp2" in capsys.readouterr().out


def test_the_sheet_goes_to_standard_output_alone(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert main(["masks", "--out", "-", "--size", "48", "--columns", "1"]) == 0
    with Image.open(io.BytesIO(capfdbinary.readouterr().out)) as sheet:
        assert sheet.format == "PNG" and sheet.height == 48 * len(STYLES)


def test_styles_are_chosen_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    words = ["--size", "48", "--columns", "1", "--styles", "scarf", "sunglasses"]
    assert main(["masks", "--out", str(out), *words]) == 0
    with Image.open(out) as sheet:
        assert sheet.height == 48 * 2
    assert "scarf, sunglasses" in capsys.readouterr().out


def test_a_picture_is_one_more_style(tmp_path: Path) -> None:
    Image.new("RGBA", (100, 80), (255, 0, 255, 255)).save(tmp_path / "mask.png")
    points = ["nose=50,0", "chin=50,79", "left_top=0,10", "right_top=99,10"]
    points += ["left_bottom=8,60", "right_bottom=91,60"]
    words = ["masks", "--out", str(tmp_path / "sheet.png"), "--size", "48", "--columns", "1"]
    assert main([*words, "--picture", str(tmp_path / "mask.png"), "--points", *points]) == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height == 48 * (len(STYLES) + 1)
        red, green, blue = sheet.getpixel((sheet.width - 24, 38))
    assert red > 60 + green and blue > 60 + green


@pytest.mark.parametrize(
    "words",
    [
        ["--picture", "mask.png"],
        ["--picture", "mask.png", "--points", *["nose=1"] * 6],
        ["--alignment", "oval"],
        ["--styles", "sunglases"],
    ],
)
def test_a_bad_word_is_a_user_error(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["masks", "--out", str(tmp_path / "sheet.png"), *words]) == 2
    assert "must" in capsys.readouterr().err
