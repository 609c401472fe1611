"""Trials that really train, on drawn faces with a tiny network."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras_tuner
import numpy as np
import pytest

from maskedface import losses, models, tuning
from maskedface.datasets import FaceIndex
from maskedface.recipes import PAPER_MASKED, PAPER_MASKED_DIRECT, Recipe
from maskedface.training import feature_cache, train
from maskedface.tuning import FaceHyperModel, Search
from maskedface.tuning.searching import validation_split

RATE = "optimizer.learning_rate"
RECIPE = PAPER_MASKED_DIRECT.override(
    train_on={"masked": 1.0, "unmasked": 1.0}, freeze_through="all", epochs=1, batch_size=8
)


# Several runs.
@pytest.mark.long
def test_the_second_trial_computes_no_features_and_nan_fails_one(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []
    compute = feature_cache._compute

    def counted(*arguments: object) -> None:
        computed.append(str(arguments[3]))
        compute(*arguments)

    monkeypatch.setattr(feature_cache, "_compute", counted)
    found = tuning.search(
        RECIPE,
        drawn,
        space={"optimizer.learning_rate": [1e-4, 1e-2, 1e38]},
        algorithm="grid",
        search_dir=tmp_path / "s",
        backbone=str(tiny_backbone),
        progress=False,
    )
    assert len(computed) == len(set(computed)) == 2  # training and held-out faces, once
    assert [record["status"] for record in found.trials] == ["completed", "completed", "failed"]
    assert "losses must stay finite" in found.trials[2]["reason"]
    # The best recipe runs as it is, and finds on the held-out rows what the search found.
    parts = validation_split(drawn, RECIPE)
    best = Recipe.read(tmp_path / "s" / "best.json")
    run = train(best, *parts, run_dir=tmp_path / "run", backbone=tiny_backbone, progress=False)
    assert run.metrics["masked"]["accuracy"] == found.best_trial["score"]
    left = {path.name for path in (tmp_path / "s").rglob("*")}
    assert not left & {"model.keras", "cache", "state.npz"}


# Two searches. With a gibibyte of device memory states are written less often, and asked for by
# tests/training/test_on_device.py.
@pytest.mark.parametrize(
    "gib", [pytest.param("0", marks=pytest.mark.long), pytest.param("1", marks=pytest.mark.slow)]
)
def test_hyperband_goes_on_with_the_bits_of_an_unbroken_run(
    drawn: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gib: str,
) -> None:
    monkeypatch.setenv("MASKEDFACE_DEVICE_MEMORY", gib)
    recipe = RECIPE.override(epochs=3)
    found = tuning.search(
        recipe,
        drawn,
        space={"optimizer.learning_rate": [1e-4, 1e-3, 1e-2, 1e-1]},
        algorithm="hyperband",
        trials=4,  # three of one epoch, the best of them goes on
        search_dir=tmp_path / "s",
        backbone=str(tiny_backbone),
        progress=False,
    )
    went_on = [r for r in found.trials if "tuner/trial_id" in r["values"]]
    assert went_on and found.best_trial["values"]["tuner/epochs"] == 3
    record = went_on[0]
    first = found.trials[int(record["values"]["tuner/trial_id"])]
    assert first["epochs"] == 1 and record["epochs"] == 3
    parts = validation_split(drawn, recipe)
    run = train(
        recipe.override(**{RATE: record["values"][RATE]}),
        *parts,
        run_dir=tmp_path / "run",
        backbone=tiny_backbone,
        progress=False,
    )
    with np.load(
        tmp_path / "s" / f"trial_{record['trial']}" / "seed-0" / "predictions.npz"
    ) as file:
        np.testing.assert_array_equal(file["logits"], run.predictions["logits"])


# Several runs.
@pytest.mark.long
def test_a_recipe_that_starts_from_another_is_searched_from_it(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    recipe = PAPER_MASKED.override(freeze_through="all", epochs=1, batch_size=8)
    found = tuning.search(
        recipe,
        drawn,
        space={"head.dropout": [0.5, 0.0]},
        algorithm="grid",
        search_dir=tmp_path / "s",
        backbone=str(tiny_backbone),
        progress=False,
    )
    runs = [json.loads(p.read_text()) for p in (tmp_path / "s").glob("trial_*/seed-0/run.json")]
    assert {os.path.basename(run["init"]) for run in runs} == {"paper_unmasked"}
    assert found.best.init == "paper_unmasked"


# Whole runs.
@pytest.mark.long
def test_keras_tuners_own_tuners_search_it(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    parts = validation_split(drawn, RECIPE)
    space = {"head.dropout": [0.5, 0.0], "head.hidden": [[], [4]]}
    hypermodel = FaceHyperModel(RECIPE, space, *parts, folder=tmp_path, backbone=str(tiny_backbone))
    tuner = keras_tuner.RandomSearch(
        hypermodel, tuning.OBJECTIVE, max_trials=1, seed=1, directory=tmp_path, project_name="kt"
    )
    tuner.search(verbose=0)
    best = hypermodel.recipe_of(tuner.get_best_hyperparameters()[0])
    assert best.value_at("head.dropout") in (0.5, 0.0)
    assert best.value_at("head.hidden") in ([], [4])
    assert isinstance(tuner.oracle.get_best_trials()[0].score, float)


def test_the_built_model_is_trainings_own(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    parts = validation_split(drawn, RECIPE)
    space = {"optimizer": ["Adam", "SGD"], RATE: [1e-4, 0.5]}
    hypermodel = FaceHyperModel(RECIPE, space, *parts, folder=tmp_path, backbone=str(tiny_backbone))
    hp = keras_tuner.HyperParameters()
    hp.values = {"optimizer": "SGD", RATE: 0.5}
    model = hypermodel.build(hp)
    assert type(model.optimizer).__name__ == "SGD"
    assert float(model.optimizer.learning_rate) == 0.5
    learning = [layer for layer in model.layers if layer.trainable_weights]
    assert learning == [model.layers[-1]] and isinstance(learning[0], models.LinearHead)


# Several trainings.
@pytest.mark.long
def test_a_loss_that_names_nobody_an_epoch_completes(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    recipe = RECIPE.override(
        head=models.SideBySide([models.CosineHead(), losses.CenterDistances()]),
        head_init="class_means",
        head_final="class_means",
        loss=losses.CenterLoss(),
    )
    found = tuning.search(
        recipe,
        drawn,
        space={"loss.weight": [recipe.value_at("loss.weight"), 0.1]},
        algorithm="grid",
        trials=1,
        search_dir=tmp_path / "s",
        backbone=str(tiny_backbone),
        progress=False,
    )
    assert found.best_trial["status"] == "completed" and found.best_trial["epochs"] == 1


# Twenty trainings take a minute and more.
@pytest.mark.slow
def test_memory_does_not_grow_with_trials(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    found: Search = tuning.search(
        RECIPE.override(epochs=2),
        drawn,
        space={"optimizer.learning_rate": {"min": 1e-5, "max": 1e-2}, "epochs": [2]},
        algorithm="random",
        trials=20,
        search_dir=tmp_path / "s",
        backbone=str(tiny_backbone),
        stop_hopeless=False,
        progress=False,
    )
    memory = [record["memory_mib"] for record in found.trials]
    assert memory[19] < 1.15 * memory[4]
