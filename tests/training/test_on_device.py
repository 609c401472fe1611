"""Inputs that lie on the device: the same run, with less copied and fewer calls.

On a CPU the path of a GPU is taken where `MASKEDFACE_DEVICE_MEMORY` tells of memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import datasets, layers, training
from maskedface.datasets import FaceIndex
from maskedface.datasets.augmentation import Augmentation
from maskedface.recipes import Recipe
from maskedface.training import Run, feature_cache, on_device
from maskedface.training.batches import RowBatches, TrainingBatches
from maskedface.training.distribution import Devices
from maskedface.training.expected_time import ExpectedTime
from maskedface.training.on_device import OnDevice, fits

pytestmark = pytest.mark.long  # each test trains a network, some twice

FROZEN = Recipe(
    name="frozen",
    freeze_through="layer3",
    epochs=3,
    batch_size=8,
    optimizer=keras.optimizers.Adam(1e-3),
)
MASKED = FROZEN.override(
    name="masked",
    freeze_through="none",
    augmentation=[layers.RandomMask(0.5), keras.layers.RandomFlip("horizontal")],
)
Train = Callable[..., Run]


@pytest.fixture
def train(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Train:
    parts = datasets.split_by_image(drawn)

    def run(recipe: Recipe, run_dir: str, gib: str, **arguments: Any) -> Run:
        monkeypatch.setenv("MASKEDFACE_DEVICE_MEMORY", gib)
        given = {"backbone": tiny_backbone, "progress": False, **arguments}
        return training.train(recipe, *parts, run_dir=tmp_path / run_dir, **given)

    return run


def histories(*runs: Run) -> list[np.ndarray]:
    return [
        np.genfromtxt(Path(run.path) / "history.csv", delimiter=",", names=True) for run in runs
    ]


def assert_same(first: Run, second: Run) -> None:
    for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first.predictions["logits"], second.predictions["logits"])
    one, other = histories(first, second)
    for name in one.dtype.names:
        np.testing.assert_allclose(one[name], other[name], rtol=0 if "val" not in name else 1e-5)


@pytest.mark.parametrize("recipe", [FROZEN, MASKED], ids=["features", "faces"])
def test_it_is_the_same_run(train: Train, recipe: Recipe) -> None:
    host, device = train(recipe, "host", "0"), train(recipe, "device", "1")
    assert not host.record["on_device"] and device.record["on_device"]
    assert_same(host, device)


def test_numbers_cross_and_no_activations(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    crossed: list[np.ndarray] = []
    for batches in (TrainingBatches, RowBatches):

        def noted(self: Any, number: int, whole: Any = batches.__getitem__) -> Any:
            found = whole(self, number)
            crossed.append(found[0])
            return found

        monkeypatch.setattr(batches, "__getitem__", noted)
    run = train(FROZEN, "device", "1")
    assert run.record["frozen_features"]["because"].endswith("on the GPU")
    assert {array.shape for array in crossed} == {(8,), (4,)}
    assert {array.dtype.name for array in crossed} == {"int32"}


def test_an_epoch_is_one_call(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(
        ExpectedTime, "on_train_batch_end", lambda self, batch, logs=None: calls.append(batch)
    )
    train(FROZEN, "device", "1")
    assert calls == [2, 2, 2]


def test_no_file_of_features_is_written(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "read_features", None)
    train(FROZEN, "device", "1")


def test_a_card_that_is_too_small_holds_nothing(train: Train) -> None:
    run = train(FROZEN, "small", "1e-6")
    assert not run.record["frozen_features"]["because"].endswith("on the GPU")


@keras.saving.register_keras_serializable("test_on_device")
class Noise(keras.layers.Layer):
    """A layer of one's own that draws, without a generator that would tell of it."""

    def call(self, images: Any, training: bool = False) -> Any:
        drawn = keras.random.normal(keras.ops.shape(images), stddev=8.0)
        return keras.ops.clip(keras.ops.cast(images, "float32") + drawn, 0, 255)


def test_faces_stay_with_the_host_where_a_layer_is_ones_own(train: Train) -> None:
    recipe = MASKED.override(augmentation=[Noise()], epochs=1)
    assert not train(recipe, "own", "1").record["on_device"]


