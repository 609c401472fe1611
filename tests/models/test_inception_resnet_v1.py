"""FaceNet's network against twins: NumPy at a small width, facenet-pytorch's own module at full size."""

from __future__ import annotations

import importlib.util
import sys
import types
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
from tests.models import facenet_network
from tests.models.numpy_layers import Arrays, share

FILTERS, BLOCKS, NUMBERS = 4, (2, 2, 2), 16
# The last layer of each stage in our model, where a block is the last of so many.
STAGES = {
    "stem": "stem_4b_relu",
    "block35": "block35_{0}_relu",
    "mixed6a": "mixed6a_concat",
    "block17": "block17_{1}_relu",
    "mixed7a": "mixed7a_concat",
    "block8": "block8_{2}_add",
    "embedding": "embedding_bn",
}


def small(**words: Any) -> keras.Model:
    words = {"filters": FILTERS, "blocks": BLOCKS, "size": NUMBERS, **words}
    return models.InceptionResNetV1(None, (None, None, 3), **words)


@cache
def network() -> Arrays:
    return facenet_network.random_network(FILTERS, BLOCKS, NUMBERS)


@cache
def filled(normalization: models.inception_resnet_v1.Normalization = "fixed") -> keras.Model:
    model = small(normalization=normalization)
    assign(model, dict(network()))
    return model


@cache
def image(side: int) -> np.ndarray:
    random = np.random.default_rng(side)
    slope = np.linspace(0, 120, side)[:, None, None] * np.array([1.0, 0.4, 0.1])
    return (slope + random.uniform(0, 135, (side, side + 4, 3))).astype(np.float32)


def fixed(image: np.ndarray) -> np.ndarray:
    return (image - 127.5) / 128


@cache
def expected(side: int) -> dict[str, np.ndarray]:
    return facenet_network.forward(network(), fixed(image(side)))


def stages_of(
    model: keras.Model, blocks: tuple[int, int, int], batch: np.ndarray
) -> dict[str, Any]:
    last = (blocks[0] - 1, blocks[1] - 1, blocks[2])
    outputs = {name: model.get_layer(one.format(*last)).output for name, one in STAGES.items()}
    found = keras.Model(model.input, outputs)(batch, training=False)
    return {name: np.asarray(one)[0] for name, one in found.items()}


# Every size is another tracing.
@pytest.mark.parametrize("side", [75, 96, pytest.param(160, marks=pytest.mark.long)])
def test_every_stage_equals_plain_numpy(side: int) -> None:
    found = stages_of(filled(), BLOCKS, image(side)[None])
    for name, right in expected(side).items():
        assert share(right, found[name]) < 2e-5, name


def test_an_image_is_whitened_as_prewhiten_does_it() -> None:
    # Sandberg's src/facenet.py: by the mean and the deviation of all numbers, the latter at least
    # 1 / sqrt(their number).
    white = (image(96) - image(96).mean()) / max(image(96).std(), image(96).size ** -0.5)
    right = facenet_network.forward(network(), white)["embedding"]
    batch = np.stack([image(96), 0.3 * image(96) + 100])  # the second is as white as the first
    for one in np.asarray(filled("per_image")(batch, training=False)):
        assert share(right, one) < 2e-5


def test_an_image_of_one_gray_level_is_black() -> None:
    model = filled("per_image")
    white = keras.Model(model.input, model.get_layer("preprocess_whiten").output)
    assert np.abs(white(np.full((1, 80, 80, 3), 201, "uint8"))).max() < 1e-3


