"""A stand-in for `training.train`, so that what surrounds trials can be tested in no time."""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable
from typing import Any

import keras_tuner
import pytest

from maskedface.atomic_file import write_text
from maskedface.recipes import PAPER_MASKED_DIRECT, Recipe
from maskedface.training.backbones import build_backbone
from maskedface.training.run import HISTORY
from maskedface.tuning import FaceHyperModel

_build_backbone = functools.cache(build_backbone)
RECIPE = PAPER_MASKED_DIRECT.override(
    train_on={"masked": 1.0, "unmasked": 1.0}, freeze_through="all", epochs=2, batch_size=8
)
SPACE: dict[str, Any] = {
    "optimizer": ["Adam", "SGD"],
    "optimizer.learning_rate": {"min": 1e-5, "max": 1e-1, "sampling": "log"},
    "head.dropout": [0.0, 0.25, 0.5],
}


def fake_training(
    monkeypatch: pytest.MonkeyPatch, accuracy: Callable[[Recipe], float]
) -> list[tuple[Recipe, int]]:
    """Lets every fit leave a curve of one accuracy, which may raise.

    Returns:
        The (recipe, seed) of each fit, filled in as they come.
    """
    fits: list[tuple[Recipe, int]] = []

    def fit(
        self: FaceHyperModel,
        hp: keras_tuner.HyperParameters,
        model: object = None,
        *,
        run_dir: str,
        seed: int = 0,
        callbacks: Any = (),
    ) -> dict[str, float]:
        recipe = self.recipe_of(hp)
        fits.append((recipe, seed))
        value = accuracy(recipe)
        os.makedirs(run_dir, exist_ok=True)
        rows = [f"{epoch},{value}" for epoch in range(hp.values.get("tuner/epochs", recipe.epochs))]
        write_text(os.path.join(run_dir, HISTORY), "\n".join(["epoch,val_accuracy", *rows]))
        return {"val_accuracy": value, "val_loss": 1.0}

    monkeypatch.setattr(FaceHyperModel, "fit", fit)
    # What takes a second a search: its picture, which has its own test, and reading the backbone.
    module = importlib.import_module("maskedface.tuning.searching")
    monkeypatch.setattr(module, "build_backbone", _build_backbone)
    monkeypatch.setattr("maskedface.tuning.search_folder.draw_search", lambda *_: None)
    return fits
