"""What commands write where nobody looks on: little, and nothing on standard error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from maskedface import datasets, recipes, synthetic, training
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from tests.faces import draw_face


# Commands that train, export or compare networks.
@pytest.mark.long
def test_a_log_of_25_epochs_is_short(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", drawn.root, "--alignment", "arcface", "--backbone", str(tiny_backbone)]
    recipe = ["--recipe", "cosine_margin", "--set", "epochs=25", "--run", str(tmp_path / "run")]
    assert main(["train", *words, *recipe]) == 0
    out, err = capfd.readouterr()
    assert len(out.encode()) < 5_000 and "\x1b" not in out and "\r" not in out
    assert [line.split(":")[0] for line in out.splitlines() if line.startswith("epoch ")] == [
        f"epoch {n}/25" for n in range(1, 26)
    ]
    assert err == ""


# Commands that train, export or compare networks.
@pytest.mark.long
def test_training_without_progress_is_silent(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = recipes.COSINE_MARGIN.override(epochs=1)
    words = {"run_dir": tmp_path / "run", "backbone": tiny_backbone, "progress": False}
    training.train(recipe, *datasets.split_by_image(drawn), **words)
    assert capfd.readouterr() == ("", "")


_IMAGES = ["--data", "faces", "--alignment", "arcface"]
_TRAIN = [*_IMAGES, "--backbone", "tiny.keras", "--recipe", "cosine_margin", "--set", "epochs=1"]
_PEOPLE = ["--gallery", "g.npz", "--alignment", "arcface"]
COMMANDS = [
    ["audit", "--data", "faces"],
    ["align", "--data", "faces", "--out", "a.csv", "--processes", "2"],
    ["train", *_TRAIN, "--run", "again"],
    ["tune", *_TRAIN, "--space", "space.json", "--trials", "1", "--search", "s"],
    ["evaluate", "run", "--against", "run"],
    ["report", "run", "--out", "report.html"],
    ["enroll", "--gallery", "new.npz", "--alignment", "arcface", "people"],
    ["identify", *_PEOPLE, "people", "--json", "who.json", "--pictures", "pictures"],
    ["verify", "people/p0/0.png", "people/p0/1.png", "--alignment", "arcface"],
    ["verify", "people/p0/0.png", "people/p1/0.png"],  # faces are searched for
    ["explain", "run", "people/p0/0.png", "--alignment", "arcface", "--out", "explained"],
    ["export", "run", "--to", "savedmodel", "--out", "saved"],
    ["export", "run", "--to", "onnx", "--out", "model.onnx"],
    [
        "export",
        "run",
        "--to",
        "litert",
        "--precision",
        "int8",
        "--calibrate",
        "4",
        "--out",
        "m.tflite",
    ],
    ["masks", "--out", "masks.png"],
    ["weights", "list"],
    ["demo", "--people", "2", "--photos", "2", "--run", "demo"],
]

# Slow here, as they start like the others.
ALIKE = ("demo", "explain", "report", "verify")


@pytest.fixture(scope="module")
def folder(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn people, a run on them and a gallery of them."""
    made = tmp_path_factory.mktemp("commands")
    synthetic.draw_people(made / "faces", people=4, photos=4, size=112)
    for person in range(3):
        (made / "people" / f"p{person}").mkdir(parents=True)
        for photo in range(2):
            face = Image.fromarray(draw_face(person, photo, False))
            face.save(made / "people" / f"p{person}" / f"{photo}.png")
    (made / "tiny.keras").write_bytes(tiny_backbone.read_bytes())
    (made / "space.json").write_text(json.dumps({"loss.margin": [0.1, 0.25]}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        assert main(["train", *_TRAIN, "--run", "run"]) == 0
        assert main(["enroll", *_PEOPLE, "--model", "tiny.keras", "people"]) == 0
    return made


# A process with TensorFlow in it for each command.
@pytest.mark.long
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(
            words,
            id="-".join(words[:1] + words[-1:]),
            marks=pytest.mark.slow if words[0] in ALIKE or "litert" in words else (),
        )
        for words in COMMANDS
    ],
)
def test_nothing_is_written_to_standard_error_when_nothing_is_wrong(
    folder: Path, words: list[str]
) -> None:
    environment = {name: of for name, of in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-m", "maskedface", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1, 3), done.stderr
    assert done.stderr == ""
