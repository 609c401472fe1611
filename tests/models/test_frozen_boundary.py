"""Where a frozen prefix ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
from keras import layers

from maskedface import models
from maskedface.models.frozen_boundary import boundary


@pytest.fixture(scope="module")
def resnet() -> keras.Model:
    return models.ResNet50(None, (32, 32, 3), filters=2, blocks=(1, 2, 1, 1))


@pytest.mark.parametrize(
    ("through", "layer"),
    [
        ("stem", "stem_pool"),
        ("layer1", "layer1_0_relu3"),
        ("layer3", "layer3_0_relu3"),
        ("all", "pool_embedding"),
    ],
)
def test_resnet50_is_cut_after_its_last_frozen_stage(
    resnet: keras.Model, through: str, layer: str
) -> None:
    models.freeze(resnet, through)
    found = boundary(resnet)
    assert found is not None and found._keras_history.operation.name == layer


def test_a_block_is_not_cut_where_its_shortcut_runs_beside(resnet: keras.Model) -> None:
    models.freeze(resnet, "all")
    resnet.get_layer("layer2_1_conv3").trainable = True
    found = boundary(resnet)
    assert found is not None and found._keras_history.operation.name == "layer2_0_relu3"


def test_a_shortcut_that_arithmetic_adds_runs_beside_too() -> None:
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 1, name="first", trainable=False)(image)
    inner = layers.Conv2D(3, 1, name="inner", trainable=False)(x)
    inner = layers.Conv2D(3, 1, name="last")(inner)
    model = keras.Model(image, layers.Flatten()(inner + keras.ops.relu(x)))
    model.get_layer("last").trainable = False
    assert boundary(model) is model.output
    model.get_layer("last").trainable = True
    found = boundary(model)
    assert found is not None and found._keras_history.operation.name == "first"
    # The rest can be built from there: the inner and the last one.
    assert keras.Model(found, model.output).count_params() == 24


def test_a_sequential_model_is_cut() -> None:
    first = layers.Conv2D(2, 3, name="first", trainable=False)
    model = keras.Sequential([keras.Input((8, 8, 3)), first, layers.Conv2D(2, 3), layers.Flatten()])
    found = boundary(model)
    assert found is not None and found._keras_history.operation is first


@pytest.mark.parametrize(
    "between",
    [
        lambda x: keras.ops.maximum(*keras.ops.split(x, 2, -1)),
        lambda x: keras.ops.reshape(x, (-1, 9, 2)),
    ],
    ids=["two outputs", "rows that are no images"],
)
def test_it_is_cut_at_a_layer(between: Callable[[Any], Any]) -> None:
    image = keras.Input((8, 8, 3))
    x = between(layers.Conv2D(2, 3, name="first", trainable=False)(image))
    found = boundary(keras.Model(image, layers.Dense(2)(x)))
    assert found is not None and found._keras_history.operation.name == "first"


def test_nothing_frozen_has_no_prefix(resnet: keras.Model) -> None:
    models.freeze(resnet, "none")
    assert boundary(resnet) is None


def test_moving_batch_norms_and_dropout_end_it() -> None:
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(2, 3, name="first", trainable=False)(image)
    moving = layers.BatchNormalization(name="moving")
    x = layers.Conv2D(2, 3, name="second", trainable=False)(moving(x))
    x = layers.Dropout(0.5, name="drop")(x)
    model = keras.Model(image, layers.Flatten()(x))
    found = boundary(model)
    assert found is not None and found._keras_history.operation.name == "first"
    moving.trainable = False
    found = boundary(model)
    assert found is not None and found._keras_history.operation.name == "second"


def test_a_layer_used_twice_is_not_cut() -> None:
    image = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same", trainable=False)
    assert boundary(keras.Model(image, shared(shared(image)))) is None
