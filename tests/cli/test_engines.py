"""--engine of the commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.training import Run
from tests.faces import draw_face


# Commands that train, export or compare networks.
@pytest.mark.long
def test_training_names_its_engine(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "train",
        "--data",
        drawn.root,
        "--alignment",
        "arcface",
        "--recipe",
        "paper_masked_direct",
    ]
    words += ["--backbone", str(tiny_backbone), "--set", "epochs=1", "--engine", "openvino"]
    assert main([*words, "--run", str(tmp_path / "run")]) == 0
    assert "frozen features by openvino, float32, " in capsys.readouterr().out
    run = Run(str(tmp_path / "run"))
    assert run.record["engine"]["engine"] == run.recipe.engine == "openvino"
    other = ["--data", drawn.root, "--alignment", "arcface", "--min-masked", "4"]
    assert main(["evaluate", run.path, *other, "--engine", "openvino"]) == 2  # trained on
    assert "must not be training images of the run" in capsys.readouterr().err
    assert main(["evaluate", run.path, "--engine", "openvino"]) == 2
    assert "--engine must come with images or --protocol" in capsys.readouterr().err


# It compiles twice and quantizes once.
@pytest.mark.long
def test_a_gallery_is_enrolled_and_searched_by_engines(
    tiny_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for person in range(12):
        folder = tmp_path / "people" / f"p{person}"
        folder.mkdir(parents=True)
        for photo in range(3):
            Image.fromarray(draw_face(person, photo, False)).save(folder / f"{photo}.png")
    gallery = ["--gallery", str(tmp_path / "g.npz"), "--alignment", "arcface"]
    people, photo = str(tmp_path / "people"), str(tmp_path / "people" / "p3" / "0.png")
    model = ["--model", str(tiny_backbone)]
    assert main(["enroll", *gallery, *model, people, "--fpir", ".1", "--engine", "openvino"]) == 0
    assert "embeddings by openvino, float32, " in capsys.readouterr().out
    int8 = ["--engine", "openvino", "--engine-precision", "int8", "--calibration", people]
    scores = []
    for words in ([], int8):
        who = str(tmp_path / "who.json")
        assert main(["identify", *gallery, photo, "--threshold", ".5", *words, "--json", who]) == 0
        (found,) = json.loads(Path(who).read_text())["photos"]
        scores.append(found["faces"][0]["candidates"][0]["score"])
    assert "embeddings by openvino, int8, " in capsys.readouterr().out
    assert scores[0] != scores[1] == pytest.approx(scores[0], abs=0.05)


def test_words_that_do_not_go_together(
    tiny_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(draw_face(0, 0, False)).save(tmp_path / "a.png")
    words = ["verify", *[str(tmp_path / "a.png")] * 2, "--model", str(tiny_backbone)]
    for more, message in (
        (["--calibration", str(tmp_path)], "--calibration must come with --engine"),
        (["--engine-precision", "int8"], "engine 'keras' must be one of"),
        (["--engine", "onnx", "--engine-precision", "bfloat16"], "engine 'onnx' must be one of"),
        (["--engine", "openvino", "--engine-precision", "int8"], "calibrated on real faces"),
    ):
        assert main([*words, *more]) == 2
        assert message in capsys.readouterr().err
