"""One small run, whole and untouched, that broken ones are compared with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, training
from maskedface.datasets import FaceIndex
from maskedface.recipes import Recipe, Spec
from maskedface.training import Run

QUICK = Recipe(
    name="quick",
    epochs=3,
    batch_size=8,
    optimizer=Spec.named("keras.optimizers.Adam", learning_rate=1e-3),
    freeze_through="layer3",
    image_size=64,
)


@pytest.fixture(scope="session")
def parts(drawn: FaceIndex) -> tuple[FaceIndex, FaceIndex]:
    return datasets.split_by_image(
        datasets.rmfrd(drawn.root, alignment="arcface")
    )  # as the command reads them


@pytest.fixture(scope="session")
def whole(
    parts: tuple[FaceIndex, FaceIndex],
    tiny_backbone: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """QUICK with seed 0, never disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return training.train(QUICK, *parts, run_dir=folder, backbone=tiny_backbone, progress=False)


def command(drawn: FaceIndex, backbone: Path, run: Path) -> list[str]:
    """`maskedface train` of QUICK, as the words of another process."""
    recipe = run.parent / "quick.json"
    recipe.write_text(QUICK.to_json())
    words = ["train", "--data", drawn.root, "--alignment", "arcface", "--recipe", str(recipe)]
    words += ["--backbone", str(backbone)]
    return [sys.executable, "-m", "maskedface", *words, "--run", str(run)]


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **variables}


def assert_same_bits(one: Run, other: Run) -> None:
    """Weights, logits, history and scores of two runs."""
    for first, second in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(one.predictions["logits"], other.predictions["logits"])
    for name in ("history.csv", "metrics.json"):
        assert (Path(one.path) / name).read_bytes() == (Path(other.path) / name).read_bytes()


def assert_tidy(run: Run) -> None:
    """A finished run's folder holds nothing half-written and nothing that only an unfinished one needs."""
    names = {path.name for path in Path(run.path).iterdir()}
    assert not [name for name in names if "partial" in name]
    assert not names & {"features", "state.npz", "manifest.now"}
