"""The feature map joined to a run's embedding."""

from __future__ import annotations

import logging
from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import datasets, models, synthetic, training
from maskedface.datasets import FaceIndex
from maskedface.evaluation import EmbeddedFaces, rank_one_report
from maskedface.models.embedding import unjoined
from maskedface.models.feature_map import unmapped
from maskedface.recipes import Recipe
from maskedface.training import Run

MAPPED = Recipe(
    name="mapped", head="cosine", head_final="class_means", epochs=0, map_join=True, cohort=20
)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> FaceIndex:
    return synthetic.draw_people(tmp_path_factory.mktemp("faces"), people=10, photos=3, size=64)


def trained(recipe: Recipe, people: FaceIndex, folder: Path, backbone: object) -> Run:
    """On half of the people; tested on the others."""
    train, test = datasets.split_by_person(people, train_fraction=0.5, seed=0)
    return training.train(
        recipe, train, test, run_dir=folder, backbone=backbone, alignment="arcface", progress=False
    )


@pytest.fixture(scope="module")
def mapped(people: FaceIndex, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(MAPPED, people, tmp_path_factory.mktemp("mapped") / "run", tiny_backbone)


def projection(run: Run) -> np.ndarray:
    model = models.embedder(run.model)
    if run.recipe.mirror_join:
        model = unjoined(model)
    return np.asarray(model.get_layer("map_projection").get_weights()[0])


def test_a_run_ends_with_the_map_of_its_people(mapped: Run, tiny_backbone: Path) -> None:
    model = models.embedder(mapped.model)
    plain = keras.models.load_model(tiny_backbone, compile=False)
    assert model.output_shape[1] > plain.output_shape[1]
    parts = mapped.split()
    chips = datasets.read_aligned_faces(parts["test"], size=64, alignment="arcface")
    embeddings = models.predict(model, chips)
    np.testing.assert_allclose(mapped.predictions["embeddings"], embeddings, atol=1e-5)
    np.testing.assert_allclose(
        models.predict(unmapped(model), chips), models.predict(plain, chips), rtol=1e-4, atol=1e-4
    )
    faces = EmbeddedFaces.of(parts["test"].faces, embeddings, cohort=mapped.cohort)
    assert rank_one_report(faces) == mapped.metrics
    # So many people differ in one direction less, and no other is made up.
    people = len(parts["train"].people)
    assert (np.abs(projection(mapped)).sum(0) > 0).sum() == people - 1


def test_a_copy_is_the_same(
    mapped: Run, people: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    again = trained(MAPPED, people, tmp_path / "again", tiny_backbone)
    np.testing.assert_array_equal(projection(again), projection(mapped))


def test_known_people_keep_the_map_of_the_run_they_start_from(
    mapped: Run, tiny_backbone: Path, tmp_path: Path
) -> None:
    recipe = MAPPED.override(init=mapped.path)
    train, test = datasets.split_by_image(mapped.split()["test"])
    run = training.train(
        recipe,
        train,
        test,
        run_dir=tmp_path,
        backbone=tiny_backbone,
        alignment="arcface",
        progress=False,
    )
    np.testing.assert_array_equal(projection(run), projection(mapped))
    assert run.cohort is not None
    with pytest.raises(ValueError, match="map_join must be that of the run whose cohort is used"):
        training.train(
            recipe.override(map_join=False),
            train,
            test,
            run_dir=tmp_path / "other",
            backbone=tiny_backbone,
            alignment="arcface",
            progress=False,
        )


# A training.
@pytest.mark.long
def test_a_run_that_trains_on_finds_a_map_of_its_own(
    mapped: Run, people: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    recipe = MAPPED.override(init=mapped.path, epochs=1, mirror_join=True)
    run = trained(recipe, people, tmp_path / "run", tiny_backbone)
    assert (projection(run) != projection(mapped)).any()
    inner = unmapped(unjoined(models.embedder(run.model)))
    before = unmapped(models.embedder(mapped.model))
    assert inner.output_shape == before.output_shape
    # And one that starts from it, mirror image and all, is it again.
    same = recipe.override(init=run.path, epochs=0)
    again = trained(same, people, tmp_path / "again", tiny_backbone)
    np.testing.assert_array_equal(projection(again), projection(run))
    np.testing.assert_allclose(
        again.predictions["embeddings"], run.predictions["embeddings"], atol=1e-5
    )


def test_a_network_without_a_map_is_left_as_it_is_with_a_warning(
    people: FaceIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = keras.Input((64, 64, 3))
    x = keras.layers.Dense(6)(keras.layers.GlobalAveragePooling2D()(image))
    with caplog.at_level(logging.WARNING, "maskedface"):
        run = trained(MAPPED, people, tmp_path / "run", keras.Model(image, x, name="pooled"))
    assert models.embedder(run.model).output_shape == (None, 6)
    assert "map_join has no effect: 'pooled' has no feature map" in caplog.text


# A training.
@pytest.mark.long
def test_a_network_that_came_joined_is_trained_on_as_it_is_and_not_joined_again(
    people: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    path = tmp_path / "joined.keras"
    models.map_join(keras.models.load_model(tiny_backbone, compile=False), 4).save(path)
    plain = MAPPED.override(map_join=False)
    run = trained(plain, people, tmp_path / "run", path)
    again = trained(plain.override(init=run.path), people, tmp_path / "again", path)
    np.testing.assert_array_equal(again.predictions["embeddings"], run.predictions["embeddings"])
    with pytest.raises(ValueError, match="backbone must not be joined yet"):
        trained(MAPPED.override(epochs=1), people, tmp_path / "twice", path)
    assert not (tmp_path / "twice" / "history.csv").exists()
