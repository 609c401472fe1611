"""Keras objects kept as data."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import layers, losses, models, recipes
from maskedface.recipes import Recipe, Spec
from maskedface.recipes.spec import changed
from tests.recipes.own_parts import Counting, Forgetful, Halved

OBJECTS = {
    "optimizer": lambda: keras.optimizers.Lion(3e-5, weight_decay=0.1),
    "with a schedule": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    ),
    "schedule": lambda: keras.optimizers.schedules.CosineDecay(0.0, 10, warmup_target=1.0),
    "loss": lambda: losses.ArcFace(0.4, 12.0),
    "Keras' loss": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "head": lambda: models.CosineHead(scale=8.0, dropout=0.1),
    "head of heads": lambda: models.SideBySide([models.LinearHead(), losses.CenterDistances()]),
    "mask": lambda: layers.RandomMask(0.3, ["surgical"], seed=3),
    "Keras' layer": lambda: keras.layers.RandomContrast(0.2, seed=3),
    "own layer": Halved,
    "callback": lambda: keras.callbacks.EarlyStopping(patience=3, min_delta=0.1),
    "own callback": lambda: Counting(7, step=0.5),
}


def words(value: Any) -> Any:
    """What two objects of the same arguments have alike."""
    if isinstance(value, keras.callbacks.Callback):
        return {k: v for k, v in vars(value).items() if isinstance(v, (int, float, str))}
    config = {key: item for key, item in value.get_config().items() if key != "name"}
    return json.loads(json.dumps(config, default=str))


@pytest.mark.parametrize("kind", OBJECTS)
def test_an_object_goes_in_and_one_like_it_comes_out(kind: str) -> None:
    given = OBJECTS[kind]()
    spec = Spec.of(given)
    built = spec.build()
    assert type(built) is type(given) and built is not given
    if kind != "head of heads":  # its parts' names are numbered
        assert words(built) == words(given)
    assert Spec.of(built) == spec


@pytest.mark.parametrize("kind", OBJECTS)
def test_the_data_is_json_and_is_read_back(kind: str) -> None:
    spec = Spec.of(OBJECTS[kind]())
    assert Spec.of(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize("kind", OBJECTS)
def test_building_leaves_the_data_as_it_is(kind: str) -> None:
    spec = Spec.of(OBJECTS[kind]())
    before = json.dumps(spec.to_dict())
    spec.build()
    spec.build()
    assert json.dumps(spec.to_dict()) == before


@pytest.mark.parametrize("value", [1e-4, 3e-5, 0.002, 0.1, 1 / 3, 0.25, 24.0, 1e300])
def test_a_number_is_the_shortest_that_means_the_same(value: float) -> None:
    # Keras keeps a rate in a float32 variable: 1e-4 comes out of it as 9.999999747378752e-05.
    kept = Spec.of(keras.optimizers.Adam(min(value, 1e30))).config["learning_rate"]
    assert np.float32(kept) == np.float32(min(value, 1e30)) and len(str(kept)) <= 11
    if value < 1e30 and len(str(value)) < 8:
        assert kept == value
    assert Spec.of(losses.CosineMargin(0.1, value)).config["scale"] == value


def test_a_callback_without_a_config_is_its_attributes() -> None:
    spec = Spec.of(Counting(7))
    assert spec == Spec("tests.recipes.own_parts", "Counting", {"first": 7, "step": 1.0})
    assert Spec.of(keras.callbacks.TerminateOnNaN()).module == "keras.callbacks"


@pytest.mark.parametrize(
    ("callback", "without"),
    [
        (lambda: Forgetful(3), r"Forgetful without \['first'\]"),
        (lambda: Counting(print), r"Counting without \['first'\]"),  # type: ignore[arg-type]
        (
            lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 1.0),
            r"LearningRateScheduler without \['schedule'\]",
        ),
    ],
)
def test_a_callback_that_cannot_be_made_again_is_refused(callback: Any, without: str) -> None:
    with pytest.raises(ValueError, match=f"must have get_config, or store .* Received: {without}"):
        Spec.of(callback())


def test_a_class_is_named_without_keras() -> None:
    code = (
        "import sys\nfrom maskedface import recipes\n"
        "spec = recipes.Spec.named('keras.optimizers.Adam', learning_rate=0.1)\n"
        "recipe = recipes.MASKED_BEST.override('epochs=2', **{'loss.margin': 0.3})\n"
        "assert recipes.Recipe.from_json(recipe.to_json()) == recipe\n"
        "print(spec, 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "Adam(learning_rate=0.1) False"


@pytest.fixture(scope="module")
def built() -> list[str]:
    """What a process builds that imported a package before Keras, and the module of a class never."""
    code = (
        "import json, sys\n"
        "from maskedface import models, recipes\n"
        "assert not {'keras', 'tests.recipes.own_parts'} & {*sys.modules}\n"
        "print(type(recipes.MASKED_BEST.head.build()).__name__)\n"
        "built = recipes.Spec.of(json.loads(sys.argv[1])).build()\n"
        "import numpy as np\nprint(type(built).__module__, float(built(np.ones(1) * 3)[0]))"
    )
    words = [sys.executable, "-c", code, json.dumps(Spec.of(Halved()).to_dict())]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


# A new process imports Keras.
@pytest.mark.long
def test_a_class_is_found_in_a_package_that_was_imported_before_keras(built: list[str]) -> None:
    assert built[0] == "CosineHead"


# A new process imports Keras.
@pytest.mark.long
def test_a_registered_class_is_found_by_importing_its_module(built: list[str]) -> None:
    assert built[1] == "tests.recipes.own_parts 1.5"


def test_a_default_said_once_more_is_the_same_recipe() -> None:
    head = Spec.named("maskedface.models.LinearHead", dropout=0.5)
    assert changed(head, ["hidden"], [], "head") == head


def test_none_of_a_required_argument_is_kept() -> None:
    # `--set schedule.decay_steps=null`: the rest of the run, which a recipe fills in.
    path = "keras.optimizers.schedules.CosineDecay"
    recipe = recipes.MASKED_BEST.override(
        f"schedule={path}",
        "schedule.initial_learning_rate=1.0",
        "schedule.decay_steps=null",
        "epochs=5",
    )
    afresh = recipes.COSINE_MARGIN.override(
        "schedule=CosineDecay",
        "schedule.initial_learning_rate=1.0",
        "schedule.decay_steps=null",
        "epochs=5",
    )
    assert recipe.value_at("schedule.initial_learning_rate") == 1.0
    assert afresh.schedule == Spec.named(path, initial_learning_rate=1.0, decay_steps=None)
    assert afresh.whole_schedule() == Spec.named(path, initial_learning_rate=1.0, decay_steps=5)


def test_a_registered_class_needs_no_module_that_can_be_imported() -> None:
    # A notebook's, say, or one of a test that is read from its path.
    spec = Spec("no.such.module", "Halved", Spec.of(Halved()).config, "elsewhere>Halved")
    assert isinstance(spec.build(), Halved)
    assert "trainable" in spec.arguments("trainable")


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (Spec("no.such.module", "Mine"), "No module named 'no'"),
        (Spec("no.such.module", "Mine", {}, "nobody>Mine"), "No module named 'no'"),
        (Spec("keras.optimizers", "Adan"), "Could not deserialize 'keras.optimizers.Adan'"),
        (Spec("maskedface.losses", "CosineMargin", {"margn": 1}), "margn"),
        (Spec.named("maskedface.losses.CosineMargin", margin=2), r"margin must be in \[0, 1\)"),
    ],
)
def test_what_cannot_be_built_says_why(spec: Spec, why: str) -> None:
    with pytest.raises(ValueError, match=f"{spec.class_name} must be a class .*Received: .*{why}"):
        spec.build()


def test_a_class_of_a_function_is_refused_when_it_is_given() -> None:
    class Local(keras.layers.Layer):
        pass

    with pytest.raises(ValueError, match="Local must be a class that can be imported"):
        Spec.of(Local())


@pytest.mark.parametrize(
    "value", [3, None, "Adam", object(), {"class_name": "Adam"}, {"class_name": 1, "config": {}}]
)
def test_what_is_no_keras_object_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="Keras object"):
        Spec.of(value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_know_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="a number in a recipe must be finite. Received: "):
        Spec.named("keras.optimizers.Adam", learning_rate=number)


def test_another_class_is_suggested() -> None:
    with pytest.raises(ValueError, match=r"Received: 'Adem'; did you mean Adam\?"):
        Spec.named("keras.optimizers.SGD").other_class("keras.optimizers.Adem")


def test_what_a_recipe_leaves_open_is_filled_in() -> None:
    head = Spec.of(models.CosineHead(scale=3.0)).build(num_classes=5)
    assert (head.num_classes, head.scale) == (5, 3.0)


@pytest.mark.parametrize(
    "setting",
    ["head.dropout=0", "head.hidden=[8]", "optimizer.clipnorm=1.0", "loss.ignore_class=0"],
)
def test_an_argument_that_the_class_names_is_changed_without_making_the_object(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """What it is made of would start TensorFlow or JAX before a run has set threads or processes."""
    monkeypatch.setattr(Spec, "build", None)
    path, _, value = setting.partition("=")
    assert Recipe(name="a").override(setting).value_at(path) == json.loads(value)
