"""IResNet and AdaFaceIR against torch modules of our own, read from the files that their trainers write."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest

from maskedface import models
from maskedface.conversion.assigning import assign
from maskedface.models import weights

torch = pytest.importorskip("torch")
twins = pytest.importorskip("tests.models.torch_iresnet")

BLOCKS = (2, 1, 3, 1)
SIDE = 48  # the last map is 3 x 3, so that its order is seen
NAMES = ("IResNet", "AdaFaceIR")
Arrays = dict[str, np.ndarray]


@cache
def twin(name: str) -> Any:
    kind = {"IResNet": twins.InsightFaceNetwork, "AdaFaceIR": twins.AdaFaceNetwork}[name]
    return twins.randomize(kind(4, BLOCKS, SIDE, 16))


def arrays_of(name: str) -> Arrays:
    return {key: tensor.numpy().copy() for key, tensor in twin(name).state_dict().items()}


def images(side: int, count: int = 2) -> np.ndarray:
    # Smooth colors and noise.
    slope = np.linspace(0, 120, side)[:, None, None] * np.array([1.0, 0.4, 0.1])
    noise = np.random.default_rng(side).uniform(0, 135, (count, side, side, 3))
    return (slope + noise).astype(np.float32)


def outputs(network: Any, name: str, faces: np.ndarray) -> Arrays:
    """What the twin makes of RGB faces, channels last."""
    own = faces[..., ::-1] if name == "AdaFaceIR" else faces
    batch = torch.from_numpy(((own - 127.5) / 127.5).transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        made = network(batch)
    return {
        key: value.permute(0, 2, 3, 1).numpy() if value.ndim == 4 else value.numpy()
        for key, value in made.items()
    }


def with_stages(backbone: keras.Model) -> keras.Model:
    last = {layer.name.split("_")[0]: layer for layer in backbone.layers}
    kept = ("stem", "layer1", "layer2", "layer3", "layer4", "embedding")
    return keras.Model(backbone.input, {stage: last[stage].output for stage in kept})


def share(expected: np.ndarray, found: np.ndarray) -> float:
    """The largest difference as a share of the largest value."""
    assert expected.shape == found.shape
    return float(np.abs(expected - found).max() / np.abs(expected).max())


def build(name: str) -> keras.Model:
    return getattr(models, name)(None, (SIDE, SIDE, 3), blocks=BLOCKS, filters=4, embedding_size=16)


@cache
def ours(name: str) -> keras.Model:
    backbone = build(name)
    assign(backbone, arrays_of(name))
    return backbone


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_equals_torch(name: str) -> None:
    found = with_stages(ours(name))(images(SIDE), training=False)
    right = outputs(twin(name), name, images(SIDE))
    assert [*right] == ["stem", "layer1", "layer2", "layer3", "layer4", "embedding"]
    for stage, expected in right.items():
        assert share(expected, np.asarray(found[stage])) < 2e-5, stage


# Two networks of 44 million weights.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if number else pytest.mark.long)
        for number, name in enumerate(NAMES)
    ],
)
def test_every_stage_at_full_size_equals_torch(name: str, tmp_path: Path) -> None:
    kind = {"IResNet": twins.InsightFaceNetwork, "AdaFaceIR": twins.AdaFaceNetwork}[name]
    network = twins.randomize(kind(64, (3, 4, 14, 3), 112, 512))
    torch.save(network.state_dict(), tmp_path / "backbone.pth")
    backbone = getattr(models, name).from_preset(tmp_path / "backbone.pth")
    assert backbone.input_shape == (None, 112, 112, 3) and backbone.name.endswith("50")
    found = with_stages(backbone)(images(112), training=False)
    for stage, expected in outputs(network, name, images(112)).items():
        assert share(expected, np.asarray(found[stage])) < 2e-5, stage


def swapped(network: Any, name: str) -> np.ndarray:
    return outputs(network, name, images(SIDE)[..., ::-1])["embedding"]


def with_kerass_epsilon(network: Any, name: str) -> np.ndarray:
    for module in network.modules():
        if hasattr(module, "eps"):
            module.eps = 1e-3
    return outputs(network, name, images(SIDE))["embedding"]


def with_padding_at_the_end(network: Any, name: str) -> np.ndarray:
    # As Keras' "same" pads an even map before a stride of 2.
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d) and (module.kernel_size, module.stride) == (
            (3, 3),
            (2, 2),
        ):
            module.padding = (0, 0)
            module.register_forward_pre_hook(
                lambda _, inputs: torch.nn.functional.pad(inputs[0], (0, 1, 0, 1))
            )
    return outputs(network, name, images(SIDE))["embedding"]


def with_relu(network: Any, name: str) -> np.ndarray:
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.PReLU):
                module.weight.zero_()
    return outputs(network, name, images(SIDE))["embedding"]


def read_channels_last(network: Any, name: str) -> np.ndarray:
    dense = network.fc if name == "IResNet" else network.output_layer[3]
    with torch.no_grad():
        kernel = dense.weight.reshape(16, 3, 3, 32).permute(0, 3, 1, 2).reshape(16, -1)
        dense.weight.copy_(kernel.contiguous())
    return outputs(network, name, images(SIDE))["embedding"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "mistake",
    [swapped, with_kerass_epsilon, with_padding_at_the_end, with_relu, read_channels_last],
)
def test_a_mistake_would_be_seen(mistake: Callable[[Any, str], np.ndarray], name: str) -> None:
    found = mistake(copy.deepcopy(twin(name)), name)
    right = np.asarray(ours(name)(images(SIDE), training=False))
    assert share(right, found) > 5e-4  # 25 times the twins' bound


# What trainers put around the tensors, and before their names.
def plain(state: Any) -> Any:
    return state


def distributed(state: Any) -> Any:
    return {f"module.{name}": tensor for name, tensor in state.items()}


def lightning(state: Any) -> Any:
    inside = {f"model.{name}": tensor for name, tensor in state.items()}
    return {
        "epoch": 25,
        "hyper_parameters": argparse.Namespace(arch="ir_50", head="adaface"),
        "state_dict": inside,
    }


def of_partial_fc(state: Any) -> Any:
    rest = {"state_dict_softmax_fc": {"weight": torch.zeros(7, 16)}, "state_optimizer": {}}
    return {"epoch": 3, "state_dict_backbone": state, **rest}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrap", [plain, distributed, lightning, of_partial_fc])
def test_a_trainers_file_is_read_in_its_own_size(
    wrap: Callable[[Any], Any], name: str, tmp_path: Path
) -> None:
    torch.save(wrap(twin(name).state_dict()), tmp_path / "any.pth")
    backbone = getattr(models, name).from_preset(tmp_path / "any.pth")
    assert backbone.input_shape == (None, SIDE, SIDE, 3)
    for one, other in zip(backbone.get_weights(), ours(name).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_adafaces_head_is_passed_over(tmp_path: Path) -> None:
    held = lightning(twin("AdaFaceIR").state_dict())
    head = {"kernel": torch.zeros(16, 9), "t": torch.zeros(1), "batch_mean": torch.ones(1)}
    held["state_dict"] |= {f"head.{name}": tensor for name, tensor in head.items()}
    torch.save(held, tmp_path / "adaface.ckpt")
    facts = weights.load(empty("AdaFaceIR"), tmp_path / "adaface.ckpt")
    assert {"head.kernel", "head.t", "head.batch_mean"} < set(facts["left_over"])
    assert facts["layout"] == "AdaFace (.ckpt)" and facts["channels"] == "BGR"


def test_cvlfaces_safetensors_take_rgb(tmp_path: Path) -> None:
    numpy_files = pytest.importorskip("safetensors.numpy")
    arrays = {f"model.net.{name}": array for name, array in arrays_of("AdaFaceIR").items()}
    kernel = "model.net.input_layer.0.weight"
    arrays[kernel] = np.ascontiguousarray(arrays[kernel][:, ::-1])
    numpy_files.save_file(arrays, tmp_path / "model.safetensors")
    backbone = models.AdaFaceIR.from_preset(tmp_path / "model.safetensors")
    for one, other in zip(backbone.get_weights(), ours("AdaFaceIR").get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


empty = cache(build)  # for what changes nothing, or sets every weight


def assert_refused(name: str, arrays: Arrays, match: str) -> None:
    backbone = empty(name)
    before = [np.array(value) for value in backbone.get_weights()]
    with pytest.raises(ValueError, match=match):
        assign(backbone, arrays)
    for old, new in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("name", NAMES)
def test_slopes_left_out_are_missed(name: str) -> None:
    slopes = {key for key in arrays_of(name) if "prelu" in key or key.endswith("er.3.weight")}
    slopes |= {"input_layer.2.weight"} if name == "AdaFaceIR" else set()
    slopes -= {"output_layer.3.weight"}
    arrays = {key: value for key, value in arrays_of(name).items() if key not in slopes}
    assert_refused(name, arrays, f"{sum(BLOCKS) + 1} missing")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("blocks", [(2, 1, 2, 1), (2, 2, 3, 1)])
def test_another_depth_is_refused(name: str, blocks: tuple[int, ...]) -> None:
    kind = {"IResNet": twins.InsightFaceNetwork, "AdaFaceIR": twins.AdaFaceNetwork}[name]
    other = twins.randomize(kind(4, blocks, SIDE, 16)).state_dict()
    arrays = {key: value.numpy() for key, value in other.items()}
    assert_refused(name, arrays, "must contain every tensor of|must be finite and have")


@pytest.mark.parametrize("name", NAMES)
def test_another_size_is_refused(name: str) -> None:
    kind = {"IResNet": twins.InsightFaceNetwork, "AdaFaceIR": twins.AdaFaceNetwork}[name]
    other = twins.randomize(kind(4, BLOCKS, 64, 16)).state_dict()
    arrays = {key: value.numpy() for key, value in other.items()}
    assert_refused(name, arrays, r"1 others: (fc|output_layer.3).weight \(16, 512\)")


def test_the_two_networks_do_not_take_each_others_files() -> None:
    for name, other in (NAMES, NAMES[::-1]):
        assert_refused(name, arrays_of(other), "must contain every tensor of")


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_path_of_another_network_is_refused(name: str, tmp_path: Path) -> None:
    torch.save(twin(name).state_dict(), tmp_path / "any.pth")
    other = getattr(models, NAMES[name == NAMES[0]])
    with pytest.raises(ValueError, match="weights must contain one of these"):
        other.from_preset(tmp_path / "any.pth")


def test_a_gamma_that_is_not_1_is_refused() -> None:
    arrays = arrays_of("IResNet")
    arrays["features.weight"][3] = 1.5
    assert_refused("IResNet", arrays, r"features.weight must be 1.0 .* Received: .* to 1.5")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_precision_is_widened_as_it_is_and_said(half: str, name: str, tmp_path: Path) -> None:
    low = copy.deepcopy(twin(name)).to(getattr(torch, half))
    torch.save(low.state_dict(), tmp_path / "half.pth")
    backbone = empty(name)
    assert weights.load(backbone, tmp_path / "half.pth")["precision"] == half
    right = outputs(low.float(), name, images(SIDE))["embedding"]
    assert share(right, np.asarray(backbone(images(SIDE), training=False))) < 2e-5


def test_half_precision_that_ran_over_is_refused() -> None:
    arrays = {key: value.astype(np.float16) for key, value in arrays_of("IResNet").items()}
    arrays["layer3.1.conv2.weight"][0, 0, 0, 0] = np.inf
    assert_refused("IResNet", arrays, "layer3.1.conv2.weight with values that are not finite")
    assert arrays["conv1.weight"].dtype == np.float16


def test_whole_numbers_are_no_weights() -> None:
    arrays = arrays_of("IResNet")
    arrays["fc.weight"] = (arrays["fc.weight"] * 127).astype(np.int8)
    assert_refused("IResNet", arrays, "1 others: fc.weight of type int8")


@pytest.mark.parametrize("part", [0.2, 0.9, 0.999])
def test_a_cut_file_is_refused(part: float, tmp_path: Path) -> None:
    torch.save(twin("IResNet").state_dict(), tmp_path / "whole.pth")
    data = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(data[: int(part * len(data))])
    with pytest.raises(ValueError, match="weights must be a torch file"):
        models.IResNet.from_preset(tmp_path / "cut.pth")


def test_bfloat16_is_known_without_torch() -> None:
    arrays = {
        key: value.astype(ml_dtypes.bfloat16) if value.ndim else value
        for key, value in arrays_of("IResNet").items()
    }
    assert assign(empty("IResNet"), arrays).precision == "bfloat16"
