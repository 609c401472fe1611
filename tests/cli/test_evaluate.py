from __future__ import annotations

from pathlib import Path

import pytest

from maskedface import datasets, layers, models, training
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.recipes import COSINE_MARGIN, FROZEN_MEANS
from maskedface.training.backbones import build_backbone

pytestmark = pytest.mark.long  # each test shares trained runs


@pytest.fixture(scope="module")
def runs(drawn: FaceIndex, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed and an open run of the whole face, and one of the upper face."""
    folder = tmp_path_factory.mktemp("runs")
    words = {"backbone": tiny_backbone, "progress": False}
    train, test = datasets.split_by_image(drawn)
    one = COSINE_MARGIN.override(epochs=1)
    training.train(one, train, test, run_dir=folder / "whole", **words)
    whole = build_backbone(tiny_backbone, None, 64)
    box = layers.UpperFaceCrop(alignment=models.alignment_of(whole)).box_in(64, 64)
    upper = {**words, "backbone": models.upper_view(whole, box)}
    training.train(one, train, test, run_dir=folder / "upper", **upper)
    train, test = datasets.split_by_person(drawn, train_fraction=0.5, seed=1)
    training.train(FROZEN_MEANS, train, test, run_dir=folder / "open", **words)
    return folder


# Commands that train, export or compare networks.
@pytest.mark.long
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
    assert "--join must be given at least two runs" in capsys.readouterr().err


def test_runs_of_other_rows_are_not_joined(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(runs / "whole"), str(runs / "open"), "--join"]) == 2
    assert "must have the same training and test rows" in capsys.readouterr().err
