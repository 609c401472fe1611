"""A recipe whose loss, optimizer, augmentation, head, callback and backbone are all of a user's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest
from keras import ops

from maskedface import datasets, exporting, models, recipes, reporting, training, tuning
from maskedface.datasets import FaceIndex
from maskedface.exporting.exported import FORMATS
from maskedface.models.heads import cosine_head
from maskedface.recipes import Recipe
from maskedface.training import Run

pytestmark = pytest.mark.long  # each test trains a network

OWN = "tests.own_parts"
HERE = f"{__name__}"


@keras.saving.register_keras_serializable(package=OWN)
class Focal(keras.losses.Loss):
    """Cross-entropy that cares less for what is right already."""

    def __init__(self, gamma: float = 2.0, name: str = "focal", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.gamma = gamma

    def call(self, y_true: Any, y_pred: Any) -> Any:
        labels = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), y_pred.shape[-1])
        right = ops.sum(labels * ops.softmax(y_pred), -1)
        return -((1 - right) ** self.gamma) * ops.log(right + 1e-7)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gamma": self.gamma}


@keras.saving.register_keras_serializable(package=OWN)
class SignDescent(keras.optimizers.Optimizer):
    """Steps of one size along a running mean's signs; it has a state of its own."""

    def __init__(self, learning_rate: float = 1e-3, decay: float = 0.9, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.decay = decay

    def build(self, variables: list[keras.Variable]) -> None:
        if not self.built:
            super().build(variables)
            self.means = [self.add_variable_from_reference(one, "mean") for one in variables]

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        mean = self.means[self._get_variable_index(variable)]
        self.assign(mean, self.decay * mean + (1 - self.decay) * ops.cast(gradient, mean.dtype))
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * ops.sign(mean))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "decay": self.decay}


@keras.saving.register_keras_serializable(package=OWN)
class Speckle(keras.layers.Layer):
    """Adds noise that it draws for itself."""

    def __init__(self, strength: float = 8.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strength = strength
        self.generator = keras.random.SeedGenerator(1)

    def call(self, images: Any, training: bool | None = None) -> Any:
        noise = keras.random.normal(ops.shape(images), seed=self.generator)
        return images + self.strength * noise if training else images

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "strength": self.strength}


@keras.saving.register_keras_serializable(package=OWN)
class NearestPoint(keras.layers.Layer):
    """A head: minus the squared distance to a point a person, with dropout."""

    def __init__(self, num_classes: int | None = None, dropout: float = 0.2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes, self.dropout = num_classes, dropout
        self.drop = keras.layers.Dropout(dropout)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.points = self.add_weight(name="points", shape=(self.num_classes, input_shape[-1]))

    def call(self, embeddings: Any, training: bool | None = None) -> Any:
        embeddings = self.drop(embeddings, training=training)
        squares = ops.sum(embeddings**2, -1, keepdims=True) + ops.sum(self.points**2, -1)
        return 2 * ops.matmul(embeddings, ops.transpose(self.points)) - squares

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        own = {"num_classes": self.num_classes, "dropout": self.dropout}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package=OWN)
class SoftSign(keras.layers.Layer):
    """A layer of the backbone."""

    def call(self, x: Any) -> Any:
        return x / (1 + ops.abs(x))


class Counter(keras.callbacks.Callback):
    """Counts epochs, in the process, for the tests."""

    seen: ClassVar[list[tuple[int, int]]] = []

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        Counter.seen.append((epoch, self.step))


def own_recipe(**changes: Any) -> Recipe:
    recipe = Recipe(
        name="own",
        head=NearestPoint(),
        loss=Focal(1.5),
        optimizer=SignDescent(1e-3),
        augmentation=[Speckle(4.0), keras.layers.RandomFlip("horizontal")],
        callbacks=[Counter(3)],
        batch_size=8,
        epochs=3,
    )
    return recipe.override(**changes)


