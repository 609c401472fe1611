"""The frozen part's activations: the ordinary loop's results, and nothing lost on the way."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import datasets, layers, models, training
from maskedface.datasets import FaceIndex
from maskedface.datasets.augmentation import Augmentation
from maskedface.recipes import Recipe
from maskedface.training import Run, feature_cache
from maskedface.training.feature_cache import read_features
from maskedface.training.frozen_layers import FrozenPrefix, frozen_prefix

EXACT = Recipe(
    name="exact",
    freeze_through="layer3",
    epochs=25,
    batch_size=8,
    optimizer=keras.optimizers.Adam(1e-3),
)
MIRROR = keras.layers.RandomFlip("horizontal")
Train = Callable[..., Run]


@pytest.fixture(scope="module")
def parts(drawn: FaceIndex) -> tuple[FaceIndex, FaceIndex]:
    return datasets.split_by_image(drawn)


@pytest.fixture(scope="module")
def chips(parts: tuple[FaceIndex, FaceIndex]) -> np.ndarray:
    return datasets.read_aligned_faces(parts[0], size=64, alignment="vggface2")


@pytest.fixture(scope="module")
def plain_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny backbone without the batch norms, which are folded where they are frozen: that changes the
    last digits, and there is nothing else that may."""
    keras.utils.set_random_seed(0)
    image = keras.Input((64, 64, 3))
    x = models.FaceAlignment("vggface2")(image)
    x = keras.layers.Rescaling(1 / 128, -1.0, name="preprocess")(x)
    for stage in ("stem", "layer1", "layer2", "layer3", "layer4"):
        x = keras.layers.Conv2D(8, 3, 2, padding="same", name=f"{stage}_conv")(x)
        x = keras.layers.ReLU(name=f"{stage}_relu")(x)
    path = tmp_path_factory.mktemp("plain") / "plain.keras"
    keras.Model(image, keras.layers.Flatten(name="pool")(x), name="plain").save(path)
    return path


def mirrors(*more: Any) -> Augmentation:
    return Augmentation([MIRROR, *more], alignment="vggface2", size=64)


@pytest.fixture
def train(parts: tuple[FaceIndex, FaceIndex], plain_backbone: Path, tmp_path: Path) -> Train:
    def run(recipe: Recipe, run_dir: str, **arguments: Any) -> Run:
        given = {"backbone": plain_backbone, "progress": False, **arguments}
        return training.train(recipe, *parts, run_dir=tmp_path / run_dir, **given)

    return run


@pytest.fixture
def prefix(tiny_backbone: Path) -> FrozenPrefix:
    backbone = keras.models.load_model(tiny_backbone, compile=False)
    models.freeze(backbone, "layer3")
    found = frozen_prefix(EXACT, backbone, mirrors())
    assert isinstance(found, FrozenPrefix)
    return found


def used(run: Run) -> bool:
    return bool(run.record["frozen_features"]["used"])


def assert_same_bits(first: Run, second: Run) -> None:
    for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first.predictions["logits"], second.predictions["logits"])
    histories = [(Path(run.path) / "history.csv").read_text() for run in (first, second)]
    assert histories[0] == histories[1]


# Two runs of twenty-five epochs; a prefix that ends inside the network is in CI.
@pytest.mark.long
@pytest.mark.parametrize("through", ["layer3", pytest.param("all", marks=pytest.mark.slow)])
def test_twenty_five_epochs_give_the_ordinary_loops_bits(train: Train, through: str) -> None:
    recipe = EXACT.override(freeze_through=through)
    quick, ordinary = train(recipe, "quick"), train(recipe.override(features="off"), "ordinary")
    assert used(quick) and not used(ordinary)
    assert_same_bits(quick, ordinary)


# Two trainings.
@pytest.mark.long
@pytest.mark.parametrize(
    "change",
    [
        {"sampling": "balanced"},
        {"sampling": "balanced", "train_on": {"masked": 1, "unmasked": 0.5}},
        pytest.param({"augmentation": []}, marks=pytest.mark.slow),
        pytest.param({"augmentation": [], "sampling": "grouped"}, marks=pytest.mark.slow),
    ],
    ids=["balanced", "balanced, shares", "no mirror", "grouped"],
)
def test_rows_that_come_up_again_or_are_not_mirrored_give_the_ordinary_loops_bits(
    train: Train, change: dict[str, Any]
) -> None:
    recipe = EXACT.override(epochs=2, **change)
    quick, ordinary = train(recipe, "quick"), train(recipe.override(features="off"), "ordinary")
    assert used(quick) and not used(ordinary)
    assert_same_bits(quick, ordinary)


