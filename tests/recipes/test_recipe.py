from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import pytest

from maskedface import layers, losses, models, recipes
from maskedface.recipes import Recipe, Spec

WANTS_COSINES = "head must be 'cosine', or output cosines or embeddings"
BASE = Recipe(name="base")


def test_settings_are_read_by_the_fields_type() -> None:
    changed = BASE.override(
        "epochs=3",
        "optimizer=SGD",
        "optimizer.learning_rate=1",
        "head.hidden=[8, 4]",
        'train_on={"masked": 0.5}',
    )
    assert changed.epochs == 3 and changed.train_on == {"masked": 0.5}
    assert repr(changed.optimizer) == "SGD(learning_rate=1.0)"
    assert repr(changed.head) == "LinearHead(hidden=[8, 4])"
    assert BASE.epochs == 20 and repr(BASE.head) == "LinearHead()"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=3", r"field must be one of .* Received: \['epoch'\]; did you mean epochs\?"),
        ("zzz=3", r"field must be one of .* Received: \['zzz'\]$"),
        ("epochs=three", "epochs must be int. Received: epochs='three'"),
        ("epochs=3.5", "epochs must be int"),
        ("epochs=-1", r"epochs must be in \[0, None\]. Received: epochs=-1"),
        ("epochs", "must be key=value"),
        ("mirror_join=yes", "mirror_join must be bool"),
        ("optimizer=rmsprop", "of keras.optimizers. Received: 'rmsprop'; did you mean RMSprop"),
        ("loss=CosineMargn", "of maskedface.losses or keras.losses. .* did you mean CosineMargin"),
        ("head=cosin", "of maskedface.models or keras.layers. .* did you mean cosine"),
        ("head.hidden=8", "head.hidden must be list. Received: head.hidden=8"),
        ('train_on={"veiled": 1}', "train_on must be"),
        ('train_on={"masked": 0}', "train_on must be"),
        ("train_on={}", "train_on must be"),
        ("name=a/b", "name must consist of letters"),
        ("head_init=class_means", WANTS_COSINES + ".*head_init"),
        ("head_final=photo_means", WANTS_COSINES + ".*head_final"),
        ("mirror_join=true", WANTS_COSINES + ".*mirror_join"),
        ("map_join=true", WANTS_COSINES + ".*map_join"),
        ("cohort=20", WANTS_COSINES + ".*cohort"),
        ("cohort=-1", r"cohort must be in"),
        ("callbacks=EarlyStopping", "callbacks must be a list of Keras objects"),
        ("augmentation=null", "augmentation must be a list of Keras objects"),
        ("head=null", "head must be a Keras object or a class's name"),
    ],
)
def test_a_bad_setting_is_refused(setting: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BASE.override(setting)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "optimizer.learning_rat=1",
            "an argument of optimizer must be one of.*did you mean learning_rate",
        ),
        ("loss.margin=3", "an argument of loss must be one of .* Received: 'margin'$"),
        ("optimizer.learning_rate=fast", "optimizer.learning_rate must be float"),
        ("optimizer.learning_rate=NaN", "a number in a recipe must be finite. Received: nan"),
        ("augmentation.1.mode=vertical", "augmentation.1 must be a number below 1"),
        ("augmentation.x.mode=vertical", "augmentation.x must be a number below 1"),
        ("epochs.x=3", "epochs must have nested values to set epochs.x"),
        ("schedule.decay_steps=3", "schedule must have nested values to set schedule.decay_steps"),
        ("head.dropout.x=3", "head.dropout must have nested values to set head.dropout.x"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(setting: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BASE.override(setting)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("head.dropout=1", r"dropout must be in \[0, 1\)"),
        ("head.hidden=[0]", "hidden must contain widths"),
    ],
)
def test_what_a_class_refuses_is_found_before_any_work(setting: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BASE.override(setting).check()


def test_a_path_changes_one_value_and_keeps_the_others() -> None:
    recipe = recipes.MASKED_BEST.override("augmentation.0.probability=0.6", "schedule.alpha=0.1")
    first, *others = recipe.augmentation
    assert first.config == {"probability": 0.6}
    assert others == list(recipes.MASKED_BEST.augmentation[1:])
    assert recipe.schedule.config == recipes.MASKED_BEST.schedule.config | {"alpha": 0.1}
    assert recipes.MASKED_BEST.augmentation[0].config == {"probability": 0.4}


def test_a_path_leads_into_parts_of_parts() -> None:
    head = models.SideBySide([models.CosineHead(), losses.CenterDistances()])
    rate = keras.optimizers.schedules.CosineDecay(1e-3, 10)
    recipe = BASE.override(head=head, optimizer=keras.optimizers.Adam(rate)).override(
        "head.parts.0.dropout=0.25", "optimizer.learning_rate.decay_steps=20"
    )
    assert recipe.head.build().parts[0].dropout == 0.25
    assert recipe.optimizer.build()._learning_rate.decay_steps == 20
    assert recipe.value_at("head.parts.0.dropout") == 0.25
    assert recipe.value_at("head.parts.1.rate") == 1.0


def test_an_argument_that_has_its_default_can_be_changed() -> None:
    recipe = BASE.override("optimizer.clipnorm=1.5")
    assert recipe.optimizer.build().clipnorm == 1.5 and recipe.value_at("optimizer.beta_1") == 0.9


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("epochs", 20),
        ("optimizer", "Adam"),
        ("optimizer.learning_rate", 1e-4),
        ("optimizer.beta_2", 0.999),
        ("augmentation.0", "RandomFlip"),
        ("augmentation.0.mode", "horizontal"),
        ("augmentation.3.mode", None),
        ("schedule.decay_steps", None),
        ("nothing.at.all", None),
    ],
)
def test_a_value_is_found_by_its_path(path: str, value: Any) -> None:
    assert BASE.value_at(path) == value


