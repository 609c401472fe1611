"""Folding and precision: the same network in another form."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from maskedface import models


@pytest.fixture
def network() -> keras.Model:
    """Batch norms after a convolution, after one with a bias, after a ReLU, and after a shared map."""
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3), name="image")
    x = layers.Rescaling(1 / 255, name="preprocess")(image)
    x = layers.Conv2D(4, 3, use_bias=False, name="plain")(x)
    x = layers.BatchNormalization(epsilon=1e-5, name="plain_bn")(x)
    x = layers.Conv2D(4, 3, bias_initializer="normal", name="biased")(x)
    x = layers.BatchNormalization(scale=False, center=False, name="biased_bn")(x)
    x = layers.Conv2D(4, 3, activation="relu", name="active")(x)
    x = layers.BatchNormalization(name="active_bn")(x)
    shared = layers.Conv2D(4, 3, padding="same", name="shared")(x)
    x = layers.Add(name="add")([layers.BatchNormalization(name="shared_bn")(shared), shared])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(image, x, name="network")
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            shapes = [weight.shape for weight in layer.get_weights()]
            layer.set_weights([random.uniform(0.1, 2.0, shape) for shape in shapes])
    return model


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)


@pytest.mark.parametrize("change", ["folded", "bfloat16", "back to float32"])
def test_arithmetic_between_layers_stays(change: str, images: np.ndarray) -> None:
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, padding="same")(image / 255)
    x = keras.ops.relu(layers.BatchNormalization()(x) + 2.0 * x)
    model = keras.Model(image, keras.ops.mean(x, (1, 2)))
    if change == "folded":
        found = models.fold_batch_norm(model)
    else:
        found = models.with_precision(model, "bfloat16")
        found = models.computing_float32(found) if change == "back to float32" else found
    assert found.output.dtype == "float32"
    tolerance = 1e-2 if change == "bfloat16" else 1e-5
    np.testing.assert_allclose(
        models.predict(found, images), models.predict(model, images), rtol=tolerance
    )


# It traces or trains a whole network.
@pytest.mark.long
def test_folding_keeps_the_outputs(network: keras.Model, images: np.ndarray) -> None:
    right, found = models.predict(network, images), None
    found = models.predict(models.fold_batch_norm(network), images)
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6 * abs(right).max())


def test_only_a_batch_norm_that_a_convolution_can_hold_is_folded(network: keras.Model) -> None:
    folded = models.fold_batch_norm(network)
    kept = [x.name for x in folded.layers if isinstance(x, layers.BatchNormalization)]
    assert kept == ["active_bn", "shared_bn"]
    assert not folded.trainable_variables


def test_folding_leaves_the_model_as_it_was(network: keras.Model) -> None:
    before = network.get_weights()
    models.fold_batch_norm(network).get_layer("plain").kernel.assign_add(
        np.float32(1) + 0 * before[0]
    )
    for one, other in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_folded_resnet50_has_no_batch_norm_left() -> None:
    backbone = models.ResNet50(None, (32, 32, 3), filters=2, blocks=(1, 1, 1, 1))
    folded = models.fold_batch_norm(backbone)
    assert not any(isinstance(x, layers.BatchNormalization) for x in folded.layers)


# It traces or trains a whole network.
@pytest.mark.long
def test_a_folded_model_is_saved_and_read(
    network: keras.Model, images: np.ndarray, tmp_path: Path
) -> None:
    folded = models.with_precision(models.fold_batch_norm(network), "bfloat16")
    folded.save(tmp_path / "folded.keras")
    again = keras.models.load_model(tmp_path / "folded.keras")
    np.testing.assert_array_equal(models.predict(folded, images), models.predict(again, images))


def test_bfloat16_is_for_feature_maps_alone(network: keras.Model, images: np.ndarray) -> None:
    low = models.with_precision(network, "bfloat16")
    kinds = {layer.name: layer.compute_dtype for layer in low.layers}
    assert kinds["preprocess"] == kinds["pool"] == "float32"
    assert {kinds[name] for name in ("plain", "plain_bn", "add")} == {"bfloat16"}
    right, found = models.predict(network, images), models.predict(low, images)
    assert found.dtype == np.float32 and (found != right).any()
    np.testing.assert_allclose(found, right, atol=0.02 * abs(right).max())


def test_float32_gives_the_first_model_back(network: keras.Model, images: np.ndarray) -> None:
    back = models.with_precision(models.with_precision(network, "bfloat16"), "float32")
    np.testing.assert_array_equal(models.predict(network, images), models.predict(back, images))


def test_another_precision_is_refused(network: keras.Model) -> None:
    with pytest.raises(ValueError, match="precision must be .* Received: precision='float16'"):
        models.with_precision(network, "float16")  # type: ignore[arg-type]


# What stands in front of a kernel: a batch norm there is folded where the kernel sees no padding.
@pytest.mark.parametrize(
    ("layer", "stays"),
    [
        (layers.Conv2D(5, 3, padding="same"), True),
        (layers.Conv2D(5, 3, padding="valid", strides=2), False),
        (layers.Conv2D(5, 1, padding="same", activation="relu"), False),
        (layers.Conv2D(6, 1, groups=2), True),
        (layers.Dense(5), True),  # of each place: not flattened
        (keras.Sequential([layers.Flatten(), layers.Dense(5)]), False),
    ],
)
def test_a_batch_norm_is_folded_into_the_layer_behind_it(
    layer: keras.layers.Layer, stays: bool, images: np.ndarray
) -> None:
    image = keras.Input((16, 16, 3), name="image")
    x = layers.AveragePooling2D(2)(layers.Conv2D(4, 3, activation="tanh")(image))
    x = layers.BatchNormalization(name="norm")(x)
    for one in layer.layers if isinstance(layer, keras.Sequential) else [layer]:
        x = type(one).from_config(one.get_config())(x)
    model = keras.Model(image, layers.BatchNormalization(name="last")(x))
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.1, 2.0, w.shape) for w in model.get_weights()])
    folded = models.fold_batch_norm(model)
    assert isinstance(folded.get_layer("norm"), layers.BatchNormalization) == stays
    right = models.predict(model, images)
    found = models.predict(folded, images)
    np.testing.assert_allclose(found, right, atol=2e-6 * abs(right).max())


@pytest.mark.parametrize("slopes", [(-0.5, 0.0, 0.25, 1.0), (-0.5, 0.0, 0.25, 1.5)])
def test_a_prelu_stays_itself(slopes: tuple[float, ...]) -> None:
    image = keras.Input((3, 3, 4))
    prelu = layers.PReLU(shared_axes=[1, 2], name="prelu")
    model = keras.Model(image, prelu(image))
    prelu.set_weights([np.reshape(slopes, (1, 1, 4))])
    maps = np.random.default_rng(0).normal(size=(2, 3, 3, 4)).astype("float32")
    found = models.predict(models.fold_batch_norm(model), maps)
    np.testing.assert_allclose(found, np.where(maps > 0, maps, maps * slopes), rtol=1e-6)
