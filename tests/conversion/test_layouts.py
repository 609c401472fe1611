"""Which layout a file is in, and what `assign` makes of the axes of any network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import models
from maskedface.conversion import layouts, weights_h5
from maskedface.conversion.assigning import assign, name_map
from maskedface.conversion.layout import KERAS_VARIABLES, TORCH_VARIABLES, Layout, layer_by_layer
from maskedface.models import weights
from tests.conversion import layout_files

SMALL: dict[str, dict[str, Any]] = {
    "ResNet50": {"input_shape": (64, 64, 3), "filters": 2, "blocks": (1, 2, 1, 1)},
    "IResNet": {
        **{"input_shape": (32, 32, 3), "filters": 2, "blocks": (1, 2, 1, 1)},
        "embedding_size": 4,
    },
    "AdaFaceIR": {
        **{"input_shape": (32, 32, 3), "filters": 2, "blocks": (1, 2, 1, 1)},
        "embedding_size": 4,
    },
    "SENet50": {"input_shape": (64, 64, 3), "filters": 16, "blocks": (1, 2, 1, 1)},
    "InceptionResNetV1": {"input_shape": (80, 80, 3), "filters": 2, "blocks": (1, 1, 1)},
    "VGGFace": {"input_shape": (32, 32, 3), "filters": 2, "units": 4},
}


def small(architecture: str) -> keras.Model:
    return getattr(models, architecture)(None, **SMALL[architecture])


def in_layout(backbone: keras.Model, layout: Layout) -> dict[str, np.ndarray]:
    """Another program's file of a network, made from the names and shapes that ours has."""
    arrays = {}
    for name, target in name_map(backbone, layout).items():
        value = np.array(target.variable)
        if layout.torch_axes and value.ndim == 2:
            height, width, channels = target.flattened or (1, 1, value.shape[0])
            value = value.reshape(height, width, channels, -1).transpose(3, 2, 0, 1)
            value = value.reshape(value.shape[0], -1)
        elif layout.torch_axes and value.ndim == 4:
            value = value.transpose(3, 2, 0, 1)
        elif value.ndim == 3:
            value = value.ravel()
        arrays[name] = value
    for name, value in layout.constants.items():
        arrays[name] = np.full(SMALL[layout.architecture]["embedding_size"], value, "float32")
    if layout.classifier_needed:
        width, people = backbone.output_shape[-1], layout.classes[0]
        shapes = ((people, width), (people,))
        arrays |= {
            name: np.zeros(one, "float32")
            for name, one in zip(layout.classifier, shapes, strict=True)
        }
    return arrays


def test_every_layout_has_a_name_of_its_own_and_a_network() -> None:
    names = [(one.architecture, one.name, one.signs) for one in layouts.LAYOUTS]
    assert len(set(names)) == len(names)
    assert set(layouts.architectures()) == set(SMALL)


@pytest.mark.parametrize(
    "layout", layouts.LAYOUTS, ids=lambda one: f"{one.architecture}, {one.name}"
)
def test_every_variable_has_one_tensor_in_every_layout(layout: Layout) -> None:
    backbone = small(layout.architecture)
    mapped = [target.variable for target in name_map(backbone, layout).values()]
    assert [id(one) for one in mapped] == [id(one) for one in backbone.weights]


# VGG-Face's files store axes in three ways, which tests/models/test_vggface.py writes.
@pytest.mark.parametrize(
    "layout",
    [one for one in layouts.LAYOUTS if one.architecture != "VGGFace"],
    ids=lambda one: f"{one.architecture}, {one.name}",
)
def test_a_file_is_known_by_its_names_and_tells_its_size(layout: Layout) -> None:
    backbone = small(layout.architecture)
    arrays = in_layout(backbone, layout)
    shapes = {name: array.shape for name, array in arrays.items()}
    assert layouts.detect(shapes) is layout
    words = layout.arguments(shapes)
    again = getattr(models, layout.architecture)(None, **words)
    assert [one.shape for one in again.weights] == [one.shape for one in backbone.weights]
    assert tuple(words["blocks"]) == SMALL[layout.architecture]["blocks"]
    assert assign(again, dict(arrays)).layout is layout


