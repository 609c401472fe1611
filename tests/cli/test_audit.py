"""`maskedface audit`, on painted squares with a network that sees colors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface import datasets, models
from maskedface.cli.main import main
from maskedface.training import Run

PEOPLE = {"ada": (220, 60, 60), "bo": (60, 220, 60), "cy": (60, 60, 220)}
WRONG = "AFDB_face_dataset/cy/wrong.png"  # ada's


@pytest.fixture(scope="module")
def colors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose embedding is an image's mean color."""
    from keras import Input, Model, layers

    image = Input((32, 32, 3))
    x = models.FaceAlignment("arcface", name="face_alignment")(image)
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 128, -1.0)(x))
    path = tmp_path_factory.mktemp("model") / "colors.keras"
    Model(image, x, name="colors").save(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people of one color each, four photographs a domain; one lies with the wrong one."""
    root = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)

    def paint(path: str, person: str) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.normal(PEOPLE[person], 30, (32, 32, 3)).clip(0, 255).astype("uint8")
        Image.fromarray(pixels).save(root / path)

    for person in PEOPLE:
        for folder in ("AFDB_face_dataset", "AFDB_masked_face_dataset"):
            for photo in range(4):
                paint(f"{folder}/{person}/{photo}.png", person)
    paint(WRONG, "ada")
    return root


def audit(data: Path, *words: str | Path) -> int:
    return main(["audit", "--data", str(data), "--alignment", "arcface", *map(str, words)])


def test_a_face_under_another_name_is_listed_with_whom_it_shows(
    colors: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "audit.json"
    assert audit(data, "--model", colors, "--json", out) == 0
    check = json.loads(out.read_text())["label_check"]
    (row,) = check["contradicted"]
    assert (row["path"], row["person"], row["other_person"]) == (WRONG, "cy", "ada")
    assert row["other_score"] - row["own_score"] >= check["margin"] * check["spread"]
    assert check["compared"] == check["faces"] == 25
    assert check["disagreement"] == {"ada": 0, "bo": 0, "cy": pytest.approx(1 / 9, abs=1e-4)}
    printed = capsys.readouterr().out
    assert "1 faces, of 25 compared, have an identity label that" in printed
    assert f"{WRONG}  own -" in printed and "cy  0.11" in printed


def test_contradicted_faces_are_left_out_where_that_is_asked_for(
    colors: Path, data: Path, tmp_path: Path
) -> None:
    clean = tmp_path / "clean.csv"
    words = ("--model", colors, "--write-clean", clean)
    assert audit(data, *words) == 0
    assert WRONG in {face.path for face in datasets.read_manifest(clean, root=data).faces}
    assert audit(data, *words, "--leave-out-contradicted") == 0
    kept = {face.path for face in datasets.read_manifest(clean, root=data).faces}
    assert WRONG not in kept and len(kept) == 24


def test_words_that_lack_another_are_refused(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(data, "--leave-out-contradicted") == 2
    assert "--leave-out-contradicted must come with --model" in capsys.readouterr().err


def test_a_run_that_was_trained_on_the_people_is_refused(
    open_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    train = open_run.split()["train"]
    assert main(["audit", "--data", train.root, "--model", open_run.path]) == 2
    assert "was trained on 4 of them" in capsys.readouterr().err
