"""A model states the alignment of its images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from maskedface import models
from maskedface.models.frozen_boundary import boundary
from maskedface.models.views import join

SMALL = {"input_shape": (32, 32, 3), "filters": 2, "blocks": (1, 1, 1, 1)}


def resnet(**words: object) -> keras.Model:
    return models.ResNet50(None, **SMALL, **words)  # type: ignore[arg-type]


def plain() -> keras.Model:
    """A model of stock layers, which states nothing."""
    image = keras.Input((32, 32, 3), name="image")
    x = layers.Conv2D(4, 3, name="stem_conv")(image)
    return keras.Model(image, layers.GlobalAveragePooling2D(name="pool")(x), name="plain")


def two_kinds() -> list[tuple[np.ndarray, np.ndarray]]:
    """Images for `models.adapt`, half of them said to be masked."""
    images = np.random.default_rng(1).integers(0, 256, (8, 32, 32, 3), "uint8")
    return [(images, np.arange(8) < 4)]


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), "uint8")


def test_an_unknown_alignment_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one of \['arcface', .* Received: alignment='oval'"):
        models.FaceAlignment("oval")


def test_a_renamed_resnet50_keeps_its_alignment() -> None:
    assert models.alignment_of(resnet(name="mine", alignment="arcface")) == "arcface"


def test_a_resnet50_is_of_vggface2s_faces() -> None:
    assert models.alignment_of(resnet()) == "vggface2"


def test_dlibs_network_is_of_dlibs_faces() -> None:
    assert models.alignment_of(models.DlibResNet29(None)) == "dlib"


def test_dlibs_network_takes_another_alignment() -> None:
    assert models.alignment_of(models.DlibResNet29(None, alignment="arcface")) == "arcface"


def test_a_model_that_states_none_is_refused() -> None:
    with pytest.raises(ValueError, match="pass alignment= .* Received: model 'plain'"):
        models.alignment_of(plain())


def test_a_model_that_states_two_is_refused() -> None:
    two = join([resnet(name="a"), resnet(name="b", alignment="arcface")])
    with pytest.raises(ValueError, match=r"state one alignment. .*'arcface', 'vggface2'"):
        models.alignment_of(two)


def test_a_keras_file_keeps_it(tmp_path: Path) -> None:
    resnet(alignment="arcface").save(tmp_path / "m.keras")
    assert models.alignment_of(keras.models.load_model(tmp_path / "m.keras")) == "arcface"


@pytest.mark.parametrize(
    "change",
    [
        keras.models.clone_model,
        models.fold_batch_norm,
        models.mirror_join,
        models.map_join,
        lambda model: models.adapt(model, two_kinds()),
        lambda model: models.with_precision(model, "bfloat16"),
        lambda model: models.upper_view(model, (4.0, 2.0, 28.0, 20.0)),
        lambda model: models.whole_and_upper(model, (4.0, 2.0, 28.0, 20.0)),
        lambda model: models.embedder(models.classifier(model, 3)),
        lambda model: join([model, resnet(name="other", alignment="arcface")]),
    ],
)
def test_whatever_is_made_of_a_model_keeps_it(
    change: Callable[[keras.Model], keras.Model],
) -> None:
    assert models.alignment_of(change(resnet(alignment="arcface"))) == "arcface"


def test_gray_levels_survive_bfloat16() -> None:
    low = models.with_precision(resnet(), "bfloat16").get_layer("face_alignment")
    assert low.compute_dtype == "float32"


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_images_keep_their_values_and_type(images: np.ndarray, dtype: str) -> None:
    found = models.FaceAlignment("dlib")(keras.ops.convert_to_tensor(images.astype(dtype)))
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(found), images.astype(dtype))


@pytest.mark.parametrize("build", [plain, resnet])
def test_a_model_is_given_an_alignment(build: Callable[[], keras.Model]) -> None:
    assert models.alignment_of(models.with_alignment(build(), "arcface")) == "arcface"


@pytest.mark.parametrize("build", [plain, resnet])
def test_an_alignment_changes_no_output(
    build: Callable[[], keras.Model], images: np.ndarray
) -> None:
    model = build()
    found = models.predict(models.with_alignment(model, "arcface"), images)
    np.testing.assert_array_equal(found, models.predict(model, images))


def test_the_first_model_stays_as_it_is() -> None:
    model = resnet()
    models.with_alignment(model, "arcface")
    assert models.alignment_of(model) == "vggface2"


def test_names_of_layers_stay() -> None:
    names = [layer.name for layer in plain().layers]
    given = [layer.name for layer in models.with_alignment(plain(), "dlib").layers]
    assert given == [names[0], "face_alignment", *names[1:]]


def test_a_model_inside_is_given_the_alignment_too() -> None:
    joined = models.mirror_join(resnet())
    assert models.alignment_of(models.with_alignment(joined, "dlib")) == "dlib"


# It traces or trains a whole network.
@pytest.mark.long
def test_a_model_inside_keeps_its_weights(images: np.ndarray) -> None:
    joined = models.mirror_join(resnet())
    found = models.predict(models.with_alignment(joined, "dlib"), images)
    np.testing.assert_array_equal(found, models.predict(joined, images))


def test_a_network_of_keras_is_given_an_alignment() -> None:
    words = {"include_top": False, "weights": None, "pooling": "avg"}
    net = keras.applications.MobileNetV3Small(input_shape=(64, 64, 3), **words)
    assert models.alignment_of(models.with_alignment(net, "arcface")) == "arcface"


def test_a_sequential_model_is_given_an_alignment() -> None:
    net = keras.Sequential([keras.Input((32, 32, 3)), layers.GlobalAveragePooling2D()])
    assert models.alignment_of(models.with_alignment(net, "arcface")) == "arcface"


def test_it_can_be_cut_and_frozen_as_before() -> None:
    given = models.with_alignment(resnet(), "arcface")
    models.freeze(given, "layer2")
    cut = boundary(given)
    assert cut is not None and cut._keras_history.operation.name == "layer2_0_relu3"