def test_a_killed_run_goes_on_to_the_same_end(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskedface.training.fit._BETWEEN_STATES", 0.0)

    class Killed(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(FROZEN, "broken", "1", callbacks=[Killed()])
    assert_same(train(FROZEN, "whole", "0"), train(FROZEN, "broken", "1"))


def test_a_callback_that_reads_states_finds_each_epochs(train: Train, tmp_path: Path) -> None:
    states = []

    class Reads(keras.callbacks.Callback):
        reads_state = True

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            with np.load(tmp_path / "run" / "state.npz") as file:
                states.append(len(json.loads(str(file["history"]))))

    train(FROZEN, "run", "1", callbacks=[Reads()])
    assert states == [1, 2, 3]


def test_a_checkpoint_is_the_network_without_its_table(train: Train, tmp_path: Path) -> None:
    whole, weights = str(tmp_path / "net.keras"), str(tmp_path / "net.weights.h5")
    checkpoints = [
        keras.callbacks.ModelCheckpoint(whole),
        keras.callbacks.ModelCheckpoint(weights, save_weights_only=True),
    ]
    for gib in ("0", "1"):
        train(FROZEN, gib, gib, callbacks=checkpoints)
        saved = keras.models.load_model(whole)
        values = saved.get_weights()
        if gib == "0":
            expected, shape = values, saved.input_shape
    assert saved.input_shape == shape
    saved.load_weights(weights)
    for one, also, other in zip(expected, values, saved.get_weights(), strict=True):
        np.testing.assert_array_equal(one, also)
        np.testing.assert_array_equal(one, other)


def test_the_frozen_layers_are_compiled_once(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[keras.Model] = []
    whole = on_device._compiled
    monkeypatch.setattr(
        on_device, "_compiled", lambda model: (compiled.append(model), whole(model))[1]
    )
    train(FROZEN, "device", "1")
    assert len(compiled) == 1


def test_faces_are_copied_a_block_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Faces:
        """As `StreamedFaces`: decoded when they are read."""

        shape = (4, 8, 8, 3)

        def __len__(self) -> int:
            return 4

        def __getitem__(self, rows: slice) -> np.ndarray:
            done.append("read")
            return np.zeros(self.shape, "uint8")[rows]

    def noted(value: Any, *given: Any, whole: Any = keras.ops.convert_to_tensor) -> Any:
        done.extend(["copied"] if getattr(value, "shape", ()) == (2, 8, 8, 3) else [])
        return whole(value, *given)

    monkeypatch.setenv("MASKEDFACE_DEVICE_MEMORY", "1")
    monkeypatch.setattr(on_device, "_BLOCK", 2)
    monkeypatch.setattr(keras.ops, "convert_to_tensor", noted)
    learner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    faces: Any = Faces()
    inputs = feature_cache.Inputs(learner, None, faces, faces, False, [], {})
    plain = Augmentation([], alignment="arcface", size=8)
    assert on_device.faces_on_device(inputs, plain, Devices()).on_device
    assert done[:8] == ["read", "copied"] * 4


def test_a_table_is_no_weight() -> None:
    given = keras.Input((), dtype="int32")
    model = keras.Model(given, OnDevice([np.ones((3, 2), "float32")])(given))
    assert not model.get_weights() and not model.trainable_variables
    assert len(model.non_trainable_variables) == 1


@pytest.mark.parametrize("kind", ["uint8", "float32", "bfloat16"])
def test_rows_are_gathered_in_their_type(kind: str) -> None:
    table = np.arange(6).reshape(3, 2)
    parts = [keras.ops.cast(table[:1], kind), keras.ops.cast(table[1:], kind)]
    found = OnDevice(parts)(np.array([2, 0], "int32"))
    assert keras.backend.standardize_dtype(found.dtype) == kind and not parts
    assert keras.ops.convert_to_numpy(keras.ops.cast(found, "int32")).tolist() == [[4, 5], [0, 1]]


@pytest.mark.parametrize(
    ("size", "rows", "devices", "expected"),
    [
        (429_496_729, 100, Devices(), True),  # 0.4 of a GiB
        (429_496_730, 100, Devices(), False),
        (100, 2**24 + 1, Devices(), False),
        (100, 100, Devices(2, strategy="mirrored"), False),
    ],
)
def test_what_stays_on_the_device(
    monkeypatch: pytest.MonkeyPatch, size: int, rows: int, devices: Devices, expected: bool
) -> None:
    monkeypatch.setenv("MASKEDFACE_DEVICE_MEMORY", "1")
    assert fits(size, rows, devices) == expected


JAX_SCRIPT = """
import os, sys
from maskedface import datasets, layers, training
from maskedface.recipes import Recipe

root, folder, backbone = sys.argv[1:]
train, test = datasets.split_by_image(datasets.rmfrd(root))
frozen = Recipe(name="r", freeze_through="layer3", epochs=2, batch_size=8, optimizer="SGD")
masks = [layers.RandomMask(0.5, variants=2)]
faces = frozen.override(freeze_through="none", augmentation=masks)
for gib in ("0", "1"):
    os.environ["MASKEDFACE_DEVICE_MEMORY"] = gib
    for name, recipe in (("features", frozen), ("faces", faces)):
        words = {"backbone": backbone, "progress": False}
        training.train(recipe, train, test, run_dir=f"{folder}/{name}-{gib}", **words)
"""


# A process imports JAX and trains four times.
@pytest.mark.long
@pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
def test_it_is_the_same_run_on_jax(drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", JAX_SCRIPT, str(drawn.root), str(tmp_path), str(tiny_backbone)],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name in ("features", "faces"):
        host, device = (Run(str(tmp_path / f"{name}-{gib}")) for gib in "01")
        for one, other in zip(host.model.get_weights(), device.model.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