def own_backbone() -> keras.Model:
    keras.utils.set_random_seed(7)
    image = keras.Input((64, 64, 3))
    x = models.FaceAlignment("vggface2")(image)
    x = keras.layers.Rescaling(1 / 128, -1.0)(x)
    for filters in (4, 8):
        x = SoftSign()(keras.layers.Conv2D(filters, 5, 4)(x))
    return keras.Model(image, keras.layers.Flatten()(x), name="own")


def own_run(drawn: FaceIndex, folder: Path, recipe: Recipe | None = None, **words: Any) -> Run:
    return training.train(
        own_recipe() if recipe is None else recipe,
        *datasets.split_by_image(drawn),
        run_dir=folder,
        progress=False,
        **{"backbone": own_backbone(), **words},
    )


@pytest.fixture(scope="module")
def given() -> keras.Model:
    """The backbone that `run` was given."""
    return own_backbone()


@pytest.fixture(scope="module")
def run(drawn: FaceIndex, given: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Run:
    Counter.seen.clear()
    return own_run(drawn, tmp_path_factory.mktemp("own") / "run", backbone=given)


def same_bits(one: Run, other: Run) -> None:
    for first, second in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(one.predictions["logits"], other.predictions["logits"])
    histories = [(Path(each.path) / "history.csv").read_text() for each in (one, other)]
    assert histories[0] == histories[1]


def test_it_trains(run: Run) -> None:
    assert Counter.seen == [(0, 3), (1, 3), (2, 3)]
    lines = (Path(run.path) / "history.csv").read_text().splitlines()
    column = lines[0].split(",").index("loss")
    losses = [float(line.split(",")[column]) for line in lines[1:]]
    assert losses[-1] < losses[0] and np.isfinite(losses).all()
    assert "val_accuracy" in lines[0]


def test_its_recipe_is_read_again(run: Run) -> None:
    assert run.recipe == own_recipe()
    assert run.recipe.value_at("loss") == "Focal" and run.recipe.value_at("loss.gamma") == 1.5
    assert isinstance(run.recipe.optimizer.build(), SignDescent)


def test_its_model_is_read_again(run: Run, drawn: FaceIndex) -> None:
    model = Run(run.path).model
    assert isinstance(model.layers[-1], NearestPoint)
    chips = datasets.read_aligned_faces(run.split()["test"], size=64, alignment="vggface2")
    np.testing.assert_allclose(
        models.predict(model, chips), run.predictions["logits"], rtol=1e-5, atol=1e-4
    )
    assert models.embedder(model).output_shape == own_backbone().output_shape


def test_the_backbone_given_is_left_as_it_is(run: Run, given: keras.Model) -> None:
    moved = [layer for layer in run.model.layers if isinstance(layer, keras.layers.Conv2D)]
    before = own_backbone().get_weights()
    assert (moved[0].get_weights()[0] != before[0]).any()
    for one, other in zip(before, given.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_finished_run_is_returned_and_one_of_other_arguments_refused(
    run: Run, drawn: FaceIndex
) -> None:
    assert own_run(drawn, Path(run.path)).metrics == run.metrics
    with pytest.raises(ValueError, match="with another recipe"):
        own_run(drawn, Path(run.path), own_recipe(**{"loss.gamma": 1.0}))


class Interrupted(keras.callbacks.Callback):
    """Ends after the second epoch."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch == 1:
            raise KeyboardInterrupt


def test_it_goes_on_with_the_same_bits(run: Run, drawn: FaceIndex, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        own_run(drawn, tmp_path / "run", callbacks=[Interrupted()])
    assert not (tmp_path / "run" / "metrics.json").exists()
    Counter.seen.clear()
    same_bits(run, own_run(drawn, tmp_path / "run"))
    assert Counter.seen == [(2, 3)]


class Killed(keras.callbacks.Callback):
    """As Interrupted, by SIGKILL."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)


# A process that imports TensorFlow and trains.
@pytest.mark.long
def test_a_killed_one_goes_on_with_the_same_bits(
    run: Run, drawn: FaceIndex, tmp_path: Path
) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom maskedface import datasets\n"
        f"from {HERE} import Killed, own_run\n"
        "index = datasets.read_manifest(sys.argv[1], root=sys.argv[3])\n"
        f"own_run(index, Path(sys.argv[2]), threads={run.record['threads']}, callbacks=[Killed()])"
    )
    datasets.write_manifest(tmp_path / "faces.csv", drawn)
    words = [sys.executable, "-c", code, str(tmp_path / "faces.csv"), str(tmp_path / "run")]
    words.append(os.fspath(drawn.root))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "run" / "state.npz").exists()
    same_bits(run, own_run(drawn, tmp_path / "run"))