def test_another_class_keeps_the_arguments_it_takes_too() -> None:
    adamw = BASE.override("optimizer=AdamW", "optimizer.weight_decay=0.5", "optimizer.beta_1=0.8")
    sgd = adamw.override("optimizer=SGD")
    assert sgd.optimizer.config == {"learning_rate": 1e-4, "weight_decay": 0.5}


def test_the_default_loss_is_the_heads() -> None:
    assert BASE.loss.class_name == "SparseCategoricalCrossentropy"
    assert Recipe(name="x", head="cosine").loss.class_name == "CosineMargin"
    assert Recipe(name="x", head=models.CosineHead()).loss.class_name == "CosineMargin"
    # A file may leave the loss out.
    assert Recipe.from_json('{"name": "x", "head": "cosine"}').loss.class_name == "CosineMargin"


def test_a_recipe_of_objects_is_that_of_words_and_data() -> None:
    objects = Recipe(name="x", head=models.CosineHead(), optimizer=keras.optimizers.Lion(3e-5))
    data = Recipe(name="x", head=objects.head, optimizer=objects.optimizer.to_dict())
    assert data == objects
    lion = Spec.named("keras.optimizers.Lion", learning_rate=3e-5)
    assert BASE.override(optimizer=lion).optimizer == lion


def test_a_recipe_made_twice_is_the_same_whatever_else_the_process_made() -> None:
    def made() -> Recipe:
        return Recipe(
            name="twice",
            head=models.SideBySide([models.CosineHead(), keras.layers.Identity()]),
            head_final="class_means",
            optimizer=keras.optimizers.Adam(1e-3),
            augmentation=[
                layers.RandomFaceJitter(),
                keras.Sequential([keras.layers.RandomFlip("vertical")]),
            ],
            callbacks=[keras.callbacks.EarlyStopping(patience=2)],
        )

    first, second = made(), made()
    assert first == second and first.to_json() == second.to_json()
    first.check()
    named = Recipe(name="x", head=keras.layers.Dense(3, name="mine"))
    assert named.head.config["name"] == "mine"


