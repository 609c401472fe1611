from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from maskedface import models
from maskedface.engines.keras_embedder import embedder_of, fingerprint
from maskedface.training.backbones import name_of


def network(stride: int = 2, offset: float = -1.0) -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 128, offset)(image)
    x = layers.Conv2D(4, 3, stride, padding="same", activation="relu")(x)
    return keras.Model(image, layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize("head", ["linear", "cosine"])
def test_a_head_is_taken_off(head: str) -> None:
    backbone = network()
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("float32")
    embedder = embedder_of(models.classifier(backbone, 5, head=head, dropout=0.5))
    np.testing.assert_array_equal(embedder(images), backbone(images))
    assert embedder.name == backbone.name
    assert fingerprint(embedder, "dlib") == fingerprint(embedder_of(backbone), "dlib")


def test_hidden_layers_belong_to_the_head() -> None:
    embedder = embedder_of(models.classifier(network(), 5, head=models.LinearHead(hidden=(7,))))
    assert embedder.output_shape == (None, 4)


def test_the_same_network_has_the_same_fingerprint(tmp_path: Path) -> None:
    first, again = network(), network()  # Keras numbers the second one's layers on
    assert first.layers[1].name != again.layers[1].name
    first.save(tmp_path / "first.keras")
    read = keras.models.load_model(tmp_path / "first.keras")
    read.trainable = False
    prints = {fingerprint(embedder_of(model), "dlib") for model in (first, again, read)}
    assert len(prints) == 1 and len(prints.pop()) == 32


def with_operations() -> keras.Model:
    image = keras.Input((32, 32, 3))
    x = keras.ops.relu(image / 255.0) + 1.0
    return keras.Model(image, keras.ops.mean(x, (1, 2)))


def sequential() -> keras.Model:
    return keras.Sequential([keras.Input((32, 32, 3)), layers.GlobalAveragePooling2D()])


def nested() -> keras.Model:
    image = keras.Input((32, 32, 3))
    return keras.Model(image, layers.LayerNormalization()(sequential()(image)))


def wrapped() -> keras.Model:
    image = keras.Input((32, 32, 3))
    shared = layers.TimeDistributed(layers.GlobalAveragePooling1D())
    return keras.Model(image, layers.Flatten()(shared(image)))


@pytest.mark.parametrize("build", [with_operations, sequential, nested, wrapped])
def test_what_keras_numbers_changes_no_fingerprint(build, tmp_path: Path) -> None:
    first, again = build(), build()
    assert first.get_config() != again.get_config()
    again.save(tmp_path / "again.keras")
    read = keras.models.load_model(tmp_path / "again.keras")
    assert len({fingerprint(model, "arcface") for model in (first, again, read)}) == 1
    assert name_of(first) == name_of(again)


def test_whatever_changes_an_embedding_changes_the_fingerprint() -> None:
    model = network()
    other = network()
    kernel = other.layers[2].kernel
    kernel.assign(kernel + 1e-6)
    changed = [model, other, network(stride=1), network(offset=0.0)]
    prints = {fingerprint(embedder_of(one), "dlib") for one in changed}
    assert len(prints | {fingerprint(embedder_of(model), "arcface")}) == 5


@pytest.mark.parametrize("change", [lambda model: model, models.mirror_join])
def test_stating_the_alignment_changes_no_fingerprint(change) -> None:
    silent, stating = network(), models.with_alignment(network(), "dlib")
    prints = {fingerprint(embedder_of(change(model)), "dlib") for model in (silent, stating)}
    assert len(prints) == 1


def test_a_resnet50_has_the_fingerprint_it_had_before_it_stated_its_alignment() -> None:
    keras.utils.set_random_seed(0)
    model = models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))
    silent = keras.Model(model.get_layer("face_alignment").output, model.output)
    assert fingerprint(embedder_of(model), "dlib") == fingerprint(embedder_of(silent), "dlib")


@pytest.mark.parametrize("shape", [(32, 24, 3), (None, None, 3), (32, 32, 1)])
def test_a_model_of_other_images_is_refused(shape: tuple[int, ...]) -> None:
    image = keras.Input(shape)
    model = keras.Model(image, layers.GlobalAveragePooling2D()(image))
    with pytest.raises(ValueError, match="model must"):
        embedder_of(model)


def test_a_model_that_gives_maps_is_refused() -> None:
    image = keras.Input((32, 32, 3))
    with pytest.raises(ValueError, match="one vector per image"):
        embedder_of(keras.Model(image, layers.Conv2D(2, 3)(image)))
