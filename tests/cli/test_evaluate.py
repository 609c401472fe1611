from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, training
from maskedface.cli import by_mask
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.evaluation import EmbeddedFaces
from maskedface.recipes import COSINE_MARGIN, FROZEN_MEANS
from maskedface.training import Run


@pytest.fixture(scope="module")
def runs(drawn: FaceIndex, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed and an open run of the whole face, and one of the upper face."""
    folder = tmp_path_factory.mktemp("runs")
    words = {"backbone": tiny_backbone, "progress": False}
    train, test = datasets.split_by_image(drawn)
    one = COSINE_MARGIN.override(epochs=1)
    training.train(one, train, test, run_dir=folder / "whole", **words)
    training.train(one.override(view="upper"), train, test, run_dir=folder / "upper", **words)
    train, test = datasets.split_by_person(drawn, train_fraction=0.5, seed=1)
    training.train(FROZEN_MEANS, train, test, run_dir=folder / "open", **words)
    return folder


@pytest.mark.parametrize("learner", ["class_means", "logistic", "svm", "knn"])
def test_another_learner_on_a_runs_embedding(
    runs: Path, learner: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(runs / "whole")
    assert main(["evaluate", run, "--learner", learner, "--against", run]) == 0
    out = capsys.readouterr().out
    assert f"{run} + {learner}, masked" in out and "difference" in out


def test_class_means_are_what_the_run_ended_with(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(runs / "whole")
    main(["evaluate", run, "--learner", "class_means", "--against", run])
    out = capsys.readouterr().out
    assert out.count("+0.000 [+0.000, +0.000]") == 2


def test_runs_are_joined(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, upper = str(runs / "whole"), str(runs / "upper")
    assert main(["evaluate", whole, upper, "--join"]) == 0
    assert f"{whole} & {upper}" in capsys.readouterr().out


def test_an_open_run_is_shown_by_rank_one(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(runs / "open")]) == 0
    out = capsys.readouterr().out
    assert "masked_other_photo" in out and "unmasked" in out


def test_one_run_alone_is_not_joined(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(runs / "whole"), "--join"]) == 2
    assert "--join must be given two runs" in capsys.readouterr().err


def test_runs_of_other_rows_are_not_joined(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(runs / "whole"), str(runs / "open"), "--join"]) == 2
    assert "must be of the same training and test rows" in capsys.readouterr().err


def test_bare_faces_are_left_to_another_network(
    open_run: Run,
    tiny_backbone: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a network that names nobody (ties count against a probe), with one bare face taken for masked."""

    def nobody(recognizer: object, index: FaceIndex) -> EmbeddedFaces:
        faces = index.faces
        columns = ([getattr(f, name) for f in faces] for name in ("person", "domain", "photo"))
        return EmbeddedFaces(np.zeros((len(index), 4), "float32"), *columns)

    def seems(index: FaceIndex) -> np.ndarray:
        domains = np.array([face.domain for face in index.faces])
        found = domains == "masked"
        found[np.flatnonzero(~found)[0]] = True
        return found

    monkeypatch.setattr(by_mask, "embedded_faces", nobody)
    monkeypatch.setattr(by_mask, "seems_masked", seems)
    monkeypatch.chdir(
        Path(open_run.path).parent
    )  # a short name, so that the table is printed whole
    assert main(["evaluate", "run", "--bare", str(tiny_backbone), "--against", "run"]) == 0
    rows = {
        cells[0]: [cell.split(" ")[0] for cell in cells[2:]]
        for line in capsys.readouterr().out.splitlines()
        if (cells := [cell.strip() for cell in line.strip("│").split("│")])[0].startswith("run, ")
    }
    alone, bare, both, misled, difference = map(float, rows["run, masked"])
    assert alone == both > bare == misled == difference == 0
    alone, bare, both, misled, difference = map(float, rows["run, unmasked"])
    faces = sum(face.domain == "unmasked" for face in open_run.split()["test"].faces)
    assert bare == 0 and misled == pytest.approx(1 / faces, abs=1e-3)
    assert 0 <= both <= misled and difference == pytest.approx(both - alone, abs=2e-3)
    assert alone > 2 / faces


def test_a_bare_network_enrolls_as_its_run_does(
    open_run: Run,
    tiny_backbone: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    split = open_run.split()
    words = {"backbone": tiny_backbone, "progress": False, "run_dir": tmp_path / "run"}
    recipe = open_run.recipe.override(enroll_masks=3, cohort=0)
    training.train(recipe, split["train"], split["test"], **words)
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "run", "--bare", "run"]) == 0
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│ run, " in line]
    assert len(rows) == 3 and all(row[3] == row[4] == row[5] for row in rows)


def test_what_a_face_seems_is_estimated_from_its_pixels(drawn: FaceIndex) -> None:
    found = by_mask.seems_masked(drawn)
    truth = np.array([face.domain == "masked" for face in drawn.faces])
    assert (found == truth).mean() > 0.7 and found.any() and not found.all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["whole", "--bare", "dlib.keras"], "--bare must come with runs of an open set"),
        (
            ["open", "--bare", "whole"],
            "--bare must not have been trained on people of the test faces",
        ),
        (["open", "--bare", "dlib.keras", "--join"], "--bare must come alone or with --against"),
    ],
)
def test_wrong_words_beside_bare_are_refused(
    runs: Path,
    tiny_backbone: Path,
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(runs)
    words = [str(tiny_backbone) if word == "dlib.keras" else word for word in words]
    assert main(["evaluate", *words]) == 2
    assert message in capsys.readouterr().err
