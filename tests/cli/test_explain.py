"""maskedface explain, with a tiny network and drawn faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface import datasets
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.reporting import heat_legend


def test_a_likeness_is_drawn_and_its_share_printed(
    drawn: FaceIndex, colors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other = drawn.paths[0], drawn.paths[-1]
    words = ["explain", str(colors), first, "--reference", other, "--alignment", "arcface"]
    assert main([*words, "--out", str(tmp_path / "looked")]) == 0
    printed = capsys.readouterr().out
    assert "cosine" in printed and "of the attention in the mask area" in printed
    (picture,) = (tmp_path / "looked").iterdir()
    with Image.open(picture) as image:
        assert image.size == (128, 64 + heat_legend.HEIGHT)
        legend = np.asarray(image)[64:]
    # The color bar goes from a face without attention to the warmest color.
    bar = legend[8, 6:-6].astype(int)
    assert abs(bar[0] - 200).max() < 30
    assert np.array_equal(bar, heat_legend.color_bar(120, 1)[0, 2:-2])
    dark = (legend[20:] < 128).any(axis=(0, 2))  # letters: 0.0 at the left, 1.0 at the right
    assert dark[:24].any() and dark[-24:].any()


def test_two_models_are_measured_on_the_same_faces(
    drawn: FaceIndex, colors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = datasets.split_by_person(drawn, train_fraction=0.5, seed=0)
    manifest = str(tmp_path / "manifest.csv")
    datasets.write_manifest(manifest, drawn, {"open": {"train": train, "test": test}})
    words = ["explain", str(colors), "--against", str(colors), "--manifest", manifest]
    words += ["--data", drawn.root, "--protocol", "open", "--alignment", "arcface"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "8 masked faces of 2 people" in printed
    assert "paired difference: +0.000 [+0.000, +0.000]" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "photographs, or --protocol with --manifest, must be given"),
        (["--protocol", "open"], "--protocol must come with --manifest"),
        (["photo.png"], "--reference must be given"),
    ],
)
def test_words_that_do_not_fit_are_refused(
    words: list[str], message: str, colors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(colors), *words]) == 2
    assert message in capsys.readouterr().err
