"""Frozen features by another engine than Keras: told, kept apart, and gone on with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import datasets, engines, synthetic, training
from maskedface.recipes import Recipe
from maskedface.training import Run
from maskedface.training.prefix_engine import PrefixEngine

pytestmark = pytest.mark.long  # each test compiles a network by OpenVINO or ONNX Runtime

FROZEN = Recipe(name="frozen", freeze_through="layer3", epochs=2, batch_size=8)
Train = Callable[..., Run]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Twelve people with enough faces to compare on and to calibrate with."""
    people = synthetic.draw_people(tmp_path_factory.mktemp("rows"), people=12, photos=3, size=64)
    return datasets.split_by_image(people)


@pytest.fixture
def train(rows: Any, tiny_backbone: Path) -> Train:
    def run(folder: Path, recipe: Recipe = FROZEN, **words: Any) -> Run:
        given = {"backbone": tiny_backbone, "progress": False, **words}
        return training.train(recipe, *rows, run_dir=folder, **given)

    return run


class Counted(engines.KerasEngine):
    """Keras under another name; it counts how often it is made and run."""

    name = "counted"
    precisions = ("float32", "int8")

    def __init__(self) -> None:
        self.made, self.images = 0, 0

    def version(self) -> str:
        return "1"

    def compile(self, model: Any, precision: Any, calibration: Any) -> Any:
        self.made += 1
        plain = super().compile(model, "float32", None)

        def run(images: np.ndarray) -> np.ndarray:
            self.images += len(images)
            return plain(images)

        return run


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    one = Counted()
    monkeypatch.setitem(engines.ENGINES, "counted", one)
    return one


def named(path: str | Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((Path(path) / "run.json").read_text())
    return record["engine"]


def test_a_run_says_that_keras_computed(train: Train, tmp_path: Path) -> None:
    assert named(train(tmp_path).path) == {"engine": "keras", "precision": "float32"}


# Each compiles networks for half a minute; the two that differ in both are in CI.
@pytest.mark.parametrize(
    ("freeze", "precision"),
    [
        ("layer3", "float32"),
        ("all", "int8"),
        pytest.param("layer3", "int8", marks=pytest.mark.slow),
        pytest.param("all", "float32", marks=pytest.mark.slow),
    ],
)
def test_a_run_by_openvino_is_near_keras(
    precision: str, freeze: str, train: Train, tmp_path: Path
) -> None:
    recipe = FROZEN.override(freeze_through=freeze)
    plain = train(tmp_path / "keras", recipe)
    words = {"engine": "openvino", "engine_precision": precision, "engine_tolerance": 0.2}
    run = train(tmp_path / "openvino", recipe.override(**words))
    told = named(run.path)
    assert (told["engine"], told["precision"]) == ("openvino", precision)
    assert told["compared_on"] >= 20 and ("rank_one" in told) == (precision == "int8")
    away = abs(run.predictions["logits"] - plain.predictions["logits"]).max()
    largest = abs(plain.predictions["logits"]).max()
    assert away <= {"float32": 1e-3, "int8": 0.3}[precision] * largest
    assert away > 0 or precision == "float32"
    assert run.model.output_shape == plain.model.output_shape  # as Keras runs it anywhere


def test_features_know_what_computed_them(
    train: Train, counted: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another engine, version, precision or calibration, and nothing kept is taken for it."""
    kept = tmp_path / "kept"

    def files(name: str, **words: Any) -> set[Path]:
        recipe = FROZEN.override(epochs=0, engine="counted", **words)
        train(tmp_path / name, recipe, features_dir=kept)
        return {*kept.glob("features-*.npy")}

    train(tmp_path / "keras", FROZEN.override(epochs=0), features_dir=kept)
    count = [len({*kept.glob("features-*.npy")})]
    count += [len(files("one")), len(files("again")), len(files("int8", engine_precision="int8"))]
    monkeypatch.setattr(Counted, "version", lambda self: "2")
    count.append(len(files("two")))
    assert np.diff(count).tolist() == [2, 0, 2, 2]


def test_features_that_are_kept_need_no_engine_to_be_made(
    train: Train, counted: Counted, tmp_path: Path
) -> None:
    recipe = FROZEN.override(epochs=0, engine="counted")
    first = train(tmp_path / "one", recipe, features_dir=tmp_path / "kept")
    before = counted.made, counted.images
    again = train(tmp_path / "two", recipe, features_dir=tmp_path / "kept", seed=1)
    assert (counted.made, counted.images) == before == (1, before[1])
    assert named(first.path) == named(again.path)


def test_a_choice_is_of_one_network_though_another_has_the_same_weights(
    counted: Counted, tmp_path: Path
) -> None:
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(2, 3)(image)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), "uint8")
    recipe = FROZEN.override(engine="counted")
    for end in (keras.ops.relu, keras.ops.gelu, keras.ops.relu):
        network = keras.Model(image, end(x))
        PrefixEngine(network, None, engines.RealFaces(pixels), recipe, str(tmp_path), {})
    assert counted.made == 2


def test_a_begun_run_goes_on_with_its_engine(
    train: Train, counted: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`auto` would choose another one now; the epochs before were trained on the first one's features."""
    choices = iter([["counted"], ["keras"]])

    def first_of(precision: str) -> Any:
        return [(engines.ENGINES[name], "float32") for name in next(choices)]

    monkeypatch.setattr("maskedface.engines.compiling._ways", first_of)
    recipe = FROZEN.override(engine="auto")

    class KilledError(Exception):
        pass

    def kill(*_: Any, **__: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr("maskedface.training.experiment.fit", kill)
        train(tmp_path / "run", recipe)
    assert named(tmp_path / "run")["engine"] == "counted"
    for path in (tmp_path / "run" / "features").iterdir():
        path.unlink()  # what was computed is gone, and the choice with it
    assert named(train(tmp_path / "run", recipe).path)["engine"] == "counted"
    assert next(choices) == ["keras"]  # nobody has asked again


def test_an_engine_without_work_is_told(
    train: Train, counted: Counted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = FROZEN.override(freeze_through="none", epochs=0, engine="counted")
    told = named(train(tmp_path, recipe, weights=None).path)
    assert told["engine"] == "keras" and told["wanted"] == "counted"
    assert told["because"] == "no stage is frozen" and not counted.made
    assert "the engine counted is not used" in caplog.text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"engine": "tensorrt"}, "engine must be one of"),
        ({"engine": "keras", "engine_precision": "int8"}, "engine 'keras' must be one of"),
    ],
)
def test_wrong_words_end_before_any_work(
    words: dict[str, Any], message: str, train: Train, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        train(tmp_path / "run", FROZEN.override(**words))
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match="engine_precision must be one of"):
        FROZEN.override(engine_precision="float16")
    with pytest.raises(ValueError, match=r"engine_tolerance must be in \[0, 1\]"):
        FROZEN.override(engine_tolerance=1.5)


def test_too_few_training_faces_are_told(train: Train, tiny_backbone: Path, tmp_path: Path) -> None:
    few = synthetic.draw_people(tmp_path / "few", people=2, photos=3, size=64)
    recipe = FROZEN.override(engine="openvino", engine_precision="int8")
    with pytest.raises(ValueError, match="at least 16 uint8 faces"):
        training.train(
            recipe,
            *datasets.split_by_image(few),
            run_dir=tmp_path / "run",
            backbone=tiny_backbone,
            progress=False,
        )
