from __future__ import annotations

import keras
import numpy as np
import pytest

from maskedface import models, recipes, training


def rate_at(recipe: recipes.Recipe, epoch: float, steps: int = 10) -> float:
    rate = training.learning_rate(recipe, steps)
    step = round(epoch * steps)
    return float(keras.ops.convert_to_numpy(rate(step)) if callable(rate) else rate)


@pytest.mark.parametrize(
    ("epoch", "rate"), [(0, 2e-3), (13, 2e-3), (13.9, 2e-3), (14, 2.2e-4), (19, 2.2e-4)]
)
def test_the_papers_rate_drops_at_epoch_14(epoch: float, rate: float) -> None:
    assert rate_at(recipes.PAPER_UNMASKED, epoch) == pytest.approx(rate, rel=1e-6)


def test_a_constant_rate_stays() -> None:
    assert rate_at(recipes.PAPER_MASKED, 24) == 1e-4


def test_a_cosine_rate_rises_then_falls_to_zero() -> None:
    recipe = recipes.PAPER_MASKED.override(schedule="cosine", warmup_epochs=2, epochs=10)
    rates = [rate_at(recipe, epoch) for epoch in (0, 1, 2, 6, 10)]
    np.testing.assert_allclose(rates, [0, 5e-5, 1e-4, 5e-5, 0], atol=1e-9)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_compiled_recipe_has_its_optimizer(optimizer: str) -> None:
    recipe = recipes.PAPER_MASKED.override(optimizer=optimizer, weight_decay=0.01)
    backbone = models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))
    model = training.build_model(recipe, backbone, 3)
    training.compile_model(model, recipe, 10)
    assert type(model.optimizer).__name__.lower() == optimizer
    assert getattr(model.optimizer, "nesterov", True)
    frozen = [layer.name for layer in backbone.layers if layer.weights and not layer.trainable]
    assert frozen and not any(name.startswith("layer4") for name in frozen)
