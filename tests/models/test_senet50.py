"""VGGFace2's SENet-50 against twins: NumPy at a small width, MONAI's SEResNet50 at full size."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import models
from maskedface.conversion.assigning import assign
from maskedface.models.frozen_boundary import boundary
from tests.conversion import layout_files
from tests.models import caffe_network
from tests.models.numpy_layers import Arrays, share

FILTERS, REDUCTION = 4, 4
LAYOUTS = ("pkl", "dag", "h5")
# The last layer of each stage in our model.
OURS = {
    "stem": "stem_pool",
    "layer1": "layer1_2_relu3",
    "layer2": "layer2_3_relu3",
    "layer3": "layer3_5_relu3",
    "layer4": "layer4_2_relu3",
    "pooled": "pool_embedding",
}


def small(blocks: tuple[int, ...] = (3, 4, 6, 3)) -> keras.Model:
    shape = (None, None, 3)
    return models.SENet50(None, shape, filters=FILTERS, reduction=REDUCTION, blocks=blocks)


@cache
def network() -> Arrays:
    return layout_files.random_network(FILTERS, reduction=REDUCTION)


def laid_out(layout: str) -> Arrays:
    if layout == "pkl":
        return dict(network())
    if layout == "dag":
        return layout_files.as_dag(network())
    return layout_files.as_keras(network(), top=True)


@cache
def filled(layout: str) -> keras.Model:
    model = small()
    assign(model, laid_out(layout))
    return with_stages(model)


def with_stages(model: keras.Model) -> keras.Model:
    outputs = {name: model.get_layer(layer).output for name, layer in OURS.items()}
    return keras.Model(model.input, outputs)


@cache
def image(side: int) -> np.ndarray:
    random = np.random.default_rng(side)
    slope = np.linspace(0, 120, side)[:, None, None] * np.array([1.0, 0.4, 0.1])
    return (slope + random.uniform(0, 135, (side, side + 3, 3))).astype(np.float32)


@cache
def expected(side: int) -> dict[str, np.ndarray]:
    return caffe_network.forward(network(), image(side))


@cache
def unfilled() -> keras.Model:
    """A network that keeps its weights: it refuses what is given to it."""
    return small()


# It traces or trains a whole network.
@pytest.mark.long
@pytest.mark.parametrize(
    ("layout", "side"), [("pkl", 61), ("pkl", 112), ("pkl", 224), ("dag", 61), ("h5", 61)]
)
def test_every_stage_equals_plain_numpy(layout: str, side: int) -> None:
    found = filled(layout)(image(side)[None], training=False)
    for name, right in expected(side).items():
        assert share(right, np.asarray(found[name])[0]) < 2e-5, name


def test_torchvisions_geometry_would_be_seen() -> None:
    other = caffe_network.forward(network(), image(112), torchvision=True)
    assert share(expected(112)["pooled"], other["pooled"]) > 0.01


def test_exchanged_channels_would_be_seen() -> None:
    other = caffe_network.forward(network(), image(112)[:, :, ::-1])
    assert share(expected(112)["pooled"], other["pooled"]) > 1e-3


def test_keras_vggfaces_epsilon_would_be_seen() -> None:
    # keras-vggface runs its file with 1e-4; the files for PyTorch ask for 1e-5.
    other = caffe_network.forward(network(), image(112), epsilon=1e-4)
    assert share(expected(112)["pooled"], other["pooled"]) > 1e-3


def test_an_excitation_left_out_would_be_seen() -> None:
    plain = {name: one for name, one in network().items() if ".conv4." not in name}
    other = caffe_network.forward(plain, image(112))
    assert share(expected(112)["pooled"], other["pooled"]) > 0.1


# It traces or trains a whole network.
@pytest.mark.long
def test_the_real_size_is_senet_50() -> None:
    model = models.SENet50()
    assert model.input_shape == (None, 224, 224, 3) and model.output_shape == (None, 2048)
    # ResNet-50's 23,508,032 that learn, and 2,530,992 of the excitations.
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == 23_508_032 + 2_530_992
    assert model.get_layer("layer2_0_conv1").strides == (2, 2)
    assert model.get_layer("layer1_0_se_down").filters == 16
    assert model.get_layer("stem_bn").epsilon == 1e-5


def test_freezing_goes_by_stage() -> None:
    model = small((1, 1, 1, 1))
    assert models.stages(model) == ("stem", "layer1", "layer2", "layer3", "layer4")
    assert models.alignment_of(model) == "vggface2"
    models.freeze(model, "layer3")
    assert not model.get_layer("layer3_0_se_up").trainable
    assert model.get_layer("layer4_0_se_up").trainable
    frozen = boundary(model)
    assert frozen is not None and frozen.name == model.get_layer("layer3_0_relu3").output.name


def test_other_forms_compute_the_same(tmp_path: Path) -> None:
    model = small((1, 1, 1, 1))
    random = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(random.uniform(-0.5, 1, variable.shape) / max(1, variable.shape[0]))
        if variable.path.endswith("moving_variance"):
            variable.assign(random.uniform(0.5, 2, variable.shape))
    right = np.asarray(model(image(61)[None], training=False))
    folded = models.fold_batch_norm(model)
    assert not any(isinstance(one, keras.layers.BatchNormalization) for one in folded.layers)
    assert share(right, np.asarray(folded(image(61)[None]))) < 2e-5
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(right, np.asarray(again(image(61)[None], training=False)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"reduction": 3}, "reduction must divide 4 * filters = 256"),
        ({"reduction": 0}, "reduction must divide"),
        ({"input_shape": (31, 180, 3)}, "input_shape must be at least"),
        ({"blocks": (3, 4, 6)}, "blocks must be four"),
    ],
)
def test_bad_arguments_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("*", r"\*")):
        models.SENet50(**words)


# It traces or trains a whole network.
@pytest.mark.long
@pytest.mark.parametrize("layout", ["pkl", "h5"])
def test_a_file_tells_its_size(layout: str, tmp_path: Path) -> None:
    path = tmp_path / f"network.{layout}"
    if layout == "pkl":
        layout_files.write_python2_pickle(path, laid_out(layout))
    else:
        layout_files.write_h5(path, laid_out(layout))
    model = models.SENet50.from_preset(path, input_shape=(64, 64, 3))
    assert model.output_shape == (None, 32 * FILTERS)
    np.testing.assert_array_equal(
        model.get_layer("layer3_2_se_up").kernel, filled("pkl").get_layer("layer3_2_se_up").kernel
    )
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ValueError, match=path.name):
        models.SENet50.from_preset(path)


@cache
def plain_resnet50() -> keras.Model:
    return models.ResNet50(None, filters=FILTERS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_file_is_not_the_other_networks(layout: str) -> None:
    plain = layout_files.random_network(FILTERS)
    laid = {
        "pkl": lambda: plain,
        "dag": lambda: layout_files.as_dag(plain),
        "h5": lambda: layout_files.as_keras(plain, top=True),
    }
    for model, arrays, message in (
        (unfilled(), laid[layout](), "must go into a models.ResNet50. Received: senet50"),
        (
            plain_resnet50(),
            laid_out(layout),
            "models.SENet50 in the layout .* tensor of resnet50.* 64 unknown",
        ),
    ):
        before = model.get_weights()
        with pytest.raises(ValueError, match=message):
            assign(model, arrays)
        for old, new in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_tensor_missing_is_refused(layout: str) -> None:
    arrays = laid_out(layout)
    name = next(name for name in arrays if "1x1_up" in name or "conv5" in name)
    del arrays[name]
    with pytest.raises(ValueError, match=f"1 missing .*{name}"):
        assign(unfilled(), arrays)


def in_monai(name: str) -> str:
    """The name that MONAI's SEResNet50 has for one of VGGFace2-pytorch's."""
    layer, _, variable = name.rpartition(".")
    stage, _, part = layer.partition(".")
    if stage in ("conv1", "bn1"):
        return f"layer0.{name}"
    if stage == "fc":
        return f"last_linear.{variable}"
    block, _, part = part.partition(".")
    kinds = {
        "conv4": "se_layer.fc.0",
        "conv5": "se_layer.fc.2",
        "downsample.0": "project.conv",
        "downsample.1": "project.adn.N",
    }
    for number in "123":
        kinds[f"conv{number}"] = f"conv{number}.conv"
        kinds[f"bn{number}"] = f"conv{number}.adn.N"
    return f"{stage}.{block}.{kinds[part]}.{variable}"


# Two networks at full size, and MONAI takes half a minute to be imported.
@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # MONAI's own
def test_every_stage_at_full_size_equals_monais() -> None:
    torch = pytest.importorskip("torch")
    senet = pytest.importorskip(
        "monai.networks.nets.senet", reason="not installed: pip install --no-deps monai==1.6.1"
    )
    arrays = layout_files.random_network(64, reduction=16)
    twin = senet.SEResNet50(spatial_dims=2, in_channels=3, num_classes=8631).eval()
    # Caffe's stride and pool, as everywhere in Cadene's and so in MONAI's networks.
    assert twin.layer2[0].conv1.conv.stride == (2, 2) and twin.layer0.pool.ceil_mode
    excitations = (".conv4.weight", ".conv5.weight")  # MONAI has dense layers for them
    state = {
        in_monai(name): torch.from_numpy(array[:, :, 0, 0] if name.endswith(excitations) else array)
        for name, array in arrays.items()
    }
    missing, unexpected = twin.load_state_dict(state, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    batch = image(224)[None, :, :224]
    bgr = batch[:, :, :, ::-1] - caffe_network.MEAN_BGR.astype(np.float32)
    right = {}
    with torch.no_grad():
        x = torch.from_numpy(bgr.transpose(0, 3, 1, 2).copy())
        for name, part in zip(
            OURS, ("layer0", "layer1", "layer2", "layer3", "layer4"), strict=False
        ):
            x = getattr(twin, part)(x)
            right[name] = x[0].permute(1, 2, 0).numpy()
        right["pooled"] = twin.adaptive_avg_pool(x)[0, :, 0, 0].numpy()
    model = models.SENet50()
    assign(model, arrays)
    found = with_stages(model)(batch, training=False)
    for name, output in right.items():
        assert share(output, np.asarray(found[name])[0]) < 2e-5, name
