"""Networks are the same whatever Keras is set to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import models
from maskedface.training.backbones import build_backbone


@pytest.fixture(
    params=[("channels_first", "mixed_float16"), ("channels_last", "mixed_bfloat16")],
    ids=" ".join,
)
def setting(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keras set otherwise, as by its keras.json."""
    layout, policy = keras.config.image_data_format(), keras.config.dtype_policy()
    keras.config.set_image_data_format(request.param[0])
    keras.config.set_dtype_policy(request.param[1])
    yield
    keras.config.set_image_data_format(layout)
    keras.config.set_dtype_policy(policy)


def tiny() -> keras.Model:
    return models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))


BUILDS: dict[str, Callable[[], keras.Model]] = {
    "ResNet50": tiny,
    "DlibResNet29": lambda: models.DlibResNet29(None),
    "SENet50": lambda: models.SENet50(None, (64, 64, 3), filters=4, blocks=(1, 1, 1, 1)),
    "VGGFace": lambda: models.VGGFace(None, (32, 32, 3), filters=2, units=4),
    "InceptionResNetV1": lambda: models.InceptionResNetV1(
        None, (80, 80, 3), filters=2, blocks=(1, 1, 1), normalization="per_image"
    ),
    "IResNet": lambda: models.IResNet(None, (32, 32, 3), filters=2, blocks=(1, 1, 1, 1)),
    "AdaFaceIR": lambda: models.AdaFaceIR(None, (32, 32, 3), filters=2, blocks=(1, 1, 1, 1)),
    "classifier": lambda: models.classifier(tiny(), 3, head=models.LinearHead(hidden=(4,))),
    "cosine classifier": lambda: models.classifier(tiny(), 3, head="cosine", dropout=0.5),
    "folded": lambda: models.fold_batch_norm(tiny()),
}


@pytest.fixture(scope="module")
def usual() -> dict[str, Any]:
    return {name: build().get_config() for name, build in BUILDS.items()}


# It traces or trains a whole network.
@pytest.mark.long
@pytest.mark.parametrize("name", BUILDS)
def test_every_layer_is_set_as_usual(usual: dict[str, Any], setting: None, name: str) -> None:
    layers = zip(BUILDS[name]().get_config()["layers"], usual[name]["layers"], strict=True)
    for ours, theirs in layers:
        assert ours["class_name"] == theirs["class_name"]
        drawn = {"seed": 0, "name": ""}  # numbers that Keras makes up
        assert ours["config"] | drawn == theirs["config"] | drawn


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, np.ndarray]:
    """A network's file, images, and their embeddings under Keras' usual settings."""
    path = tmp_path_factory.mktemp("saved") / "tiny.keras"
    model = models.mirror_join(tiny())
    model.save(path)
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    return path, images, models.predict(model, images)


# It traces or trains a whole network.
@pytest.mark.long
def test_a_network_of_a_file_computes_the_same_bits(
    saved: tuple[Path, np.ndarray, np.ndarray], setting: None
) -> None:
    path, images, expected = saved
    backbone = build_backbone(path, None, 64)
    np.testing.assert_array_equal(models.predict(backbone, images), expected)


def test_the_callers_policy_stays(setting: None) -> None:
    before = keras.config.dtype_policy()
    tiny()
    assert keras.config.dtype_policy() is before


def test_another_type_of_numbers_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.config, "floatx", lambda: "float16")
    with pytest.raises(ValueError, match=r"floatx\(\) must be 'float32'.* Received: 'float16'"):
        tiny()


def test_channels_first_is_refused_for_a_network_of_keras_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    with pytest.raises(ValueError, match="must be 'channels_last'.* Received: 'channels_first'"):
        build_backbone("EfficientNetV2B0", None, 64, "arcface")


# It traces or trains a whole network.
@pytest.mark.long
@pytest.mark.parametrize("setting", [("channels_last", "mixed_float16")], indirect=True)
def test_a_network_of_keras_is_in_float32(setting: None) -> None:
    found = build_backbone("MobileNetV3Small", None, 64, "arcface")
    assert {layer.dtype_policy.name for layer in found.layers} == {"float32"}