@pytest.mark.parametrize("recipe", recipes.ALL.values(), ids=lambda recipe: recipe.name)
def test_a_recipe_survives_its_file(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(recipe.to_json())
    assert Recipe.read(tmp_path / "recipe.json") == recipe


@pytest.mark.parametrize("recipe", recipes.ALL.values(), ids=lambda recipe: recipe.name)
def test_a_named_recipes_parts_can_be_built(recipe: Recipe) -> None:
    recipe.check()


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "{",
        '{"name": "a", "epochs": "3"}',
        '{"name": "a", "epoch": 3}',
        '{"name": "a", "self": 3}',
        '{"name": "a", "loss": {"class_name": 3, "config": {}}}',
        '{"name": "a", "loss": {"class_name": "X"}}',
        '{"name": "a", "optimizer": {"class_name": "X", "config": {"rate": NaN}}}',
        '{"name": "a", "head": 3}',
        '{"name": "a", "callbacks": [3]}',
    ],
)
def test_a_damaged_recipe_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        Recipe.from_json(text)


@pytest.mark.parametrize(
    "old", [{"learning_rate": 1e-3}, {"optimizer": "sgd"}, {"flip": True}, {"loss": "margin"}]
)
def test_a_recipe_file_of_before_is_refused(old: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Recipe.from_json(json.dumps({"name": "before", **old}))


def test_a_file_may_name_a_path() -> None:
    text = '{"name": "a", "optimizer": "SGD", "optimizer.momentum": 0.5, "epochs": 3}'
    recipe = Recipe.from_json(text)
    assert recipe.optimizer.config["momentum"] == 0.5 and recipe.epochs == 3


def test_the_papers_values_are_the_papers() -> None:
    unmasked, masked = recipes.PAPER_UNMASKED, recipes.PAPER_MASKED
    assert all(step.faces == "whole" for step in recipes.ALL.values() if "paper" in step.name)
    assert (unmasked.batch_size, unmasked.epochs, unmasked.image_size) == (256, 20, 180)
    assert repr(unmasked.optimizer) == "SGD(learning_rate=0.002, momentum=0.9, nesterov=True)"
    schedule = unmasked.schedule.config
    assert (schedule["decay_rate"], schedule["decay_steps"]) == (0.11, 14)
    assert (masked.batch_size, masked.epochs) == (32, 25)
    assert (repr(masked.optimizer), masked.schedule) == ("Adam(learning_rate=0.0001)", None)
    assert (unmasked.freeze_through, masked.freeze_through) == ("all", "layer3")


def test_a_schedule_that_leaves_its_length_open_takes_the_rest_of_the_run() -> None:
    recipe = recipes.MASKED_BEST.override(epochs=12)
    assert recipe.schedule.config["decay_steps"] is None
    whole = recipe.whole_schedule()
    assert whole is not None and whole.config["decay_steps"] == 11  # after an epoch of rising
    assert recipe.override("schedule.decay_steps=5").whole_schedule().config["decay_steps"] == 5
    assert BASE.whole_schedule() is None


def test_a_scenario_runs_what_a_recipe_starts_from_first() -> None:
    assert recipes.scenario(recipes.PAPER_MASKED) == (
        recipes.PAPER_UNMASKED,
        recipes.PAPER_MASKED,
    )
    assert recipes.scenario(recipes.PAPER_MASKED_DIRECT) == (recipes.PAPER_MASKED_DIRECT,)


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        BASE.epochs = 3  # type: ignore[misc]


def test_another_head_brings_its_own_default_loss_but_no_loss_that_was_chosen_goes() -> None:
    cosine = BASE.override(head="cosine")
    assert cosine.loss.class_name == "CosineMargin" and cosine == Recipe(name="base", head="cosine")
    assert cosine.override("head=linear").loss == BASE.loss
    chosen = cosine.override("loss.margin=0.4")
    assert chosen.override("head=linear").loss == chosen.loss
    assert BASE.override("head=cosine", "loss=ArcFace").loss.class_name == "ArcFace"


def test_a_head_trained_on_the_short_embedding_is_not_kept_for_the_joined_one() -> None:
    with pytest.raises(ValueError, match="head_final must be 'class_means' or 'photo_means'"):
        Recipe(name="mapped", head="cosine", map_join=True)
