from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import datasets, models, synthetic, training, tuning
from maskedface.datasets import FaceIndex
from maskedface.recipes import FROZEN_MEANS, Recipe
from maskedface.training import Run, last_run
from maskedface.training.backbones import BACKBONES, build_backbone, name_of, refuse_noise

TRAINS = Recipe(name="trains", epochs=1, batch_size=8)


# A training or more.
@pytest.mark.long
def test_a_keras_application_is_a_backbone() -> None:
    backbone = build_backbone("MobileNetV3Small", None, 64, "arcface")
    face = synthetic.draw_face(0, 0, False, size=64)[None]
    found = models.predict(backbone, face)
    assert found.shape == (1, 576) and np.isfinite(found).all()
    assert models.alignment_of(backbone) == "arcface"


def test_a_keras_application_must_be_given_an_alignment() -> None:
    with pytest.raises(ValueError, match="alignment must be given for .*--backbone-alignment"):
        build_backbone("MobileNetV3Small", None, 64)


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """A .keras file that states no alignment."""
    image = keras.Input((64, 64, 3))
    x = keras.layers.GlobalAveragePooling2D(name="pool")(image)
    keras.Model(image, x, name="silent").save(tmp_path / "silent.keras")
    return tmp_path / "silent.keras"


def test_a_file_that_states_no_alignment_must_be_given_one(silent: Path) -> None:
    with pytest.raises(ValueError, match="must state the alignment .* Received: model 'silent'"):
        build_backbone(silent, None, 64)


def test_a_file_that_states_no_alignment_is_given_one(silent: Path) -> None:
    assert models.alignment_of(build_backbone(silent, None, 64, "dlib")) == "dlib"


def test_a_file_in_a_run_folder_has_the_runs_alignment(silent: Path) -> None:
    (silent.parent / "run.json").write_text('{"template": "arcface"}')  # as one of before
    assert models.alignment_of(build_backbone(silent, None, 64)) == "arcface"


@pytest.mark.parametrize("given", [None, "dlib"])
def test_a_sequential_model_that_was_given_an_alignment_is_copied(given: str | None) -> None:
    found = build_backbone(models.with_alignment(small(), "arcface"), None, 64, given)
    assert found.output_shape == (None, 3)
    assert models.alignment_of(found) == (given or "arcface")


def test_a_model_whose_input_is_a_list_is_copied() -> None:
    image = keras.Input((None, None, 3))
    net = keras.Model([image], [keras.layers.GlobalAveragePooling2D()(image)])
    assert build_backbone(net, None, 64, "arcface").input_shape == (None, 64, 64, 3)


def test_a_sequential_model_built_again_has_the_same_name() -> None:
    assert name_of(small()) == name_of(small())


def small() -> keras.Model:
    return keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])


def test_a_given_alignment_replaces_the_stated_one(tiny_backbone: Path) -> None:
    found = build_backbone(tiny_backbone, None, 64, "dlib")
    assert models.alignment_of(found) == "dlib"


# Networks at full size: two of them always.
@pytest.mark.parametrize(
    "name",
    [
        name if name in ("ResNet50", "DlibResNet29") else pytest.param(name, marks=pytest.mark.long)
        for name in BACKBONES
    ],
)
def test_our_backbones_take_an_alignment(name: str) -> None:
    assert models.alignment_of(build_backbone(name, None, 80, "arcface")) == "arcface"


def test_an_unknown_alignment_is_refused(tiny_backbone: Path) -> None:
    with pytest.raises(ValueError, match="alignment must be one of .* Received: alignment='oval'"):
        build_backbone(tiny_backbone, None, 64, "oval")


