"""VGG-Face against twins: NumPy at a small width, a torch module at full size."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import models
from maskedface.conversion.assigning import assign
from maskedface.conversion.layouts import detect
from maskedface.models.frozen_boundary import boundary
from tests.conversion import layout_files
from tests.models import vgg_network
from tests.models.numpy_layers import Arrays, share

FILTERS, UNITS, SIDE = 4, 24, 96
LAYOUTS = ("dag", "keras", "deepface", "deepface, numbered from 1", "deepface, numbered from 0")
# The last layer of each stage in our model.
OURS = {**{f"block{n}": f"block{n}_pool" for n in range(1, 6)}, "fc6": "fc6", "embedding": "fc7"}


def small(**words: Any) -> keras.Model:
    words = {"filters": FILTERS, "units": UNITS, **words}
    return models.VGGFace(None, (SIDE, SIDE, 3), **words)


@cache
def network() -> Arrays:
    return vgg_network.random_network(FILTERS, UNITS, SIDE)


def laid_out(layout: str) -> Arrays:
    """The network as a file of that layout holds it."""
    if layout == "dag":
        return dict(network())
    held: Arrays = {}
    for number, name in enumerate(dict.fromkeys(one.partition(".")[0] for one in network())):
        kernel, bias = network()[f"{name}.weight"], network()[f"{name}.bias"]
        if name == "fc6":  # of the map, channels first
            kernel = kernel.reshape(UNITS, 8 * FILTERS, SIDE // 32, SIDE // 32)
        elif kernel.ndim == 2:
            kernel = kernel[:, :, None, None]
        kernel = kernel.transpose(2, 3, 1, 0)
        if layout == "keras":
            kernel = kernel[:, :, ::-1] if name == "conv1_1" else kernel  # for BGR
            kernel = kernel.reshape(-1, kernel.shape[3]) if name.startswith("fc") else kernel
        elif layout != "deepface":
            number += int(layout[-1])
            name = f"conv2d_{number}" if number else "conv2d"
        held |= {f"{name}/kernel": kernel.copy(), f"{name}/bias": bias}
    return held


@cache
def filled(layout: str) -> keras.Model:
    model = small()
    assign(model, laid_out(layout))
    outputs = {name: model.get_layer(layer).output for name, layer in OURS.items()}
    return keras.Model(model.input, outputs)


@cache
def image(side: int = SIDE) -> np.ndarray:
    random = np.random.default_rng(side)
    slope = np.linspace(0, 120, side)[:, None, None] * np.array([1.0, 0.4, 0.1])
    return (slope + random.uniform(0, 135, (side, side, 3))).astype(np.float32)


@cache
def expected() -> dict[str, np.ndarray]:
    return vgg_network.forward(network(), image())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_stage_equals_plain_numpy(layout: str) -> None:
    found = filled(layout)(image()[None], training=False)
    for name, right in expected().items():
        assert share(right, np.asarray(found[name])[0]) < 2e-5, name


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_decides_the_channel_order(layout: str) -> None:
    found = detect({name: array.shape for name, array in laid_out(layout).items()})
    assert found.name.startswith(("vgg_face_dag", "keras-vggface", layout.partition(",")[0]))
    assert found.channels == ("BGR" if layout == "keras" else "RGB")


def test_exchanged_channels_would_be_seen() -> None:
    other = vgg_network.forward(network(), image()[:, :, ::-1])
    assert share(expected()["embedding"], other["embedding"]) > 1e-3


def test_the_order_of_the_last_map_would_be_seen() -> None:
    other = vgg_network.forward(network(), image(), channels_last=True)
    assert share(expected()["embedding"], other["embedding"]) > 0.1


def test_the_embedding_is_taken_behind_the_relu() -> None:
    embedding = np.asarray(filled("dag")(image()[None])["embedding"])
    assert embedding.min() == 0 and 0.2 < (embedding > 0).mean() < 0.8


# 537 MB.
@pytest.mark.slow
def test_the_real_size_is_vgg_16() -> None:
    model = models.VGGFace()
    assert model.input_shape == (None, 224, 224, 3) and model.output_shape == (None, 4096)
    # VGG-16's 138,357,544 without its thousand classes.
    assert model.count_params() == 138_357_544 - 4097 * 1000


def test_freezing_goes_by_stage() -> None:
    model = small()
    names = ("block1", "block2", "block3", "block4", "block5", "fc6", "fc7")
    assert models.stages(model) == names and models.alignment_of(model) == "vggface2"
    models.freeze(model, "block5")
    assert not model.get_layer("block5_conv3").trainable and model.get_layer("fc6").trainable
    frozen = boundary(model)
    assert frozen is not None and frozen.name == model.get_layer("flatten").output.name


def test_a_saved_network_computes_the_same(tmp_path: Path) -> None:
    model = small()
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(model(image()[None]), again(image()[None]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"input_shape": (224, 224, 1)}, "input_shape must be"),
        ({"input_shape": (None, None, 3)}, "height and width ints"),
        ({"input_shape": (31, 224, 3)}, "input_shape must be at least"),
        ({"alignment": "vgg"}, "alignment must be"),
    ],
)
def test_bad_arguments_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        models.VGGFace(**words)


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_a_file_tells_its_size(layout: str, tmp_path: Path) -> None:
    path = tmp_path / "network.h5"
    layout_files.write_h5(path, laid_out(layout))
    model = models.VGGFace.from_preset(path)
    assert model.input_shape == (None, SIDE, SIDE, 3)
    right = expected()["embedding"]
    assert share(right, np.asarray(model(image()[None]))[0]) < 2e-5
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ValueError, match=r"network.h5"):
        models.VGGFace.from_preset(path)


def test_another_input_size_is_refused() -> None:
    model = models.VGGFace(None, (64, 64, 3), filters=FILTERS, units=UNITS)
    with pytest.raises(ValueError, match=r"1 others: fc6.weight \(24, 288\) for \(128, 24\)"):
        assign(model, laid_out("dag"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_damaged_files_change_nothing(layout: str) -> None:
    model = small()
    before = model.get_weights()
    last = list(laid_out(layout))[5]
    for damage, message in (
        ({last: None}, f"1 missing .*{last}"),
        ({last: np.full_like(laid_out(layout)[last], np.nan)}, f"{last} with values that are not"),
        ({"conv6_1.weight": np.zeros(3, "f")}, "1 unknown"),
    ):
        arrays = {k: v for k, v in (laid_out(layout) | damage).items() if v is not None}
        with pytest.raises(ValueError, match=message):
            assign(model, arrays)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_another_networks_file_is_refused() -> None:
    with pytest.raises(ValueError, match=r"models.ResNet50. Received: vggface"):
        assign(small(), layout_files.random_network(2, (1, 1, 1, 1)))
    with pytest.raises(ValueError, match=r"models.VGGFace. Received: resnet50"):
        assign(models.ResNet50(None, filters=2, blocks=(1, 1, 1, 1)), laid_out("keras"))


# Two networks at full size, over a gigabyte.
@pytest.mark.slow
def test_every_stage_at_full_size_equals_torch() -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    arrays = vgg_network.random_network(64, 4096, 224)
    right = {}
    with torch.no_grad():
        rgb = image(224) - vgg_network.MEAN_RGB.astype(np.float32)
        x = torch.from_numpy(rgb.transpose(2, 0, 1)[None].copy())
        state = {name: torch.from_numpy(array) for name, array in arrays.items()}
        for block, count in enumerate(vgg_network.CONVS, start=1):
            for number in range(1, count + 1):
                name = f"conv{block}_{number}"
                x = functional.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)
                x = functional.relu(x)
            x = functional.max_pool2d(x, 2, 2)
            right[f"block{block}"] = x[0].permute(1, 2, 0).numpy()
        x = x.flatten(1)
        for name in ("fc6", "fc7"):
            x = functional.relu(
                functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])
            )
            right["embedding" if name == "fc7" else name] = x[0].numpy()
    model = models.VGGFace()
    assign(model, arrays)
    outputs = {name: model.get_layer(layer).output for name, layer in OURS.items()}
    found = keras.Model(model.input, outputs)(image(224)[None])
    for name, output in right.items():
        assert share(output, np.asarray(found[name])[0]) < 2e-5, name
