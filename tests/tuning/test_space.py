from __future__ import annotations

import json
from typing import Any

import keras_tuner
import pytest

from maskedface.recipes import PAPER_MASKED, PAPER_MASKED_DIRECT, PAPER_UNMASKED, Recipe, Spec
from maskedface.tuning import spaces
from maskedface.tuning.space import check_space, declare, fitting_space, recipe_of

PATH = "optimizer.learning_rate"
LOSS = Spec.named("maskedface.losses.ArcFace", margin=0.2).to_dict()
MASKS = Spec.named("maskedface.layers.RandomMask", probability=0.5).to_dict()
MIRROR = PAPER_MASKED.augmentation[0].to_dict()
STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")


def declared(space: dict[str, Any], recipe: Recipe) -> keras_tuner.HyperParameters:
    check_space(space, recipe)
    hp = keras_tuner.HyperParameters()
    declare(space, recipe, hp)
    return hp


@pytest.mark.parametrize("recipe", [PAPER_UNMASKED, PAPER_MASKED, PAPER_MASKED_DIRECT])
@pytest.mark.parametrize("space", [spaces.PAPER, spaces.BEYOND])
def test_the_defaults_are_the_recipes_own_values(space: dict[str, Any], recipe: Recipe) -> None:
    assert recipe_of(recipe, declared(space, recipe).values) == recipe


def test_every_kind_of_value_becomes_a_field() -> None:
    space = {
        "head.hidden": [[], [8, 4]],
        "mirror_join": [True, False],
        "epochs": [25, 3],
        "optimizer": ["Adam"],
        "schedule": [None, spaces.STEP],
        "loss": ["SparseCategoricalCrossentropy", LOSS],
        "augmentation": [[MIRROR], [MASKS, MIRROR], []],
        "augmentation.0.mode": ["horizontal", "vertical"],
    }
    declared(space, PAPER_MASKED)
    values = {"head.hidden": "[8, 4]", "mirror_join": "false", "epochs": 3, "tuner/epochs": 2}
    values |= {"schedule": json.dumps(spaces.STEP), "loss": json.dumps(LOSS)}
    values |= {"augmentation": json.dumps([MASKS, MIRROR]), "augmentation.0.probability": 0.25}
    found = recipe_of(PAPER_MASKED, values)
    masks = Spec.named("maskedface.layers.RandomMask", probability=0.25)
    wanted = PAPER_MASKED.override(
        epochs=3, schedule=spaces.STEP, loss=LOSS, augmentation=(masks, Spec.of(MIRROR))
    )
    assert found == wanted.override(**{"head.hidden": [8, 4]})


def test_fractions_are_rounded_to_six_digits() -> None:
    assert recipe_of(PAPER_MASKED, {PATH: 1.0000001e-4}).value_at(PATH) == 1e-4


def test_a_field_is_searched_only_where_it_means_something() -> None:
    space = {
        "optimizer": ["Adam", "SGD"],
        "optimizer.momentum": {"min": 0.5, "max": 0.99, "when": {"optimizer": ["SGD"]}},
    }
    hp = declared(space, PAPER_MASKED)
    assert "optimizer.momentum" not in hp.values
    hp.values["optimizer"] = "SGD"
    assert hp.is_active("optimizer.momentum")


def test_a_space_loses_what_the_backbone_has_not() -> None:
    dlib = fitting_space(
        spaces.PAPER, PAPER_MASKED, STAGES[:4], has_any_size=False, own_epochs=True
    )
    assert dlib["freeze_through"] == ["none", "layer1", "layer2", "layer3", "all"]
    assert set(spaces.PAPER) - set(dlib) == {"image_size", "epochs"}
    assert spaces.PAPER["freeze_through"][-2] == "layer4"  # the named one is as it was


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "a space must contain at least one field"),
        ({"rate": [1]}, "a space's field must be a recipe field except"),
        ({"test_on": ["masked"]}, "recipe field except .*test_on"),
        (
            {"optimizer": ["Adam", "Lyon"]},
            "the space of 'optimizer' must contain values that the recipe accepts",
        ),
        ({"optimizer": "Adam"}, "the space of 'optimizer' must be a list"),
        ({"epochs": [25, 25]}, "the space of 'epochs' must be a list of different"),
        ({"head.dropout": {"min": 0.5, "max": 0.1}}, "the space of 'head.dropout' must be"),
        (
            {"head.dropout": {"min": 0, "max": 0.9, "sampling": "log"}},
            "the space of 'head.dropout' must be",
        ),
        (
            {"head.dropout": {"min": 0, "max": 0.9, "steps": 2}},
            "the space of 'head.dropout' must be",
        ),
        (
            {"mirror_join": {"min": 0, "max": 1}},
            "the space of 'mirror_join' must contain values that",
        ),
        ({"epochs": [True, False]}, "the space of 'epochs' must contain values that"),
        ({"epochs": [1, 2]}, "the space of 'epochs' must include the recipe's own value"),
        ({"head.dropout": {"min": 0.6, "max": 0.9}}, "must include the recipe's own value"),
        (
            {"optimizer.momentum": {"values": [0.9], "when": {"optimizer": ["SGD"]}}},
            "when must name a field",
        ),
        (
            {
                "optimizer": ["Adam"],
                "optimizer.momentum": {"values": [0.9], "when": {"optimizer": ["SGD"]}},
            },
            "when must name a field that precedes 'optimizer.momentum', and some of its choices",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(space: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_space(space, PAPER_MASKED)