# A training or more.
@pytest.mark.long
def test_a_run_keeps_the_alignment_it_was_given(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    parts, words = datasets.split_by_image(drawn), {"backbone": tiny_backbone, "progress": False}
    run = training.train(FROZEN_MEANS, *parts, run_dir=tmp_path / "r", alignment="dlib", **words)
    assert run.record["alignment"] == models.alignment_of(run.model) == "dlib"
    with pytest.raises(ValueError, match="with another alignment"):
        training.train(FROZEN_MEANS, *parts, run_dir=tmp_path / "r", **words)


# A training or more.
@pytest.mark.long
def test_a_runs_model_is_a_backbone_without_its_head(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    train, test = datasets.split_by_image(drawn)
    words = {"progress": False}
    run = training.train(
        FROZEN_MEANS, train, test, run_dir=tmp_path / "run", backbone=tiny_backbone, **words
    )
    again = build_backbone(tmp_path / "run" / "model.keras", None, 64)
    assert again.output_shape == models.embedder(run.model).output_shape


@pytest.mark.parametrize("name", ["ResNet51", "VGG16", "missing.keras"])
def test_an_unknown_backbone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"backbone must be one of .*EfficientNetV2B0.* Received"):
        build_backbone(name, None, 64)


@pytest.fixture
def chain(drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path) -> Callable[..., Run]:
    """Trains a recipe of a name into a folder of runs that start from each other."""

    def train(name: str, init: str = "") -> Run:
        return training.train(
            FROZEN_MEANS.override(name=name, init=init),
            *datasets.split_by_image(drawn),
            run_dir=tmp_path / "chain" / name,
            backbone=tiny_backbone,
            progress=False,
        )

    return train


# Whole runs.
@pytest.mark.long
def test_the_last_of_several_recipes_runs_is_the_folders(
    chain: Callable[..., Run], tmp_path: Path
) -> None:
    first = chain("first")
    assert last_run(tmp_path / "chain").path == last_run(first.path).path == first.path
    second = chain("second", init="first")
    assert last_run(tmp_path / "chain").path == second.path
    (tmp_path / "chain").rename(tmp_path / "moved")
    assert last_run(tmp_path / "moved").path == str(tmp_path / "moved" / "second")


# Whole runs.
@pytest.mark.long
def test_a_run_in_the_folder_it_starts_from_does_not_start_from_itself(
    chain: Callable[..., Run], tmp_path: Path
) -> None:
    first = chain("first")
    for _ in range(2):  # begun, and asked for again
        assert chain("second", init=str(tmp_path / "chain")).record["init"] == first.path


# A training or more.
@pytest.mark.long
def test_several_last_runs_are_no_run(chain: Callable[..., Run], tmp_path: Path) -> None:
    chain("one")
    chain("two")
    with pytest.raises(
        FileNotFoundError, match=r"of which one is the last.* Received: .*'one', 'two'"
    ):
        last_run(tmp_path / "chain")


# Whole runs.
@pytest.mark.long
def test_a_run_that_starts_from_one_of_its_own_name_elsewhere_is_the_last(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    for folder, init in (("a", ""), ("b", str(tmp_path / "a" / "run"))):
        training.train(
            FROZEN_MEANS.override(init=init),
            *datasets.split_by_image(drawn),
            run_dir=tmp_path / folder / "run",
            backbone=tiny_backbone,
            progress=False,
        )
    assert last_run(tmp_path / "b").path == str(tmp_path / "b" / "run")


# Whole runs.
@pytest.mark.long
def test_a_run_is_left_out_whatever_the_working_directory(
    chain: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = chain("first")
    second = chain("second", init="first")
    monkeypatch.chdir(second.path)
    assert last_run(tmp_path / "chain").path == second.path
    assert last_run(tmp_path / "chain", but="../second").path == first.path


@pytest.mark.parametrize(
    "recipe", [TRAINS.override(freeze_through="stem"), TRAINS.override(epochs=0), FROZEN_MEANS]
)
@pytest.mark.parametrize("backbone", ["ResNet50", "DlibResNet29", "EfficientNetV2B0"])
def test_a_frozen_network_without_weights_is_refused(
    drawn: FaceIndex, tmp_path: Path, recipe: Recipe, backbone: str
) -> None:
    with pytest.raises(ValueError, match="weights must be .*'random' .* Received: weights=None"):
        training.train(
            recipe, *datasets.split_by_image(drawn), run_dir=tmp_path / "run", backbone=backbone
        )
    assert not (tmp_path / "run").exists()


def test_a_search_with_a_frozen_network_without_weights_is_refused(
    drawn: FaceIndex, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="weights must be .*'random'"):
        tuning.search(FROZEN_MEANS, drawn, space={}, search_dir=tmp_path / "s", trials=1)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("recipe", "backbone", "weights"),
    [
        (TRAINS, "ResNet50", None),
        (FROZEN_MEANS, "ResNet50", "random"),
        (FROZEN_MEANS, "DlibResNet29", "dlib"),
        (FROZEN_MEANS.override(init="before"), "ResNet50", None),
        (FROZEN_MEANS, "runs/before/model.keras", None),
    ],
)
def test_what_learns_or_was_given_weights_is_trained(
    recipe: Recipe, backbone: str, weights: str | None
) -> None:
    refuse_noise(recipe, backbone, weights)


def test_random_weights_can_be_asked_for_by_name() -> None:
    assert build_backbone("DlibResNet29", "random", 64).output_shape == (None, 128)


def test_random_weights_have_no_place_beside_a_file(tiny_backbone: Path) -> None:
    with pytest.raises(ValueError, match="weights must be None if the backbone is a .keras file"):
        build_backbone(tiny_backbone, "random", 64)