def test_the_network_asked_for_decides() -> None:
    arrays = in_layout(
        small("IResNet"), layouts.detect({"conv1.weight": (), "features.running_mean": ()})
    )
    with pytest.raises(ValueError, match=r"conv1.weight and layer1.0.conv3.weight .*Received"):
        layouts.detect(arrays, "ResNet50")


def test_a_network_that_no_file_of_tensors_holds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one of .*'ResNet50'.*Received: models.DlibResNet29"):
        layouts.detect({"conv1.weight": ()}, "DlibResNet29")


def test_a_prefix_before_prefixes_is_taken_off() -> None:
    names = ["module.backbone.conv1.weight", "module.backbone.bn1.weight"]
    assert layouts.without_prefix(names) == {
        "conv1.weight": names[0],
        "bn1.weight": names[1],
    }


def test_two_networks_in_one_file_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one network. Received: both 'conv1.weight' and 'model"):
        layouts.without_prefix(["conv1.weight", "model.conv1.weight"])


def test_what_was_mapped_is_told_by_the_files_own_names() -> None:
    arrays = {f"module.{n}": a for n, a in layout_files.random_network(2, (1, 2, 1, 1)).items()}
    told = assign(small("ResNet50"), arrays)
    assert told.mapped["module.conv1.weight"] == "stem_conv/kernel"
    assert told.left_over == ("module.fc.weight", "module.fc.bias")


def dense_layout(torch_axes: bool) -> Layout:
    sign = "dense.weight" if torch_axes else "dense/kernel"
    return Layout(
        *("a test's", "Any", "RGB", "x", (sign,)),
        rename=layer_by_layer(lambda name: name),
        arguments=lambda shapes: {},
        variables=TORCH_VARIABLES if torch_axes else KERAS_VARIABLES,
        torch_axes=torch_axes,
    )


def over_a_map() -> keras.Model:
    image = keras.Input((2, 3, 4))
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(image))
    return keras.Model(image, keras.layers.Dense(5, name="dense")(x))


@pytest.mark.parametrize("as_convolution", [False, True])
def test_torchs_dense_kernel_over_a_map_is_turned_round(
    as_convolution: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = dense_layout(torch_axes=True)
    monkeypatch.setattr(layouts, "LAYOUTS", (layout,))
    random = np.random.default_rng(0)
    kernel, bias = random.normal(size=(5, 4, 2, 3)), random.normal(size=5)
    faces = random.normal(size=(6, 2, 3, 4)).astype("float32")
    network = over_a_map()
    held = kernel if as_convolution else kernel.reshape(5, 24)
    assign(network, {"dense.weight": held, "dense.bias": bias})
    right = np.einsum("nhwc,ochw->no", faces, kernel) + bias
    np.testing.assert_allclose(network(faces), right, atol=1e-5)


@pytest.mark.parametrize("as_convolution", [False, True])
def test_kerass_dense_kernel_over_a_map_is_not(
    as_convolution: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = dense_layout(torch_axes=False)
    monkeypatch.setattr(layouts, "LAYOUTS", (layout,))
    random = np.random.default_rng(0)
    kernel, bias = random.normal(size=(2, 3, 4, 5)), random.normal(size=5)
    faces = random.normal(size=(6, 2, 3, 4)).astype("float32")
    network = over_a_map()
    held = kernel if as_convolution else kernel.reshape(24, 5)
    assign(network, {"dense/kernel": held, "dense/bias": bias})
    right = np.einsum("nhwc,hwco->no", faces, kernel) + bias
    np.testing.assert_allclose(network(faces), right, atol=1e-5)


def test_our_own_file_tells_its_network(tmp_path: Path) -> None:
    facts = {"architecture": "AdaFaceIR", "arguments": {"filters": 2}, "alignment": "dlib"}
    weights_h5.save(small("AdaFaceIR"), tmp_path / "a.weights.h5", facts)
    source = weights.read_source(tmp_path / "a.weights.h5")
    assert source.architecture == "AdaFaceIR"
    assert source.arguments == {"filters": 2, "alignment": "dlib"}
    with pytest.raises(ValueError, match=r"models.IResNet. Received: a models.AdaFaceIR"):
        weights.read_source(tmp_path / "a.weights.h5", "IResNet")