@pytest.mark.parametrize(
    ("change", "at_least"),
    [
        ("channels exchanged", 0.02),
        ("padding of one", 0.02),
        ("the other normalization", 0.02),
        ("an epsilon of 1e-5", 1e-3),
    ],
)
def test_what_differs_would_be_seen(change: str, at_least: float) -> None:
    right, other = expected(96)["embedding"], fixed(image(96))
    if change == "channels exchanged":
        found = facenet_network.forward(network(), other[:, :, ::-1])
    elif change == "padding of one":
        found = facenet_network.forward(network(), other, same=True)
    elif change == "the other normalization":
        found = facenet_network.forward(network(), (image(96) - image(96).mean()) / image(96).std())
    else:
        found = facenet_network.forward(network(), other, epsilon=1e-5)
    assert share(right, found["embedding"]) > at_least


def test_an_epsilon_alone_is_not_what_the_network_has() -> None:
    assert small().get_layer("stem_1a_bn").epsilon == facenet_network.EPSILON


# It traces or trains a whole network.
@pytest.mark.long
def test_the_real_size_is_the_published_one() -> None:
    model = models.InceptionResNetV1()
    assert model.input_shape == (None, 160, 160, 3) and model.output_shape == (None, 512)
    # facenet-pytorch's own count, without a classifier: 23,482,624 that learn, twice 14,800 statistics.
    assert model.count_params() == 23_482_624 + 29_600
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == 23_482_624


def test_freezing_goes_by_stage() -> None:
    model = small()
    names = ("stem", "block35", "mixed6a", "block17", "mixed7a", "block8", "embedding")
    assert models.stages(model) == names and models.alignment_of(model) == "vggface2"
    models.freeze(model, "mixed6a")
    learns = {layer.name.split("_")[0] for layer in model.layers if layer.trainable_weights}
    assert learns == {"block17", "mixed7a", "block8", "embedding"}
    frozen = boundary(model)
    assert frozen is not None and frozen.name == model.get_layer("mixed6a_concat").output.name


# Built, folded and read back for each.
@pytest.mark.parametrize(
    "normalization", ["fixed", pytest.param("per_image", marks=pytest.mark.long)]
)
def test_other_forms_compute_the_same(normalization: Any, tmp_path: Path) -> None:
    model = filled(normalization)
    right = np.asarray(model(image(96)[None], training=False))
    folded = models.fold_batch_norm(model)
    assert not any(isinstance(one, keras.layers.BatchNormalization) for one in folded.layers)
    assert share(right, np.asarray(folded(image(96)[None]))) < 2e-5
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(right, np.asarray(again(image(96)[None], training=False)))


def test_gray_levels_survive_bfloat16() -> None:
    fast = models.with_precision(small(normalization="per_image"), "bfloat16")
    for name in ("preprocess", "preprocess_whiten", "embedding_dense"):
        assert fast.get_layer(name).compute_dtype == "float32"
    assert fast.get_layer("stem_1a_conv").compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"input_shape": (160, 160, 1)}, r"input_shape must be \(height"),
        ({"input_shape": (74, 160, 3)}, r"input_shape must be at least \(75, 75, 3\)"),
        ({"filters": 3}, "filters must be even"),
        ({"blocks": (5, 10)}, "blocks must be three"),
        ({"size": 0}, "size must be"),
        ({"normalization": "imagenet"}, "normalization must be one of"),
        ({"alignment": "mtcnn"}, "alignment must be"),
    ],
)
def test_bad_arguments_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        models.InceptionResNetV1(**words)