# Two trainings.
@pytest.mark.long
def test_a_cosine_head_gives_the_ordinary_loops_bits(train: Train) -> None:
    means = "class_means"
    recipe = EXACT.override(head="cosine", head_init=means, head_final=means, epochs=2)
    quick, ordinary = train(recipe, "quick"), train(recipe.override(features="off"), "ordinary")
    assert used(quick)
    assert_same_bits(quick, ordinary)


# Two trainings.
@pytest.mark.long
def test_folding_changes_only_the_last_digits(train: Train, tiny_resnet50: Path) -> None:
    # Adam would blow rounding up where a gradient is near zero; SGD shows its own size.
    recipe = EXACT.override("optimizer=SGD", epochs=3)
    runs = [
        train(recipe.override(features=features), features, backbone=tiny_resnet50)
        for features in ("auto", "off")
    ]
    folded, plain = (run.predictions["logits"] for run in runs)
    assert used(runs[0]) and not used(runs[1])
    np.testing.assert_allclose(plain, folded, atol=1e-3 * abs(plain).max())
    assert (plain != folded).any()


def test_half_precision_takes_half_the_disk_and_changes_little(
    prefix: FrozenPrefix, chips: np.ndarray, tmp_path: Path
) -> None:
    half = dataclasses.replace(prefix, dtype="float16")
    whole = read_features(prefix, chips, mirrors=False, folder=tmp_path)
    halved = read_features(half, chips, mirrors=False, folder=tmp_path)
    assert halved.nbytes == whole.nbytes / 2 == half.bytes_of(len(chips), 1)
    np.testing.assert_allclose(halved, whole, rtol=1e-3, atol=1e-4)


def test_features_are_the_prefix_of_each_image_and_its_mirror(
    prefix: FrozenPrefix, chips: np.ndarray, tmp_path: Path
) -> None:
    features = read_features(prefix, chips, mirrors=True, folder=tmp_path)
    np.testing.assert_array_equal(features[:, 0], models.predict(prefix.model, chips))
    np.testing.assert_array_equal(features[:, 1], models.predict(prefix.model, chips[:, :, ::-1]))


