"""Every loss, view and learner that a recipe names trains a small network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import datasets, models, training
from maskedface.datasets import FaceIndex
from maskedface.recipes import Recipe
from maskedface.training import Run

BASE = Recipe(
    name="base",
    head="cosine",
    head_init="class_means",
    head_final="class_means",
    dropout=0.0,
    learning_rate=1e-3,
    epochs=2,
    batch_size=8,
    sampling="grouped",
)


def trained(drawn: FaceIndex, backbone: Path, folder: Path, recipe: Recipe, **words: Any) -> Run:
    train, test = datasets.split_by_image(drawn)
    return training.train(
        recipe, train, test, run_dir=folder, backbone=backbone, progress=False, **words
    )


# A run for each of twelve recipes.
@pytest.mark.long
@pytest.mark.parametrize(
    "change",
    [
        {"loss": "arcface", "margin": 0.5},
        {"loss": "centre", "loss_weight": 0.003},
        {"loss": "domain_ranking"},
        {"loss": "triplet", "margin": 1.0},
        {"loss": "triplet", "class_weight": "balanced", "head_final": "photo_means"},
        {"align": "coral"},
        {"align": "pairs"},
        {"loss": "domain_ranking", "align": "pairs", "mask_probability": 0.5},
        {"augment": 1.0, "mask_probability": 0.5},
        {"view": "upper"},
        {"view": "both"},
        {"mirror_join": True},
    ],
    ids=lambda change: ",".join(f"{key}={value}" for key, value in change.items()),
)
def test_it_trains_and_moves_the_network(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    run = trained(drawn, tiny_backbone, tmp_path / "run", BASE.override(**change))
    built = keras.models.load_model(tiny_backbone, compile=False)
    learnt = run.model.get_layer("tiny") if change.get("mirror_join") else run.model
    for name in ("stem_conv", "layer4_conv"):
        weights = [model.get_layer(name).get_weights()[0] for model in (learnt, built)]
        assert np.isfinite(weights[0]).all() and (weights[0] != weights[1]).any()
    assert np.isfinite(run.predictions["logits"]).all()
    assert run.predictions["logits"].shape[1] == len(run.record["classes"])
    lines = (tmp_path / "run" / "history.csv").read_text().splitlines()
    losses = [float(line.split(",")[lines[0].split(",").index("loss")]) for line in lines[1:]]
    assert losses[1] < losses[0]


# Two trainings.
@pytest.mark.long
@pytest.mark.parametrize("loss", ["centre", "domain_ranking", "triplet"])
def test_frozen_features_give_the_ordinary_loops_bits_with_any_loss(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, loss: str
) -> None:
    recipe = BASE.override(loss=loss, freeze_through="layer3", fold_batch_norm=False)
    runs = [
        trained(drawn, tiny_backbone, tmp_path / features, recipe.override(features=features))
        for features in ("auto", "off")
    ]
    assert (
        runs[0].record["frozen_features"]["used"] and not runs[1].record["frozen_features"]["used"]
    )
    np.testing.assert_array_equal(*(run.predictions["logits"] for run in runs))


def test_the_upper_view_does_not_see_the_mouth(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    run = trained(drawn, tiny_backbone, tmp_path, BASE.override(view="upper", epochs=0))
    faces = datasets.read_chips(drawn, size=64, alignment="vggface2")
    blind = faces.copy()
    blind[:, 44:] = 0
    np.testing.assert_array_equal(*(models.predict(run.model, x) for x in (faces, blind)))


# Two trainings.
@pytest.mark.long
def test_a_joined_run_gives_a_face_and_its_mirror_one_embedding_and_can_be_started_from(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    run = trained(drawn, tiny_backbone, tmp_path / "first", BASE.override(mirror_join=True))
    faces = datasets.read_chips(drawn, size=64, alignment="vggface2")
    logits = models.predict(run.model, faces)
    np.testing.assert_allclose(logits, models.predict(run.model, faces[:, :, ::-1]), atol=1e-4)
    again = trained(
        drawn,
        tiny_backbone,
        tmp_path / "second",
        BASE.override(mirror_join=True, init=run.path, epochs=0),
    )
    np.testing.assert_allclose(
        again.predictions["logits"], run.predictions["logits"], rtol=1e-5, atol=1e-4
    )


# Two trainings.
@pytest.mark.long
def test_the_upper_branch_starts_from_a_run_that_saw_the_whole_face(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    whole = trained(drawn, tiny_backbone, tmp_path / "whole", BASE)
    recipe = BASE.override(view="both", init=whole.path, epochs=0)
    both = trained(drawn, tiny_backbone, tmp_path / "both", recipe)
    learnt = whole.model.get_layer("layer2_conv").get_weights()[0]
    for name in ("layer2_conv", "upper_layer2_conv"):
        np.testing.assert_array_equal(both.model.get_layer(name).get_weights()[0], learnt)


def test_people_not_trained_on_are_looked_for_in_a_gallery(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    train, test = datasets.split_by_person(drawn, train_fraction=0.5, seed=1)
    run = training.train(
        BASE, train, test, run_dir=tmp_path, backbone=tiny_backbone, progress=False
    )
    embeddings = run.predictions["embeddings"]
    faces = datasets.read_chips(test, size=64, alignment="vggface2")
    np.testing.assert_allclose(
        models.predict(models.embedder(run.model), faces), embeddings, rtol=1e-4, atol=1e-4
    )
    assert run.metrics["masked"]["gallery"] == len(test.people)
    assert run.metrics["masked"]["faces"] == sum(f.domain == "masked" for f in test.faces)


def test_some_people_trained_on_and_some_not_are_refused(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    train, test = datasets.split_by_person(drawn, train_fraction=0.5, seed=1)
    first, second = datasets.split_by_image(train)
    with pytest.raises(ValueError, match=r"all be trained on, or none. Received: 1 of 4 are not"):
        training.train(BASE, first, second + test, run_dir=tmp_path, backbone=tiny_backbone)


# Four runs.
@pytest.mark.long
def test_a_run_of_several_seeds_is_started_from_seed_by_seed(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    train, test = datasets.split_by_image(drawn)
    words = {"backbone": tiny_backbone, "progress": False, "seeds": (0, 1)}
    training.train_scenario(BASE, train, test, run_dir=tmp_path / "first", **words)
    second = BASE.override(init=str(tmp_path / "first"), epochs=0)
    runs = training.train_scenario(second, train, test, run_dir=tmp_path / "second", **words)
    for seed, run in enumerate(runs):
        assert Path(run.record["init"]) == tmp_path / "first" / f"seed-{seed}"


@pytest.mark.parametrize("loss", ["margin", "domain_ranking"])
def test_balanced_weights_are_the_persons_whatever_stands_beside_the_label(
    drawn: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    loss: str,
) -> None:
    uneven = datasets.FaceIndex(drawn.root, drawn.faces[3:])
    seen: dict[int, set[float]] = {}

    def fit(self: keras.Model, batches: Any, **words: Any) -> None:
        for number in range(words["steps_per_epoch"]):
            _, targets, weights = batches[number]
            labels = targets if targets.ndim == 1 else targets[:, :-1].argmax(1)
            for label, weight in zip(labels, weights, strict=True):
                seen.setdefault(int(label), set()).add(round(float(weight), 5))

    monkeypatch.setattr(keras.Model, "fit", fit)
    run = trained(
        uneven, tiny_backbone, tmp_path, BASE.override(loss=loss, class_weight="balanced", epochs=1)
    )
    rows = run.split()["train"]
    counts = np.bincount(rows.labels())
    assert len(set(counts)) > 1
    right = {
        label: {round(len(rows) / len(counts) / count, 5)} for label, count in enumerate(counts)
    }
    assert seen == right


def test_a_class_means_head_holds_unit_means() -> None:
    embeddings = np.array([[2.0, 0], [0, 1], [0, 5]])
    centres = training.start.class_means(embeddings, np.array([0, 0, 1]))
    np.testing.assert_allclose(centres.T, [[np.sqrt(0.5), np.sqrt(0.5)], [0, 1]], atol=1e-6)


def test_photographs_count_alike_however_many_faces_were_made_of_them() -> None:
    embeddings = np.array([[2.0, 0], [3, 0], [0, 1], [1, 0], [0, 5], [0, 5]])
    photos = ["one", "one", "two", "", "", "one"]  # a name is a person's own; no name, no group
    centres = training.start.class_means(embeddings, np.array([0, 0, 0, 1, 1, 1]), photos)
    expected = np.array([[1, 1], [1, 2]]) / np.sqrt([[2], [5]])
    np.testing.assert_allclose(centres.T, expected, atol=1e-6)


# Whole runs.
@pytest.mark.long
def test_a_start_from_a_run_of_other_people_sets_the_centres_to_class_means(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    train, test = datasets.split_by_image(drawn)
    others = train.where(lambda face: face.person != train.people[0])
    words = {"backbone": tiny_backbone, "progress": False}
    still = BASE.override(epochs=0)
    first = training.train(
        still,
        others,
        test.where(lambda face: face.person in others.people),
        run_dir=tmp_path / "first",
        **words,
    )
    # Nothing trained, and the end leaves the centres alone: they are what the run began with.
    begun = still.override(init=first.path, head_final="trained")
    found = training.train(begun, train, test, run_dir=tmp_path / "second", **words)
    right = trained(drawn, tiny_backbone, tmp_path / "right", still)
    np.testing.assert_allclose(
        found.predictions["logits"], right.predictions["logits"], rtol=1e-5, atol=1e-4
    )