def test_a_torch_file_tells_its_size(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    state = {name: torch.from_numpy(array) for name, array in network().items()}
    torch.save(state, tmp_path / "net.pt")
    model = models.InceptionResNetV1.from_preset(tmp_path / "net.pt", input_shape=(96, 96, 3))
    right = np.asarray(filled()(image(96)[None, :, :96], training=False))
    found = np.asarray(model(image(96)[None, :, :96], training=False))
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-5 * np.abs(right).max())
    data = (tmp_path / "net.pt").read_bytes()
    (tmp_path / "net.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"net.pt"):
        models.InceptionResNetV1.from_preset(tmp_path / "net.pt")


def without(name: str) -> Arrays:
    return {one: array for one, array in network().items() if one != name}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (without("block8.conv2d.bias"), r"1 missing \['block8.conv2d.bias'\]"),
        (network() | {"repeat_1.2.conv2d.bias": np.zeros(32, "f")}, "1 unknown"),
        (
            network() | {"mixed_7a.branch0.1.conv.weight": np.zeros((48, 32, 1, 1), "f")},
            "1 others: mixed_7a.branch0.1.conv.weight",
        ),
        (layout_files.random_network(2, (1, 1, 1, 1)), "models.ResNet50. Received: inception_res"),
    ],
    ids=["a tensor missing", "one more", "another shape", "another network's file"],
)
def test_a_file_that_is_not_this_network_changes_nothing(arrays: Arrays, message: str) -> None:
    model = small()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        assign(model, dict(arrays))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_every_variable_is_filled_once() -> None:
    model = small()
    mapped = assign(model, dict(network())).mapped
    assert sorted(mapped.values()) == sorted(variable.path for variable in model.weights)
    assert mapped["repeat_1.1.branch1.1.conv.weight"] == "block35_1_branch1_1_conv/kernel"
    assert mapped["block8.branch0.bn.running_var"] == "block8_2_branch0_0_bn/moving_variance"


def facenet_pytorch() -> Any:
    """The one module of facenet-pytorch that needs no torchvision."""
    torch = pytest.importorskip("torch")
    package = importlib.util.find_spec("facenet_pytorch")
    if package is None or not package.submodule_search_locations:
        pytest.skip(
            "facenet-pytorch is not installed: pip install --no-deps facenet-pytorch==2.5.3"
        )
    # What its module asks for beside torch only downloads weights.
    download: Any = types.ModuleType("download")
    download.download_url_to_file = None
    names = ("requests", "requests.adapters", "twin", "twin.utils", "twin.utils.download")
    stubs: dict[str, Any] = {
        name: types.ModuleType(name) for name in names if name not in sys.modules
    }
    if "requests.adapters" in stubs:
        stubs["requests.adapters"].HTTPAdapter = None
    stubs["twin.utils.download"] = download
    folder = Path(package.submodule_search_locations[0]) / "models"
    spec = importlib.util.spec_from_file_location("twin.net", folder / "inception_resnet_v1.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for name, stub in stubs.items():
            patch.setitem(sys.modules, name, stub)
        spec.loader.exec_module(module)
    assert torch is module.torch
    return module


# Two networks at full size.
@pytest.mark.slow
def test_every_stage_at_full_size_equals_facenet_pytorch() -> None:
    module = facenet_pytorch()
    torch = module.torch
    blocks = (5, 10, 5)
    arrays = facenet_network.random_network(32, blocks)
    twin = module.InceptionResnetV1(classify=False, num_classes=8631).eval()
    twin.logits = torch.nn.Linear(512, 8631)
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    missing, unexpected = twin.load_state_dict(state, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    right: dict[str, np.ndarray] = {}

    def keep(name: str) -> Any:
        def hook(_: Any, __: Any, output: Any) -> None:
            one = output[0].detach()
            right[name] = (one.permute(1, 2, 0) if one.ndim == 3 else one).numpy()

        return hook

    parts = ("conv2d_4b", "repeat_1", "mixed_6a", "repeat_2", "mixed_7a", "block8", "last_bn")
    for name, part in zip(STAGES, parts, strict=True):
        getattr(twin, part).register_forward_hook(keep(name))
    batch = image(160)[None, :, :160]
    with torch.no_grad():
        scaled = torch.from_numpy(fixed(batch).transpose(0, 3, 1, 2).copy())
        unit = twin(scaled)[0].numpy()
    model = models.InceptionResNetV1()
    assign(model, arrays)
    found = stages_of(model, blocks, batch)
    for name, output in right.items():
        assert share(output, found[name]) < 2e-5, name
    # The twin's output is L2-normalized, ours is not.
    assert share(unit, found["embedding"] / np.linalg.norm(found["embedding"])) < 2e-5