# A training or more.
@pytest.mark.long
def test_they_are_computed_once(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = EXACT.override(epochs=1)
    train(recipe, "first", cache=tmp_path / "cache")
    monkeypatch.setattr(feature_cache, "_compute", None)
    other = recipe.override("optimizer.learning_rate=1e-2")
    again = train(other, "second", cache=tmp_path / "cache", seed=1)
    assert used(again)


# A training or more.
@pytest.mark.long
def test_a_finished_run_leaves_none_in_its_folder(train: Train) -> None:
    assert not (Path(train(EXACT.override(epochs=1), "run").path) / "features").exists()


@pytest.mark.parametrize("change", ["pixel", "row", "weight", "mirrors", "dtype", "boundary"])
def test_whatever_changes_them_changes_their_name(
    prefix: FrozenPrefix, tiny_backbone: Path, chips: np.ndarray, change: str
) -> None:
    other, seen = prefix, chips.copy()
    if change == "pixel":
        seen[0, 0, 0, 0] ^= 1
    elif change == "row":
        seen = seen[1:]
    elif change == "dtype":
        other = dataclasses.replace(prefix, dtype="float16")
    elif change in ("weight", "boundary"):
        backbone = keras.models.load_model(tiny_backbone, compile=False)
        models.freeze(backbone, "layer2" if change == "boundary" else "layer3")
        found = frozen_prefix(EXACT, backbone, mirrors())
        assert isinstance(found, FrozenPrefix)
        other = found
        if change == "weight":
            variable = other.model.get_layer("layer1_conv").kernel
            variable.assign(variable + 1e-3)
    assert other.key(seen, change != "mirrors") != prefix.key(chips, True)


@pytest.mark.parametrize(
    "ends",
    [
        [lambda x: keras.ops.relu(x), lambda x: keras.ops.gelu(x)],
        [lambda x: 2.0 * x, lambda x: 3.0 * x],
        [lambda x: keras.ops.average_pool(x, 2), lambda x: keras.ops.average_pool(x, 4)],
        [lambda x: x - keras.ops.relu(x), lambda x: keras.ops.relu(x) - x],
        [
            lambda x: x * np.arange(2048.0)[:, None],
            lambda x: x * np.roll(np.arange(2048.0), 1)[:, None],
        ],
    ],
    ids=["operation", "constant", "argument", "order", "long constant"],
)
def test_what_keras_ops_compute_between_layers_changes_the_name(
    ends: list[Callable[[Any], Any]],
) -> None:
    image = keras.Input((8, 2048, 3))
    x = keras.layers.Conv2D(1, 1)(image)
    models_ = [keras.Model(image, end(x)) for end in (*ends, ends[0])]
    chips = np.zeros((1, 8, 2048, 3), "uint8")
    first, other, again = (FrozenPrefix(one, x, "float32").key(chips, False) for one in models_)
    assert first != other and first == again


def test_another_process_finds_the_same_name(
    prefix: FrozenPrefix, tiny_backbone: Path, chips: np.ndarray
) -> None:
    keras.Input((3,))  # moves the counters of names that Keras makes up
    backbone = keras.models.load_model(tiny_backbone, compile=False)
    models.freeze(backbone, "layer3")
    again = frozen_prefix(EXACT, backbone, mirrors())
    assert isinstance(again, FrozenPrefix) and again.key(chips, True) == prefix.key(chips, True)


def test_a_killed_computation_goes_on_where_it_stopped(
    prefix: FrozenPrefix,
    chips: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feature_cache, "_BLOCK", 10)
    calls, whole = [], models.predict

    def predict(model: keras.Model, faces: np.ndarray) -> np.ndarray:
        calls.append(len(faces))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(model, faces)

    with monkeypatch.context() as patch:
        patch.setattr(feature_cache.models, "predict", predict)
        with pytest.raises(KeyboardInterrupt):
            read_features(prefix, chips, mirrors=False, folder=tmp_path)
    assert not list(tmp_path.glob("*.npy"))
    monkeypatch.setattr(feature_cache.models, "predict", predict)
    features = read_features(prefix, chips, mirrors=False, folder=tmp_path)
    assert calls == [10, 10, 4, 4]
    monkeypatch.undo()
    np.testing.assert_array_equal(features[:, 0], models.predict(prefix.model, chips))
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy", ".lock"}


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(
    prefix: FrozenPrefix,
    chips: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(file: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match=r"must have room .*features=off.* No space left") as error:
        read_features(prefix, chips, mirrors=True, folder=tmp_path)
    assert error.value.errno == errno.ENOSPC
    assert {path.suffix for path in tmp_path.iterdir()} == {".lock"}


def test_activations_beyond_half_precision_are_refused(
    prefix: FrozenPrefix, chips: np.ndarray, tmp_path: Path
) -> None:
    kernel = prefix.model.get_layer("layer3_conv").kernel
    kernel.assign(1e6 * kernel)
    half = dataclasses.replace(prefix, dtype="float16")
    with pytest.raises(ValueError, match="features_dtype must be 'float32' .* Received: "):
        read_features(half, chips, mirrors=False, folder=tmp_path)
    assert not list(tmp_path.glob("*.npy"))


# Whole runs.
@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"features": "off"}, "features=off"),
        ({"freeze_through": "none"}, "no stage is frozen"),
        # Three of a kind are enough for each change.
        pytest.param({"batch_norm": "update"}, "batch_norm=update", marks=pytest.mark.slow),
        ({"augmentation": [layers.RandomFaceJitter(1.0)]}, "(augmentation)"),
        pytest.param(
            {"augmentation": [layers.RandomMask(0.5), MIRROR]},
            "(augmentation)",
            marks=pytest.mark.slow,
        ),
        pytest.param({"augmentation": [MIRROR, MIRROR]}, "(augmentation)", marks=pytest.mark.slow),
        ({"features_budget": 1e-6}, "exceed features_budget=1e-06"),
    ],
)
def test_the_ordinary_loop_is_used_and_the_reason_said(
    train: Train, change: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "maskedface")
    run = train(EXACT.override(epochs=1, **change), "run")
    assert not used(run) and reason in run.record["frozen_features"]["because"]
    assert reason in caplog.text and "the ordinary loop is used" in caplog.text


def test_more_than_the_free_disk_is_not_begun(tmp_path: Path) -> None:
    assert "free in" in feature_cache.room(2**60, str(tmp_path / "not" / "yet"), 1e12)
    assert feature_cache.room(1000, str(tmp_path), 1.0) == ""


# Three runs.
@pytest.mark.long
def test_a_run_may_go_on_without_the_features_it_began_with(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maskedface.training.checkpoint import KeepState

    recipe = EXACT.override(epochs=3)
    keep = KeepState.on_epoch_end

    def stop(self: KeepState, epoch: int, logs: Any = None) -> None:
        keep(self, epoch, logs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(KeepState, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, "broken")
    monkeypatch.setattr("maskedface.training.feature_cache.room", lambda *_: "the disk is full now")
    resumed = train(recipe, "broken")
    assert not used(resumed)
    monkeypatch.undo()
    assert_same_bits(resumed, train(recipe, "whole"))


# A training or more.
@pytest.mark.long
def test_bfloat16_runs_and_is_kept_in_the_model(train: Train) -> None:
    run = train(EXACT.override(epochs=1, precision="bfloat16"), "run")
    precisions = {layer.name: layer.compute_dtype for layer in run.model.layers}
    assert precisions["layer4_conv"] == "bfloat16"
    assert precisions["preprocess"] == run.model.layers[-1].compute_dtype == "float32"
    assert run.predictions["logits"].dtype == np.float32
