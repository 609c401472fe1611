"""maskedface export, with a tiny network and drawn faces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, training
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.recipes import Recipe


@pytest.fixture(scope="module")
def run_dir(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    train, test = datasets.split_by_image(drawn)
    recipe = Recipe(name="tiny", freeze_through="all", epochs=1, batch_size=8)
    training.train(
        recipe, train, test, run_dir=str(folder), backbone=str(tiny_backbone), progress=False
    )
    return folder


# Commands that train, export or compare networks.
@pytest.mark.long
def test_a_runs_classifier_is_written_with_its_peoples_names(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    words = ["export", str(run_dir), "--to", "savedmodel", "--out", str(out)]
    assert main([*words, "--output", "probabilities"]) == 0
    printed = capsys.readouterr().out
    assert "the run's training faces" in printed and "ms, one face" in printed
    facts = json.loads((tmp_path / "model.json").read_text())
    assert facts["classes"] == [f"person_{n:04d}" for n in range(4)]
    assert facts["output"] == "probabilities" and facts["agreement"]["relative"] < 1e-4


# Four conversions.
@pytest.mark.long
def test_several_files_go_into_a_folder(
    tiny_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ai_edge_litert")
    words = ["export", str(tiny_backbone), "--to", "savedmodel", "litert"]
    words += [
        "--precision",
        "float32",
        "int8",
        "--out",
        str(tmp_path / "files"),
        "--calibrate",
        "8",
    ]
    assert main(words) == 0
    names = sorted(path.name for path in (tmp_path / "files").iterdir())
    assert names == [
        "model", "model-int8.tflite", "model-int8.tflite.json", "model.json", "model.tflite",
        "model.tflite.json",
    ]  # fmt: skip
    facts = json.loads((tmp_path / "files" / "model-int8.tflite.json").read_text())
    assert facts["calibration"] == "8 of drawn faces" and facts["input"]["type"] == "uint8"
    assert "model-int8.tflite" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "onnx", "--precision", "int8"], "--precision must hold float32"),
        (["--to", "savedmodel", "--output", "logits"], "output must be 'embedding'"),
        (["--to", "savedmodel", "--check"], "--check must come with a run's folder"),
    ],
)
def test_words_that_do_not_fit_write_nothing(
    words: list[str],
    message: str,
    tiny_backbone: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["export", str(tiny_backbone), *words, "--out", str(tmp_path / "m")]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# Commands that train, export or compare networks.
@pytest.mark.long
def test_files_name_the_runs_test_faces(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "export",
        str(run_dir),
        "--to",
        "savedmodel",
        "--out",
        str(tmp_path / "model"),
        "--check",
    ]
    assert main(words) == 0
    report = json.loads((tmp_path / "model.json").read_text())["check"]["masked"]
    kept = json.loads((run_dir / "metrics.json").read_text())["masked"]
    assert report["accuracy"] == kept["accuracy"] and report["difference"] == 0
    assert f"{tmp_path / 'model'}, masked" in capsys.readouterr().out


def test_what_a_file_loses_is_measured_on_the_runs_domain(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maskedface.exporting import Exported
    from maskedface.exporting.exported import Agreement
    from maskedface.reporting import exported_files
    from maskedface.training import Run

    found = Run(str(run_dir))
    one = Exported(str(run_dir / "file"), "onnx", "float32", 0, Agreement(0.0, 1.0, 1.0))
    (run_dir / "file.json").write_text("{}")
    labels = found.predictions["labels"]
    wrong = -np.eye(len(found.record["classes"]))[labels]  # one's own score is the lowest
    monkeypatch.setattr(exported_files, "load", lambda path: lambda chips: wrong[: len(chips)])
    (of_file,) = exported_files.check_files(found, [one]).values()
    lost = found.metrics["masked"]["accuracy"]
    assert lost > 0
    assert exported_files.lost_accuracy(found, of_file) == pytest.approx(lost)


def test_an_unknown_model_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", "nothing", "--to", "savedmodel", "--out", str(tmp_path / "m")]
    assert main(words) == 2
    assert "a model must be 'dlib'" in capsys.readouterr().err