# A process that imports TensorFlow.
@pytest.mark.long
def test_another_process_reads_its_model_without_being_told_of_its_classes(run: Run) -> None:
    code = (
        "import sys\nfrom maskedface.training import Run\n"
        "run = Run(sys.argv[1])\nprint(type(run.model.layers[-1]).__module__)"
    )
    words = [sys.executable, "-c", code, run.path]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == HERE


def test_another_run_starts_from_it(run: Run, drawn: FaceIndex, tmp_path: Path) -> None:
    after = own_run(drawn, tmp_path / "run", own_recipe(init=run.path, epochs=0))
    np.testing.assert_array_equal(after.predictions["logits"], run.predictions["logits"])


# Four trainings.
@pytest.mark.long
def test_it_is_tuned(drawn: FaceIndex, tmp_path: Path) -> None:
    recipe = own_recipe(epochs=1)
    space = {
        "loss.gamma": {"min": 0.5, "max": 3.0},
        "optimizer.learning_rate": {"min": 1e-4, "max": 1e-2, "sampling": "log"},
        "augmentation.0.strength": [4.0, 8.0],
    }
    found = tuning.search(
        recipe,
        datasets.split_by_image(drawn)[0],
        space=space,
        search_dir=tmp_path / "search",
        algorithm="random",
        trials=2,
        backbone=own_backbone(),
        progress=False,
    )
    assert len(found.trials) == 2
    assert isinstance(found.best.loss.build(), Focal)
    best = own_run(drawn, tmp_path / "best", found.best)
    assert best.recipe.value_at("augmentation.0.strength") in (4.0, 8.0)


# It embeds and draws.
@pytest.mark.long
def test_it_is_reported(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    reporting.write_report(reporting.find_groups(run.path), page)
    text = page.read_text(encoding="utf-8")
    assert f"{run.metrics['masked']['accuracy']:.3f}" in text and "Focal" in text


# Conversions.
@pytest.mark.long
@pytest.mark.parametrize("format", FORMATS)
def test_it_is_exported(run: Run, tmp_path: Path, format: Any) -> None:
    for name in {"onnx": ("onnx", "onnxruntime", "tf2onnx"), "litert": ("ai_edge_litert",)}.get(
        format, ()
    ):
        pytest.importorskip(name)
    chips = datasets.read_aligned_faces(run.split()["test"], size=64, alignment="vggface2")
    ending = {"savedmodel": "model", "onnx": "model.onnx", "litert": "model.tflite"}[format]
    done = exporting.export(run.model, tmp_path / ending, chips, format=format)
    assert done.agreement.relative < 1e-4 and done.agreement.same_first == 1


# Each trains a run.
@pytest.mark.parametrize(
    "head", ["mine", pytest.param(models.CosineHead(), marks=pytest.mark.long)]
)
def test_one_part_of_ones_own_goes_with_ours(drawn: FaceIndex, tmp_path: Path, head: Any) -> None:
    recipe = recipes.MASKED_BEST.override(
        epochs=1,
        loss=Focal(1.0),
        batch_size=8,
        head=NearestPoint() if head == "mine" else head,
        head_init="random",
        augmentation=[*recipes.MASKED_BEST.augmentation, Speckle(1.0)],
    )
    run = own_run(drawn, tmp_path / "run", recipe)
    assert np.isfinite(run.predictions["logits"]).all()
    assert cosine_head(run.model) is not None  # `head_final` sets means
