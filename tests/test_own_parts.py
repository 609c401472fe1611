"""A recipe whose loss, optimizer, layer, head, callback and backbone are defined here, all the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from maskedface import datasets, exporting, models, training, tuning
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.recipes import Recipe
from maskedface.training import Run
from maskedface.training.checkpoint import KeepState


@keras.saving.register_keras_serializable(package="own")
class Focal(keras.losses.Loss):
    def __init__(self, power: float = 2.0, name: str = "focal", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.power = power

    def call(self, y_true: Any, y_pred: Any) -> Any:
        right = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])
        chance = ops.sum(right * ops.softmax(y_pred), -1)
        return -((1 - chance) ** self.power) * ops.log(chance + 1e-7)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power": self.power}


@keras.saving.register_keras_serializable(package="own")
class Signed(keras.optimizers.Optimizer):
    """Steps of the gradient's sign, with a memory of the steps before."""

    def __init__(self, learning_rate: float = 1e-3, memory: float = 0.5, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.memory = memory

    def build(self, variables: Any) -> None:
        if not self.built:
            super().build(variables)
            self.before = [self.add_variable_from_reference(v, "before") for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        before = self.before[self._get_variable_index(variable)]
        self.assign(before, self.memory * before + ops.sign(gradient))
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * before)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "memory": self.memory}


@keras.saving.register_keras_serializable(package="own")
class Speckle(keras.layers.Layer):
    """Noise of its own seed."""

    def __init__(self, spread: float = 8.0, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spread, self.seed = spread, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        images = ops.cast(images, "float32")
        noise = keras.random.normal(ops.shape(images), 0, self.spread, seed=self.generator)
        return images + noise if training else images

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spread": self.spread, "seed": self.seed}


@keras.saving.register_keras_serializable(package="own")
class Bilinear(keras.layers.Layer):
    """A head: scores of the embedding and of its square."""

    def __init__(self, num_classes: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def build(self, input_shape: Any) -> None:
        assert self.num_classes is not None
        self.scores = keras.layers.Dense(self.num_classes)
        self.scores.build((None, 2 * input_shape[-1]))

    def call(self, embeddings: Any) -> Any:
        return self.scores(ops.concatenate([embeddings, embeddings**2], -1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_classes": self.num_classes}


class Shrink(keras.callbacks.Callback):
    """Halves the weights of the head after an epoch."""

    def __init__(self, factor: float = 0.5) -> None:
        super().__init__()
        self.factor = factor

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        weights = self.model.layers[-1].trainable_variables
        for weight in weights:
            weight.assign(weight * self.factor)


def own_backbone() -> keras.Model:
    keras.utils.set_random_seed(3)
    image = keras.Input((48, 48, 3))
    x = keras.layers.Rescaling(1 / 128, -1)(image)
    for filters in (8, 16):
        x = keras.layers.Conv2D(filters, 3, 2, activation="relu")(x)
    return models.with_alignment(
        keras.Model(image, keras.layers.GlobalAveragePooling2D()(x)), "vggface2"
    )


def own_recipe() -> Recipe:
    return Recipe(
        name="own",
        head=Bilinear(),
        loss=Focal(power=1.5),
        optimizer=Signed(memory=0.25),
        augmentation=[Speckle(4.0), keras.layers.RandomFlip("horizontal")],
        callbacks=[Shrink(0.9)],
        batch_size=8,
        epochs=3,
    )


@pytest.fixture(scope="module")
def rows(drawn: FaceIndex) -> tuple[FaceIndex, FaceIndex]:
    return datasets.split_by_image(drawn)


@pytest.fixture(scope="module")
def run(rows: tuple[FaceIndex, FaceIndex], tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("own") / "run"
    words: dict[str, Any] = {"backbone": own_backbone(), "progress": False}
    return training.train(own_recipe(), *rows, run_dir=folder, **words)


def test_its_parts_are_read_back_from_the_run(run: Run) -> None:
    again = Run(run.path)
    assert again.recipe == own_recipe()
    kinds = {type(layer) for layer in again.model.layers}
    assert Bilinear in kinds
    images = np.zeros((1, 48, 48, 3), "uint8")
    assert models.embedder(again.model)(images).shape == (1, 16)


def test_it_goes_on_after_a_kill_with_the_same_bits(
    run: Run,
    rows: tuple[FaceIndex, FaceIndex],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep = KeepState.on_epoch_end

    def killed(self: KeepState, epoch: int, logs: Any = None) -> None:
        keep(self, epoch, logs)
        if epoch == 0:
            raise KeyboardInterrupt

    words: dict[str, Any] = {"run_dir": tmp_path, "backbone": own_backbone(), "progress": False}
    with monkeypatch.context() as patch:
        patch.setattr(KeepState, "on_epoch_end", killed)
        with pytest.raises(KeyboardInterrupt):
            training.train(own_recipe(), *rows, **words)
    again = training.train(own_recipe(), *rows, **words)
    for one, other in zip(again.model.get_weights(), run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_is_searched(rows: tuple[FaceIndex, FaceIndex], tmp_path: Path) -> None:
    found = tuning.search(
        own_recipe().override(epochs=1),
        rows[0],
        space={
            "loss.power": [1.5, 1.0],
            "optimizer.memory": [0.25, 0.5],
            "augmentation.0.spread": [4.0, 2.0],
            "callbacks.0.factor": [0.9, 0.8],
        },
        search_dir=tmp_path / "s",
        backbone=own_backbone(),
        algorithm="random",
        trials=2,
        progress=False,
    )
    assert [record["status"] for record in found.trials] == ["completed"] * 2
    assert Recipe.read(tmp_path / "s" / "best.json").loss.class_name == "Focal"


def test_it_is_evaluated_and_reported(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", run.path]) == 0
    out = tmp_path / "report.html"
    assert main(["report", run.path, "--out", str(out), "--no-faces"]) == 0
    text = out.read_text(encoding="utf-8")
    assert "Focal(" in text and "Signed(" in text and "Speckle(" in text


# The converter.
@pytest.mark.long
def test_it_is_exported(run: Run, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 48, 48, 3), np.uint8)
    done = exporting.export(
        run.model, tmp_path / "model", images, format="savedmodel", facts={"classes": [*"abcd"]}
    )
    assert done.agreement.relative < 1e-5
    assert json.loads(Path(f"{done.path}.json").read_text())["outputs"] == 4
