"""A network whose weights are a mean of two runs'."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface import datasets, models, training
from maskedface.datasets import FaceIndex
from maskedface.recipes import COSINE_MARGIN, MASKED_BEST, MASKED_DRAWN, Recipe, scenario
from maskedface.training import Run, last_run

PLAIN = COSINE_MARGIN.override(name="plain", epochs=1, batch_size=8, learning_rate=1e-2)


@pytest.fixture(scope="module")
def parts(drawn: FaceIndex) -> tuple[FaceIndex, FaceIndex]:
    return datasets.by_person(drawn, train_fraction=0.5)


@pytest.fixture(scope="module")
def other(
    parts: tuple[FaceIndex, FaceIndex], tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """A run from the same start, of bare faces alone."""
    folder = tmp_path_factory.mktemp("other") / "run"
    recipe = PLAIN.override(name="other", train_on={"unmasked": 1.0})
    return training.train(recipe, *parts, run_dir=folder, backbone=tiny_backbone, progress=False)


@pytest.fixture
def train(
    parts: tuple[FaceIndex, FaceIndex], tiny_backbone: Path, tmp_path: Path
) -> Callable[..., Run]:
    def run(recipe: Recipe, run_dir: str, **arguments: Any) -> Run:
        given = {"train": parts[0], "test": parts[1], "backbone": tiny_backbone, **arguments}
        return training.train(recipe, run_dir=tmp_path / run_dir, progress=False, **given)

    return run


def network(run: Run) -> list[np.ndarray]:
    return list(models.embedder(run.model).get_weights())


def test_the_network_is_the_mean_of_both_and_the_head_has_its_means(
    train: Callable[..., Run], other: Run, parts: tuple[FaceIndex, FaceIndex]
) -> None:
    plain = train(PLAIN, "plain")
    mean = train(PLAIN.override(average_with=other.path, average_share=0.25), "mean")
    moved = 0.0
    for a, b, c in zip(network(plain), network(other), network(mean), strict=True):
        np.testing.assert_allclose(c, 0.75 * a + 0.25 * b, atol=1e-6)
        moved = max(moved, float(abs(a - b).max()))
    assert moved > 1e-3  # the two runs did learn different networks
    chips = datasets.read_chips(parts[0], size=64, template="vggface2")
    found = models.predict(models.embedder(mean.model), chips)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    first = found[np.array(parts[0].labels()) == 0].mean(0)
    centres = mean.model.get_layer("head_centres").get_weights()[0]
    np.testing.assert_allclose(centres[:, 0], first / np.linalg.norm(first), atol=1e-5)
    assert mean.record["average_with"] == other.path


def test_a_run_killed_before_it_is_kept_is_averaged_once(
    train: Callable[..., Run], other: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = PLAIN.override(average_with=other.path)
    whole = train(recipe, "whole")

    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        ending = importlib.import_module("maskedface.training.ending")
        patch.setattr(ending, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, "again")
    for one, two in zip(network(whole), network(train(recipe, "again")), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_share_of_nought_changes_nothing(train: Callable[..., Run], other: Run) -> None:
    recipe = PLAIN.override(average_with=other.path, average_share=0.0)
    for one, two in zip(
        network(train(PLAIN, "plain")), network(train(recipe, "mean")), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_test_rows_that_the_other_run_trained_on_are_refused(
    train: Callable[..., Run], other: Run, parts: tuple[FaceIndex, FaceIndex]
) -> None:
    recipe = PLAIN.override(average_with=other.path)
    with pytest.raises(ValueError, match=r"no row may be in both training and test set. Received: 8"):
        train(recipe, "leak", train=parts[1], test=parts[0])


def test_a_run_of_another_backbone_is_refused(
    train: Callable[..., Run], other: Run, tiny_resnet50: Path
) -> None:
    recipe = PLAIN.override(average_with=other.path)
    with pytest.raises(ValueError, match=r"averaged with one of the same backbone. Received: .*layer"):
        train(recipe, "wrong", backbone=tiny_resnet50)


def test_a_folder_averaged_with_another_run_is_another_runs(
    train: Callable[..., Run], other: Run
) -> None:
    train(PLAIN.override(average_with=other.path, epochs=0), "run")
    with pytest.raises(ValueError, match=r"run_dir must be new.*another average_with, recipe"):
        train(PLAIN.override(epochs=0), "run")


def test_what_it_is_averaged_with_is_trained_first_and_the_last_run_is_found(
    parts: tuple[FaceIndex, FaceIndex], tiny_backbone: Path, tmp_path: Path
) -> None:
    assert scenario(MASKED_BEST) == (MASKED_DRAWN, MASKED_BEST)
    recipe = MASKED_BEST.override(epochs=1, warmup_epochs=0)
    (run,) = training.train_scenario(
        recipe, *parts, run_dir=tmp_path / "best", backbone=tiny_backbone, progress=False
    )
    assert Path(run.path) == tmp_path / "best" / "masked_best"
    assert last_run(tmp_path / "best").path == run.path
    assert Path(run.record["average_with"]) == tmp_path / "best" / "masked_drawn"
    assert Run(run.record["average_with"]).recipe == MASKED_DRAWN
    closed = MASKED_BEST.override(name="closed", init=str(tmp_path / "best"), epochs=0, average_with="")
    again = training.train(
        closed, *parts, run_dir=tmp_path / "closed", backbone=tiny_backbone, progress=False
    )
    np.testing.assert_array_equal(again.predictions["embeddings"], run.predictions["embeddings"])


def test_several_last_runs_are_no_run(train: Callable[..., Run], tmp_path: Path) -> None:
    recipe = PLAIN.override(epochs=0)
    train(recipe, "both/one")
    train(recipe, "both/two")
    with pytest.raises(FileNotFoundError, match=r"of which one came last. Received: .*'one', 'two'"):
        last_run(tmp_path / "both")
