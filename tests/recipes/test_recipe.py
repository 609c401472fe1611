from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from maskedface import recipes
from maskedface.recipes import Recipe

NO_MEANS = "head_init must be 'random' and head_final 'trained' unless head='cosine'"
MEANS = "head_final must be 'class_means' or 'photo_means' with loss="
BASE = Recipe(name="base")


def test_settings_are_read_by_the_fields_type() -> None:
    changed = BASE.override(
        "epochs=3", "learning_rate=1", "optimizer=sgd", "hidden=[8, 4]", 'train_on={"masked": 0.5}'
    )
    assert (changed.epochs, changed.learning_rate, changed.optimizer) == (3, 1.0, "sgd")
    assert changed.hidden == (8, 4) and changed.train_on == {"masked": 0.5}
    assert BASE.epochs == 20


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=3", r"field must be one of .* Received: \['epoch'\]"),
        ("epochs=three", "epochs must be int. Received: epochs='three'"),
        ("epochs=3.5", "epochs must be int"),
        ("epochs=-1", r"epochs must be in \[0, None\]. Received: epochs=-1"),
        ("epochs", "must be key=value"),
        ("flip=yes", "flip must be bool"),
        ("optimizer=rmsprop", "optimizer must be one of"),
        ("dropout=1", r"dropout must be in \[0, 0.99\]"),
        ("hidden=[0]", "hidden must be a list"),
        ("hidden=8", "hidden must be a list"),
        ('train_on={"veiled": 1}', "train_on must be"),
        ('train_on={"masked": 0}', "train_on must be"),
        ("train_on={}", "train_on must be"),
        ("name=a/b", "name must be letters"),
        ("head_init=class_means", NO_MEANS),
        ("head_final=photo_means", NO_MEANS),
        ("warmup_epochs=2", "warmup_epochs must be 0 unless"),
        ("mask_probability=2", r"mask_probability must be in \[0, 1\]"),
        ("loss=arcface", "loss must be 'margin' and align 'none' unless head='cosine'"),
        ("align=coral", "loss must be 'margin' and align 'none' unless head='cosine'"),
        ("mirror_join=true", "mirror_join must be false and cohort 0"),
        ("cohort=20", "mirror_join must be false and cohort 0"),
        ("cohort=-1", r"cohort must be in"),
    ],
)
def test_a_bad_setting_is_refused(setting: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BASE.override(setting)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("loss=triplet", MEANS + "'triplet'"),
        ("loss=domain_ranking", MEANS + "'domain_ranking'"),
    ],
)
def test_a_loss_without_a_head_wants_means(setting: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BASE.override("head=cosine").override(setting)


def test_both_views_are_frozen_whole_or_not_at_all() -> None:
    with pytest.raises(ValueError, match="freeze_through must be 'none' or 'all' with view='both'"):
        BASE.override("view=both", "freeze_through=layer2")


@pytest.mark.parametrize("recipe", recipes.ALL.values(), ids=lambda recipe: recipe.name)
def test_a_recipe_survives_its_file(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(recipe.to_json())
    assert Recipe.read(tmp_path / "recipe.json") == recipe


@pytest.mark.parametrize("text", ["[]", "{}", "{", '{"name": "a", "epochs": "3"}'])
def test_a_damaged_recipe_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        Recipe.from_json(text)


def test_the_papers_values_are_the_papers() -> None:
    unmasked, masked = recipes.PAPER_UNMASKED, recipes.PAPER_MASKED
    assert all(step.faces == "whole" for step in recipes.ALL.values() if "paper" in step.name)
    assert (unmasked.batch_size, unmasked.epochs, unmasked.image_size) == (256, 20, 180)
    assert (unmasked.optimizer, unmasked.learning_rate, unmasked.momentum) == ("sgd", 0.002, 0.9)
    assert (unmasked.decay_gamma, unmasked.decay_epochs) == (0.11, 14)
    assert (masked.batch_size, masked.epochs, masked.optimizer) == (32, 25, "adam")
    assert (unmasked.freeze_through, masked.freeze_through) == ("all", "layer3")


def test_a_scenario_runs_what_a_recipe_starts_from_first() -> None:
    assert recipes.scenario(recipes.PAPER_MASKED) == (
        recipes.PAPER_UNMASKED,
        recipes.PAPER_MASKED,
    )
    assert recipes.scenario(recipes.PAPER_MASKED_DIRECT) == (recipes.PAPER_MASKED_DIRECT,)


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        BASE.epochs = 3  # type: ignore[misc]
