"""Two processes that train in one folder: one does, the other is told who."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from maskedface import datasets, training
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.locks import LockedError
from maskedface.recipes import Recipe
from maskedface.training import Run
from tests.test_locks import hold

MEANS = Recipe(name="means", head="cosine", head_final="class_means", epochs=0)


@pytest.fixture
def words(drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path) -> dict[str, Any]:
    train, test = datasets.split_by_image(datasets.rmfrd(drawn.root, alignment="arcface"))
    words = {"run_dir": tmp_path / "run", "backbone": tiny_backbone, "progress": False}
    return {"train": train, "test": test, **words}


# A training or more.
@pytest.mark.long
def test_a_run_in_a_folder_in_use_names_who_trains_there(words: dict[str, Any]) -> None:
    with hold(words["run_dir"] / "run.json", 60) as holder:
        with pytest.raises(LockedError, match=f"run.json', held by process {holder.pid} "):
            training.train(MEANS, **words)
        holder.kill()
    assert [path.name for path in words["run_dir"].iterdir()] == [".run.json.lock"]


# A training or more.
@pytest.mark.long
def test_a_run_waits_for_the_folder_and_leaves_it_free(words: dict[str, Any]) -> None:
    with hold(words["run_dir"] / "run.json", 0.3):
        run = training.train(MEANS, wait=math.inf, **words)
    assert isinstance(run, Run) and training.train(MEANS, **words) == run


def test_the_command_names_who_trains_there(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", drawn.root, "--alignment", "arcface", "--backbone", str(tiny_backbone)]
    with hold(tmp_path / "run" / "features", 60) as holder:
        assert (
            main(["train", *data, "--recipe", "frozen_means", "--run", str(tmp_path / "run")]) == 2
        )
        holder.kill()
    assert f"held by process {holder.pid} " in capsys.readouterr().err
