"""`from_preset`, and what a decorated architecture keeps of a function."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import models
from maskedface.conversion import weights_h5
from maskedface.models.architecture import Architecture

Network = Callable[..., keras.Model]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Architecture[...]:
    """ResNet50 with two filters, and no file of a preset's."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))

    @Architecture
    def ResNet50(
        weights: str | None = None,
        input_shape: tuple[int, int, int] = (64, 64, 3),
        *,
        alignment: str = "vggface2",
    ) -> keras.Model:
        blocks = (1, 1, 1, 1)
        return models.ResNet50(weights, input_shape, filters=2, blocks=blocks, alignment=alignment)

    return ResNet50


def saved(network: keras.Model, path: Path, **facts: str) -> Path:
    source = {"name": path.name, "size": 0, "sha256": "0" * 64}
    known = {"layout": "any", "channels": "BGR", "variant": "unknown", "known": False}
    weights_h5.save(network, path, {**known, "source": source, **facts})
    return path


def assert_equal(one: keras.Model, other: keras.Model) -> None:
    for first, second in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_dlibs_preset_is_what_the_call_builds() -> None:
    loaded = models.DlibResNet29.from_preset("dlib")
    assert_equal(loaded, models.DlibResNet29())
    assert loaded.input_shape == (None, 150, 150, 3) and models.alignment_of(loaded) == "dlib"


# It traces or trains a whole network.
@pytest.mark.long
def test_a_preset_may_be_built_at_another_size_and_alignment() -> None:
    shape = (180, 180, 3)
    loaded = models.DlibResNet29.from_preset("dlib", input_shape=shape, alignment="arcface")
    assert loaded.input_shape == (None, *shape) and models.alignment_of(loaded) == "arcface"
    assert_equal(loaded, models.DlibResNet29())


def test_a_preset_without_its_weights_needs_no_file(small: Architecture[...]) -> None:
    one = small.from_preset("vggface2_ft", load_weights=False)
    other = small.from_preset("vggface2_ft", load_weights=False)
    assert one.input_shape == (None, 224, 224, 3) and models.alignment_of(one) == "vggface2"
    kernels = [model.get_layer("stem_conv").kernel.numpy() for model in (one, other)]
    assert np.abs(kernels[0] - kernels[1]).max() > 0


def test_a_path_is_taken_as_a_preset_is(small: Architecture[...], tmp_path: Path) -> None:
    network = small()
    path = saved(network, tmp_path / "a.weights.h5", alignment="unknown")
    loaded = small.from_preset(path)
    assert_equal(loaded, network)
    assert loaded.input_shape == (None, 64, 64, 3) and models.alignment_of(loaded) == "vggface2"


# It traces or trains a whole network.
@pytest.mark.long
def test_a_path_has_the_alignment_that_its_sidecar_states(
    small: Architecture[...], tmp_path: Path
) -> None:
    path = saved(small(), tmp_path / "a.weights.h5", alignment="arcface")
    assert models.alignment_of(small.from_preset(str(path))) == "arcface"
    asked = small.from_preset(str(path), alignment="dlib", load_weights=False)
    assert models.alignment_of(asked) == "dlib"


@pytest.mark.parametrize(
    ("network", "preset", "message"),
    [
        (models.ResNet50, "dlib", r"another network: models.DlibResNet29.from_preset\('dlib'\)"),
        (models.DlibResNet29, "vggface2_ft", r"one of \['dlib'\] or a file.*models.ResNet50"),
        (models.ResNet50, "vggface2-ft", "did you mean vggface2_ft"),
        (models.ResNet50, "none.pkl", r"one of \['vggface2_ft', .*'none.pkl', which is neither"),
    ],
)
def test_what_is_no_preset_of_the_network_is_refused(
    network: Architecture[...], preset: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        network.from_preset(preset)


def test_a_preset_whose_file_is_missing_says_where_to_put_it(small: Architecture[...]) -> None:
    with pytest.raises(ValueError, match=r"must be in .*keras/maskedface, as resnet50_ft_dag.pth"):
        small.from_preset("vggface2_ft_dag")


@pytest.mark.parametrize("network", [models.ResNet50, models.DlibResNet29])
def test_it_looks_as_the_function_did(network: Network) -> None:
    assert list(inspect.signature(network).parameters)[:2] == ["weights", "input_shape"]
    assert str(network.__doc__).startswith("Builds ")
    assert network.__module__.startswith("maskedface.models.")
    assert copy.deepcopy(network) is network and pickle.loads(pickle.dumps(network)) is network


def test_it_builds_a_plain_functional_model() -> None:
    image = keras.Input((1,))
    loaded = models.DlibResNet29.from_preset("dlib")
    assert type(loaded) is type(keras.Model(image, image))


# A process of its own.
@pytest.mark.long
@pytest.mark.parametrize(
    "code",
    [
        "import keras, maskedface.models\nmodel = keras.models.load_model(path)",
        "from maskedface import models\nmodels.predict\nimport keras\n"
        "model = keras.models.load_model(path)",
        "from maskedface import models\nmodels.PRESETS\n"
        "from maskedface.models.saved import load_model\nmodel = load_model(path)",
    ],
    ids=["keras first", "a name used", "ours"],
)
def test_a_saved_network_opens_whatever_was_imported_before(code: str, tmp_path: Path) -> None:
    path = str(tmp_path / "m.keras")
    models.mirror_join(models.DlibResNet29(None, (112, 112, 3))).save(path)
    words = f"path = {json.dumps(path)}\n{code}\nprint(model.output_shape)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(None, 128)"
