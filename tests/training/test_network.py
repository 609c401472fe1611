"""Every loss, head and backbone that a recipe names makes a network, which trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import datasets, layers, losses, models, recipes, training
from maskedface.datasets import FaceIndex
from maskedface.models.heads import cosine_head
from maskedface.recipes import Recipe
from maskedface.training import Run
from maskedface.training.network import InEpochs, build_optimizer, compile_network, network_of

BASE = Recipe(
    name="base",
    head="cosine",
    head_init="class_means",
    head_final="class_means",
    optimizer=keras.optimizers.Adam(1e-3),
    epochs=2,
    batch_size=8,
    sampling="grouped",
)
MIRROR = keras.layers.RandomFlip("horizontal")
FEATURES = 32  # of the tiny backbone
COSINE_DECAY = keras.optimizers.schedules.CosineDecay
RANKING = {
    "head": models.CosineHead(centers_per_person=2),
    "loss": losses.DomainRanking(),
}
TRIPLET = {
    "head": keras.layers.Identity(),
    "head_init": "random",
    "loss": losses.SelfRestrainedTriplet(1.0),
    "epochs": 4,
}
CENTER = {
    "head": models.SideBySide([models.CosineHead(), losses.CenterDistances()]),
    "loss": losses.CenterLoss(0.003, margin=0.25),
}

ADAFACE = {
    "head": models.SideBySide([models.CosineHead(), losses.ImageQuality()]),
    "loss": losses.AdaFace(0.25),
}
ELASTIC = {
    "head": models.SideBySide([models.CosineHead(), losses.MarginNoise(seed=0)]),
    "loss": losses.ElasticMargin(0.25),
}


def aligned(term: keras.losses.Loss) -> dict[str, Any]:
    return {
        "head": models.SideBySide([models.CosineHead(), keras.layers.Identity()]),
        "loss": losses.WithEmbeddings(losses.CosineMargin(), term, features=FEATURES, weight=0.5),
    }


def tiny() -> keras.Model:
    return models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))


def trained(drawn: FaceIndex, backbone: Any, folder: Path, recipe: Recipe, **words: Any) -> Run:
    train, test = datasets.split_by_image(drawn)
    return training.train(
        recipe, train, test, run_dir=folder, backbone=backbone, progress=False, **words
    )


def rate_at(recipe: Recipe, epoch: float, steps: int = 10) -> float:
    optimizer = build_optimizer(recipe, steps)
    optimizer.build([keras.Variable([0.0])])
    optimizer.iterations.assign(round(epoch * steps))
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


@pytest.mark.parametrize("steps", [1, 3, 10, 77])
@pytest.mark.parametrize(("epoch", "rate"), [(0, 2e-3), (13, 2e-3), (14, 2.2e-4), (19, 2.2e-4)])
def test_the_papers_rate_drops_at_epoch_14(steps: int, epoch: float, rate: float) -> None:
    assert rate_at(recipes.PAPER_UNMASKED, epoch, steps) == pytest.approx(rate, rel=1e-6)


def test_the_papers_rate_holds_until_the_last_step_of_an_epoch() -> None:
    assert rate_at(recipes.PAPER_UNMASKED, 13.9) == pytest.approx(2e-3, rel=1e-6)


def test_a_constant_rate_stays() -> None:
    assert rate_at(recipes.PAPER_MASKED, 24) == pytest.approx(1e-4)


def test_a_cosine_rate_rises_then_falls_to_zero() -> None:
    schedule = recipes.MASKED_BEST.schedule
    changes = {"schedule": schedule, "schedule.warmup_steps": 2, "epochs": 10}
    recipe = recipes.PAPER_MASKED.override(**changes)
    rates = [rate_at(recipe, epoch) for epoch in (0, 1, 2, 6, 10)]
    np.testing.assert_allclose(rates, [0, 5e-5, 1e-4, 5e-5, 0], atol=1e-9)


@pytest.mark.parametrize(
    "schedule",
    [
        keras.optimizers.schedules.ExponentialDecay(1.0, 3, 0.5),
        keras.optimizers.schedules.ExponentialDecay(1.0, 3, 0.5, staircase=True),
        COSINE_DECAY(0.0, 8, alpha=0.1, warmup_target=1.0, warmup_steps=2),
        keras.optimizers.schedules.PiecewiseConstantDecay([2, 5], [1.0, 0.3, 0.1]),
        keras.optimizers.schedules.InverseTimeDecay(1.0, 4, 0.7),
        keras.optimizers.schedules.PolynomialDecay(1.0, 10, 0.1, power=2.0),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_a_schedule_counts_epochs(schedule: Any) -> None:
    counted = InEpochs(schedule, 0.5, 7)
    for epoch in range(12):
        assert float(counted(7 * epoch)) == pytest.approx(0.5 * float(schedule(epoch)), rel=1e-6)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(counted))
    assert float(again(24)) == float(counted(24))
    recipe = BASE.override(schedule=schedule, **{"optimizer.learning_rate": 0.5})
    assert rate_at(recipe, 4, 7) == pytest.approx(0.5 * float(schedule(4)), rel=1e-6)


def test_a_schedule_leaves_its_length_to_the_run() -> None:
    open_end = recipes.MASKED_BEST.override(epochs=5)
    closed = open_end.override("schedule.decay_steps=4")
    assert [rate_at(open_end, e) for e in range(6)] == [rate_at(closed, e) for e in range(6)]
    assert rate_at(open_end, 5) == 0 < rate_at(open_end, 4.5)


def test_an_optimizer_may_have_a_schedule_in_steps() -> None:
    recipe = BASE.override(optimizer=keras.optimizers.Adam(COSINE_DECAY(0.1, 20)))
    assert rate_at(recipe, 1) == pytest.approx(0.05) and rate_at(recipe, 2) == pytest.approx(0)


def test_two_schedules_are_refused() -> None:
    rate = COSINE_DECAY(0.1, 20)
    recipe = BASE.override(optimizer=keras.optimizers.Adam(rate), schedule=rate)
    with pytest.raises(ValueError, match="learning_rate must be a number if the recipe has a"):
        build_optimizer(recipe, 10)


def test_a_rate_may_be_the_classes_own() -> None:
    recipe = Recipe(name="x", optimizer="SGD", schedule=COSINE_DECAY(1.0, 20))
    assert rate_at(recipe, 0) == pytest.approx(0.01)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "Lion"])
def test_a_compiled_recipe_has_its_optimizer(optimizer: str) -> None:
    recipe = recipes.PAPER_MASKED.override("optimizer.weight_decay=0.01", optimizer=optimizer)
    network = network_of(recipe, tiny(), ["ada", "bo", "cy"])
    compile_network(network.learner, network, 10)
    assert type(network.learner.optimizer).__name__ == optimizer
    assert network.learner.optimizer.weight_decay == 0.01
    assert len(network.learner.optimizer.variables) > 1  # built
    frozen = [one.name for one in network.backbone.layers if one.weights and not one.trainable]
    assert frozen and not any(name.startswith("layer4") for name in frozen)


@pytest.mark.parametrize(
    ("change", "scale"),
    [
        ({}, 24.0),
        ({"loss.scale": 10.0}, 10.0),
        ({"loss": "SparseCategoricalCrossentropy", "head.scale": 7.0}, 7.0),
        ({"loss": losses.ArcFace(scale=30.0)}, 30.0),
        ({"loss": losses.ArcFace(scale=30.0), "head": models.CosineHead(scale=30.0)}, 30.0),
        ({"loss": losses.ArcFace(scale=30.0), "head": models.CosineHead()}, 30.0),
        ({**aligned(losses.Coral()), "loss.loss.scale": 10.0}, 10.0),
    ],
)
def test_a_cosine_head_has_the_scale_of_its_loss(change: dict[str, Any], scale: float) -> None:
    network = network_of(BASE.override(**change), tiny(), ["ada", "bo"])
    head = cosine_head(network.learner)
    assert head is not None and head.scale == scale


@pytest.mark.parametrize(
    "change",
    [
        {"head.scale": 10.0},
        {**CENTER, "head.parts.0.scale": 24.0, "loss.scale": 10.0},
        {**RANKING, "head.scale": 24.0, "loss.scale": 10.0},
        {**ADAFACE, "head.parts.0.scale": 24.0, "loss.scale": 10.0},
        {**aligned(losses.Coral()), "head.parts.0.scale": 24.0, "loss.loss.scale": 10.0},
    ],
    ids=["head", "center", "ranking", "adaface", "with embeddings"],
)
def test_two_scales_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the scale of a cosine head must equal that of its loss"):
        network_of(BASE.override(**change), tiny(), ["ada", "bo"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {**CENTER, "head_final": "trained"},
            "head_final must be .*unless the head has one output per person",
        ),
        ({**TRIPLET, "head_init": "class_means"}, "head must contain a models.CosineHead"),
        ({"loss": losses.AdaFace()}, r"head must be models.SideBySide.*losses.ImageQuality\(\)"),
        ({**CENTER, "loss": losses.ElasticMargin()}, r"losses.MarginNoise\(\).* for this loss"),
        (
            {
                "head": keras.layers.Dense(2),
                "loss": "SparseCategoricalCrossentropy",
                "head_init": "random",
                "head_final": "trained",
                "mirror_join": True,
            },
            "head must contain a models.CosineHead",
        ),
        ({"freeze_through": "layer9"}, "layer9"),
    ],
)
def test_a_head_that_the_recipe_cannot_use_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network_of(BASE.override(**change), tiny(), ["ada", "bo"])


def test_a_layer_of_keras_is_a_head() -> None:
    recipe = Recipe(name="x", head=keras.layers.Dense(2), freeze_through="all")
    network = network_of(recipe, tiny(), ["ada", "bo"])
    assert network.names_people and len(network.learner.trainable_weights) == 2


# A run for each of fourteen recipes; of those that are alike one is not slow.
@pytest.mark.long
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"loss": losses.ArcFace(0.5)}, marks=pytest.mark.slow),
        CENTER,
        ADAFACE,
        ELASTIC,
        RANKING,
        TRIPLET,
        pytest.param(
            {**TRIPLET, "class_weight": "balanced", "head_final": "photo_means"},
            marks=pytest.mark.slow,
        ),
        pytest.param(aligned(losses.Coral()), marks=pytest.mark.slow),
        pytest.param(aligned(losses.PairAlignment()), marks=pytest.mark.slow),
        {
            "head": models.SideBySide(
                [models.CosineHead(centers_per_person=2), keras.layers.Identity()]
            ),
            "loss": losses.WithEmbeddings(
                losses.DomainRanking(), losses.PairAlignment(), features=FEATURES
            ),
            "augmentation": [layers.RandomMask(0.5), MIRROR],
        },
        {"augmentation": [layers.RandomMask(0.5), MIRROR, layers.RandomFaceJitter(1.0)]},
        {"augmentation": [keras.layers.RandomContrast(0.2, value_range=(0, 255))]},
        pytest.param({"mirror_join": True}, marks=pytest.mark.slow),
        {"optimizer": "Lion", "schedule": recipes.MASKED_BEST.schedule},
    ],
    ids=[
        *(
            "arcface",
            "center",
            "adaface",
            "elastic",
            "ranking",
            "triplet",
            "triplet, balanced",
            "coral",
            "pairs",
        ),
        *("ranking, pairs", "masks", "keras' layer", "mirror_join", "schedule"),
    ],
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
    found = [float(line.split(",")[lines[0].split(",").index("loss")]) for line in lines[1:]]
    assert found[-1] < found[0]


# Two trainings.
@pytest.mark.long
@pytest.mark.parametrize("change", [CENTER, RANKING, TRIPLET], ids=["center", "ranking", "triplet"])
def test_frozen_features_give_the_ordinary_loops_figures_with_any_loss(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    recipe = BASE.override("optimizer=SGD", freeze_through="layer3", **change)
    runs = [
        trained(drawn, tiny_backbone, tmp_path / features, recipe.override(features=features))
        for features in ("auto", "off")
    ]
    used = [run.record["frozen_features"]["used"] for run in runs]
    assert used == [True, False]
    # A frozen part's batch norms are folded.
    np.testing.assert_allclose(*(run.predictions["logits"] for run in runs), atol=1e-3)


# A training or more.
@pytest.mark.long
def test_the_upper_view_does_not_see_the_mouth(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    tiny = keras.models.load_model(tiny_backbone, compile=False)
    crop = layers.UpperFaceCrop(alignment="vggface2")
    upper = models.upper_view(tiny, crop.box_in(64, 64))
    run = trained(drawn, upper, tmp_path, BASE.override(epochs=0))
    faces = datasets.read_aligned_faces(drawn, size=64, alignment="vggface2")
    blind = faces.copy()
    blind[:, 44:] = 0
    np.testing.assert_array_equal(*(models.predict(run.model, x) for x in (faces, blind)))


# Two trainings.
@pytest.mark.long
def test_a_network_of_two_views_trains(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    tiny = keras.models.load_model(tiny_backbone, compile=False)
    both = models.whole_and_upper(tiny, layers.UpperFaceCrop(alignment="vggface2").box_in(64, 64))
    run = trained(drawn, both, tmp_path / "run", BASE)
    start = both.get_layer("upper_layer2_conv").get_weights()[0]
    assert (run.model.get_layer("upper_layer2_conv").get_weights()[0] != start).any()
    again = trained(drawn, both, tmp_path / "next", BASE.override(init=run.path, epochs=0))
    np.testing.assert_allclose(
        again.predictions["logits"], run.predictions["logits"], rtol=1e-5, atol=1e-4
    )


# Two trainings.
@pytest.mark.long
def test_a_joined_run_gives_a_face_and_its_mirror_one_embedding_and_can_be_started_from(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    run = trained(drawn, tiny_backbone, tmp_path / "first", BASE.override(mirror_join=True))
    faces = datasets.read_aligned_faces(drawn, size=64, alignment="vggface2")
    logits = models.predict(run.model, faces)
    np.testing.assert_allclose(logits, models.predict(run.model, faces[:, :, ::-1]), atol=1e-4)
    recipe = BASE.override(mirror_join=True, init=run.path, epochs=0)
    again = trained(drawn, tiny_backbone, tmp_path / "second", recipe)
    np.testing.assert_allclose(
        again.predictions["logits"], run.predictions["logits"], rtol=1e-5, atol=1e-4
    )


# A training or more.
@pytest.mark.long
def test_a_backbone_that_holds_a_model_can_be_started_from(
    drawn: FaceIndex, tmp_path: Path
) -> None:
    inner = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Conv2D(3, 9, 9)], name="inner")
    image = keras.Input((64, 64, 3))
    x = keras.layers.Flatten()(inner(models.FaceAlignment("vggface2")(image)))
    outer = keras.Model(image, keras.layers.Dense(5)(x), name="outer")
    run = trained(drawn, outer, tmp_path / "first", BASE.override(epochs=0))
    again = trained(drawn, outer, tmp_path / "second", BASE.override(init=run.path, epochs=0))
    np.testing.assert_array_equal(again.predictions["logits"], run.predictions["logits"])


# A training or more.
@pytest.mark.long
def test_people_not_trained_on_are_looked_for_in_a_gallery(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    train, test = datasets.split_by_person(drawn, train_fraction=0.5, seed=1)
    run = training.train(
        BASE, train, test, run_dir=tmp_path, backbone=tiny_backbone, progress=False
    )
    embeddings = run.predictions["embeddings"]
    faces = datasets.read_aligned_faces(test, size=64, alignment="vggface2")
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
    with pytest.raises(ValueError, match=r"all unseen .*. Received: 1 of 4 unseen"):
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


# A training or more.
@pytest.mark.long
@pytest.mark.parametrize("change", [{}, RANKING], ids=["labels", "with domains"])
def test_balanced_weights_are_the_persons_whatever_stands_beside_the_label(
    drawn: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
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
    recipe = BASE.override(class_weight="balanced", epochs=1, **change)
    run = trained(uneven, tiny_backbone, tmp_path, recipe)
    rows = run.split()["train"]
    counts = np.bincount(rows.labels())
    assert len(set(counts)) > 1
    right = {
        label: {round(len(rows) / len(counts) / count, 5)} for label, count in enumerate(counts)
    }
    assert seen == right


# Whole runs.
@pytest.mark.long
def test_a_start_from_a_run_of_other_people_sets_the_centers_to_class_means(
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
    # Nothing trained, and the end leaves the centers alone: they are what the run began with.
    begun = still.override(init=first.path, head_final="trained")
    found = training.train(begun, train, test, run_dir=tmp_path / "second", **words)
    right = trained(drawn, tiny_backbone, tmp_path / "right", still)
    np.testing.assert_allclose(
        found.predictions["logits"], right.predictions["logits"], rtol=1e-5, atol=1e-4
    )


def test_the_same_model_built_again_is_the_same_backbone() -> None:
    from maskedface.training.backbones import name_of

    def built(filters: int = 3, weight: float = 1.0) -> keras.Model:
        image = keras.Input((8, 8, 3))
        x = keras.layers.Conv2D(filters, 3, kernel_initializer="ones")(image)
        model = keras.Model(image, keras.layers.Flatten()(x))
        model.set_weights([weight * w for w in model.get_weights()])
        return model

    assert name_of(built()) == name_of(built())  # whatever numbers Keras gives their layers
    assert len({name_of(built()), name_of(built(4)), name_of(built(3, 2.0))}) == 3
