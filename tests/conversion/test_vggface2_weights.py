"""VGGFace2's arrays into ResNet50: strict both ways, for every layout."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from maskedface import models
from maskedface.conversion.assigning import assign, name_map
from maskedface.conversion.layouts import detect
from maskedface.conversion.vggface2 import LAYOUTS
from tests.conversion import layout_files
from tests.conversion.layout_files import Arrays

BLOCKS = (1, 2, 1, 1)
LAYOUT_NAMES = ("pytorch", "dag", "keras")


def network(layout: str) -> Arrays:
    arrays = layout_files.random_network(2, BLOCKS)
    if layout == "pytorch":
        return arrays
    return layout_files.as_dag(arrays) if layout == "dag" else layout_files.as_keras(arrays, True)


@pytest.fixture(scope="module")
def backbone() -> keras.Model:
    return models.ResNet50(None, (None, None, 3), filters=2, blocks=BLOCKS)


def values(backbone: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for weight in backbone.get_weights()]


def assert_refused(backbone: keras.Model, arrays: Arrays, match: str) -> None:
    before = values(backbone)
    with pytest.raises(ValueError, match=match):
        assign(backbone, arrays)
    for old, new in zip(before, values(backbone), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
def test_every_layout_gives_the_same_variables_bit_by_bit(
    backbone: keras.Model, layout: str
) -> None:
    assign(backbone, network("pytorch"))
    before = values(backbone)
    backbone.set_weights([np.zeros_like(value) for value in before])
    assign(backbone, network(layout))
    for old, new in zip(before, values(backbone), strict=True):
        np.testing.assert_array_equal(old, new)


# It reads and compares a whole network.
@pytest.mark.long
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_variable_is_mapped_once(layout: object) -> None:
    backbone = models.ResNet50(None, (None, None, 3), filters=2)
    mapped = [target.variable for target in name_map(backbone, layout).values()]
    assert len(mapped) == len(backbone.weights) == 265
    assert {id(variable) for variable in mapped} == {id(weight) for weight in backbone.weights}


@pytest.mark.parametrize(
    ("layout", "channels"), [("pytorch", "BGR"), ("dag", "RGB"), ("keras", "BGR")]
)
def test_the_layout_decides_the_channel_order(layout: str, channels: str) -> None:
    assert detect(network(layout)).channels == channels


def test_what_is_left_over_is_told_by_name(backbone: keras.Model) -> None:
    left_over = assign(backbone, network("dag")).left_over
    assert {"classifier.weight", "classifier.bias"} < set(left_over)
    rest = set(left_over) - {"classifier.weight", "classifier.bias"}
    assert rest and all(name.endswith("_bn.num_batches_tracked") for name in rest)


def test_the_arrays_are_let_go(backbone: keras.Model) -> None:
    arrays = network("pytorch")
    assign(backbone, arrays)
    assert not arrays


@pytest.mark.parametrize("layout", ["dag", "keras"])
def test_the_classifier_may_be_missing(backbone: keras.Model, layout: str) -> None:
    arrays = {k: v for k, v in network(layout).items() if not k.startswith("classifier")}
    assert not any("classifier" in name for name in assign(backbone, arrays).left_over)


def test_torchvisions_names_without_the_classifier_are_refused(backbone: keras.Model) -> None:
    arrays = {k: v for k, v in network("pytorch").items() if not k.startswith("fc.")}
    assert_refused(backbone, arrays, r"2 missing \['fc.weight', 'fc.bias'\]")


def test_an_imagenet_classifier_is_refused(backbone: keras.Model) -> None:
    arrays = network("pytorch")
    arrays["fc.weight"], arrays["fc.bias"] = np.zeros((1000, 64)), np.zeros(1000)
    assert_refused(backbone, arrays, r"fc.weight must be of 8631 people.*\(1000, 64\)")


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
def test_one_tensor_missing_is_refused(backbone: keras.Model, layout: str) -> None:
    arrays = network(layout)
    name = list(arrays)[4]
    del arrays[name]
    assert_refused(backbone, arrays, f"1 missing .*{name}.*, 0 unknown")


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
def test_one_tensor_more_is_refused(backbone: keras.Model, layout: str) -> None:
    arrays = network(layout) | {"layer1.7.conv1.weight": np.zeros((2, 8, 1, 1))}
    assert_refused(backbone, arrays, r"0 missing \[\], 1 unknown \['layer1.7.conv1.weight'\]")


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
def test_one_tensor_transposed_is_refused(backbone: keras.Model, layout: str) -> None:
    arrays = network(layout)
    name = next(name for name in arrays if arrays[name].ndim == 4)
    arrays[name] = arrays[name].transpose(1, 0, 3, 2) if layout != "keras" else arrays[name].T
    assert_refused(backbone, arrays, f"1 others: {name} ")


def nan(array: np.ndarray) -> np.ndarray:
    return np.where(array == array.ravel()[0], np.nan, array)


def flat(array: np.ndarray) -> np.ndarray:
    return array.ravel()


@pytest.mark.parametrize("damage", [nan, flat])
def test_a_damaged_tensor_is_refused(
    backbone: keras.Model, damage: Callable[[np.ndarray], np.ndarray]
) -> None:
    arrays = network("pytorch")
    arrays["layer2.0.conv2.weight"] = damage(arrays["layer2.0.conv2.weight"])
    assert_refused(backbone, arrays, "1 others: layer2.0.conv2.weight")


def test_the_network_re_trained_in_another_geometry_is_refused(backbone: keras.Model) -> None:
    arrays = network("keras") | {"dim_proj/kernel": np.zeros((64, 512))}
    assert_refused(backbone, arrays, "Keras-VGGFace2-ResNet50: it was retrained")


def test_other_networks_are_refused(backbone: keras.Model) -> None:
    assert_refused(backbone, {"features.0.weight": np.zeros(3)}, "1 names.*features.0.weight")


def test_another_backbone_is_refused() -> None:
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="other")
    with pytest.raises(ValueError, match=r"models.ResNet50. Received: other"):
        assign(other, network("pytorch"))
