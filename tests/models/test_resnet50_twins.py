"""ResNet50 against independent twins, loaded through every layout its weights are found in."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import models
from tests.conversion import layout_files
from tests.models import caffe_network

FILTERS = 4
SIZES = (61, 64, 67, 112, 180, 224, 225, 226)
LAYOUTS = ("pkl", "dag", "h5-notop", "h5-top")
# The last layer of each stage in our model.
OURS = {
    "stem": "stem_pool",
    "layer1": "layer1_2_relu3",
    "layer2": "layer2_3_relu3",
    "layer3": "layer3_5_relu3",
    "layer4": "layer4_2_relu3",
    "pooled": "pool_embedding",
}


def write(layout: str, folder: Path, arrays: layout_files.Arrays) -> Path:
    if layout == "pkl":
        layout_files.write_python2_pickle(folder / "network.pkl", arrays)
        return folder / "network.pkl"
    if layout == "dag":
        torch = pytest.importorskip("torch")
        dag = layout_files.as_dag(arrays)
        state = {name: torch.from_numpy(np.array(array)) for name, array in dag.items()}
        # The real files are of 2018, so of torch's first format.
        torch.save(state, folder / "network.pth", _use_new_zipfile_serialization=False)
        return folder / "network.pth"
    held = layout_files.as_keras(arrays, top=layout == "h5-top")
    layout_files.write_h5(folder / "network.h5", held)
    return folder / "network.h5"


def with_stages(backbone: keras.Model) -> keras.Model:
    outputs = {name: backbone.get_layer(layer).output for name, layer in OURS.items()}
    return keras.Model(backbone.input, outputs)


@cache
def image(size: int) -> np.ndarray:
    # Smooth colors and noise; not square, so that height and width cannot be mixed up.
    random = np.random.default_rng(size)
    slope = np.linspace(0, 120, size)[:, None, None] * np.array([1.0, 0.4, 0.1])
    return (slope + random.uniform(0, 135, (size, size - 3 if size > 64 else size, 3))).astype(
        np.float32
    )


@cache
def network() -> layout_files.Arrays:
    return layout_files.random_network(FILTERS)


@cache
def expected(size: int) -> dict[str, np.ndarray]:
    return caffe_network.forward(network(), image(size))


def share(expected: np.ndarray, found: np.ndarray) -> float:
    """The largest difference as a share of the largest value."""
    assert expected.shape == found.shape
    return float(np.abs(expected - found).max() / np.abs(expected).max())


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], keras.Model]:
    """The network of each layout's file, read once."""

    @cache
    def read(layout: str) -> keras.Model:
        path = write(layout, tmp_path_factory.mktemp("layouts"), network())
        return with_stages(models.ResNet50(path, (None, None, 3), filters=FILTERS))

    return read


# It traces or trains a whole network.
@pytest.mark.long
@pytest.mark.parametrize(
    ("layout", "size"),
    [*(("pkl", size) for size in SIZES), *((layout, SIZES[0]) for layout in LAYOUTS[1:])],
)
def test_every_stage_equals_plain_numpy(
    ours: Callable[[str], keras.Model], layout: str, size: int
) -> None:
    found = ours(layout)(image(size)[None], training=False)
    for name, right in expected(size).items():
        assert share(right, np.asarray(found[name])[0]) < 2e-5, name


@pytest.mark.parametrize("size", SIZES)
def test_torchvisions_geometry_gives_other_features_with_the_same_arrays(size: int) -> None:
    other = caffe_network.forward(network(), image(size), torchvision=True)
    assert share(expected(size)["pooled"], other["pooled"]) > 0.01  # 500 times the twins' bound


def test_kerass_epsilon_would_be_seen() -> None:
    other = caffe_network.forward(network(), image(64), epsilon=1e-3)
    assert share(expected(64)["pooled"], other["pooled"]) > 1e-3


def test_swapped_channels_would_be_seen() -> None:
    other = caffe_network.forward(network(), image(64)[:, :, ::-1])
    assert share(expected(64)["pooled"], other["pooled"]) > 1e-3


@pytest.fixture(scope="module")
def full_size() -> tuple[layout_files.Arrays, dict[str, np.ndarray]]:
    """The original torch geometry at full size, and its outputs at 224 px."""
    torch = pytest.importorskip("torch")
    from tests.models.torch_network import OriginalResNet50

    arrays = layout_files.random_network(64)
    twin = OriginalResNet50()
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    missing, unexpected = twin.load_state_dict(state, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    bgr = image(224)[:, :, ::-1] - caffe_network.MEAN_BGR.astype(np.float32)
    with torch.no_grad():
        outputs = twin.eval()(torch.from_numpy(bgr.transpose(2, 0, 1)[None].copy()))
    channels_last = {
        name: output[0].permute(1, 2, 0).numpy() if output.ndim == 4 else output[0].numpy()
        for name, output in outputs.items()
    }
    return arrays, channels_last


# Two networks at full size; the small ones are read from every layout.
@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(layout, marks=pytest.mark.slow if number else pytest.mark.long)
        for number, layout in enumerate(LAYOUTS)
    ],
)
def test_every_stage_at_full_size_equals_torch(
    full_size: tuple[layout_files.Arrays, dict[str, np.ndarray]], layout: str, tmp_path: Path
) -> None:
    arrays, right = full_size
    path = write(layout, tmp_path, arrays)
    model = with_stages(models.ResNet50(path, (None, None, 3)))
    path.unlink()  # 165 MB
    found = model(image(224)[None], training=False)
    for name, output in right.items():
        assert share(output, np.asarray(found[name])[0]) < 2e-5, name
