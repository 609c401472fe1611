from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import datasets, images, models, recipes, training
from maskedface.datasets import Face, FaceIndex, Landmarks
from maskedface.datasets.face_places import as_whole_images
from maskedface.recipes import Recipe
from maskedface.training import Run
from maskedface.training.checkpoint import KeepState
from maskedface.training.means import class_means

QUICK = Recipe(
    name="quick",
    epochs=3,
    batch_size=8,
    optimizer=keras.optimizers.Adam(1e-3),
    freeze_through="layer2",
)


@pytest.fixture(scope="module")
def parts(drawn: FaceIndex) -> tuple[FaceIndex, FaceIndex]:
    return datasets.split_by_image(drawn)


@pytest.fixture
def train(
    parts: tuple[FaceIndex, FaceIndex], tiny_backbone: Path, tmp_path: Path
) -> Callable[..., Run]:
    """Trains QUICK, or another recipe, into a folder of the test's own."""

    def run(recipe: Recipe = QUICK, run_dir: str = "run", **arguments: Any) -> Run:
        given = {"train": parts[0], "test": parts[1], "backbone": tiny_backbone, **arguments}
        return training.train(recipe, run_dir=tmp_path / run_dir, progress=False, **given)

    return run


@pytest.fixture(scope="module")
def finished(
    parts: tuple[FaceIndex, FaceIndex],
    tiny_backbone: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """QUICK with seed 0, for the tests that only read or compare."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    return training.train(QUICK, *parts, run_dir=folder, backbone=tiny_backbone, progress=False)


def weights(run: Run) -> list[np.ndarray]:
    return list(run.model.get_weights())


def assert_same_bits(first: Run, second: Run) -> None:
    for one, other in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first.predictions["logits"], second.predictions["logits"])


# Whole runs.
@pytest.mark.long
def test_landmarks_are_kept_and_a_run_with_others_is_another(
    train: Callable[..., Run], parts: tuple[FaceIndex, FaceIndex]
) -> None:
    def placed(rows: FaceIndex, x: float) -> FaceIndex:
        five = Landmarks(((x, 30), (42, 30), (32, 41), (24, 53), (41, 53)), "aligner", 0.25)
        return FaceIndex(rows.root, [face._replace(landmarks=five) for face in rows.faces])

    recipe = recipes.FROZEN_MEANS
    rows = [placed(part, 22.125) for part in parts]
    run = train(recipe, train=rows[0], test=rows[1])
    assert list(run.split().values()) == rows[::-1]
    assert (
        train(recipe, train=rows[0], test=rows[1]).metrics == run.metrics
    )  # finished: the same run
    with pytest.raises(ValueError, match="with another manifest"):
        train(recipe, train=rows[0], test=placed(parts[1], 23))
    whole = train(recipe, "whole")
    assert (whole.predictions["logits"] != run.predictions["logits"]).any()


# A training or more.
@pytest.mark.long
def test_images_that_say_nothing_of_their_faces_are_counted(
    train: Callable[..., Run],
    parts: tuple[FaceIndex, FaceIndex],
    caplog: pytest.LogCaptureFixture,
) -> None:
    test = as_whole_images(parts[1])
    train(recipes.FROZEN_MEANS.override(faces="whole"), "whole", test=test)
    train(recipes.FROZEN_MEANS, "stated")
    assert not caplog.records
    train(recipes.FROZEN_MEANS, "aligned", test=test)
    (record,) = caplog.records
    assert record.name == "maskedface" and record.levelname == "WARNING"
    assert (
        f"{len(test)} of {len(test) + len(parts[0])} images have no known face position"
        in caplog.text
    )


# A training or more.
@pytest.mark.long
def test_a_run_folder_holds_the_whole_experiment(
    finished: Run, parts: tuple[FaceIndex, FaceIndex]
) -> None:
    run = finished
    assert run.recipe == QUICK
    assert run.split() == {"train": parts[0], "test": parts[1]}
    assert run.record["seed"] == 0 and run.record["versions"]["keras"] == keras.__version__
    with (Path(run.path) / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"} <= set(rows[0])
    assert list((Path(run.path) / "tensorboard").rglob("events.*"))
    assert not list(Path(run.path).glob("*partial*"))


# A training or more.
@pytest.mark.long
def test_metrics_are_those_of_the_stored_predictions(
    finished: Run, parts: tuple[FaceIndex, FaceIndex]
) -> None:
    run = finished
    right = run.predictions["logits"].argmax(1) == parts[1].labels()
    masked = parts[1].masked
    assert run.metrics["masked"]["accuracy"] == pytest.approx(right[masked].mean())
    assert run.metrics["unmasked"]["accuracy"] == pytest.approx(right[~masked].mean())
    assert run.metrics["masked"]["faces"] == masked.sum()


def test_the_stored_model_gives_the_stored_predictions(
    finished: Run, parts: tuple[FaceIndex, FaceIndex]
) -> None:
    run = finished
    chips = datasets.read_aligned_faces(parts[1], size=64, alignment="vggface2")
    np.testing.assert_allclose(
        run.model.predict(chips, verbose=0), run.predictions["logits"], atol=1e-4
    )


# A training or more.
@pytest.mark.long
def test_one_seed_gives_the_same_bits(finished: Run, train: Callable[..., Run]) -> None:
    assert_same_bits(finished, train())


# Whole runs.
@pytest.mark.long
def test_another_seed_gives_other_weights(finished: Run, train: Callable[..., Run]) -> None:
    first, second = weights(finished), weights(train(seed=1))
    assert any((a != b).any() for a, b in zip(first, second, strict=True))


# Whole runs.
@pytest.mark.long
def test_a_file_cache_changes_no_bit(
    finished: Run, train: Callable[..., Run], tmp_path: Path
) -> None:
    assert_same_bits(finished, train(cache=tmp_path / "cache"))


# Whole runs.
@pytest.mark.long
def test_an_interrupted_run_goes_on_with_the_same_bits(
    finished: Run, train: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = KeepState.on_epoch_end

    def stop(self: KeepState, epoch: int, logs: Any = None) -> None:
        keep(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(KeepState, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            train(run_dir="broken")
    resumed = train(run_dir="broken")
    assert_same_bits(finished, resumed)
    history = [(Path(run.path) / "history.csv").read_text() for run in (finished, resumed)]
    assert history[0] == history[1]


def test_a_finished_run_is_returned_as_it_is(
    finished: Run, train: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.Model, "fit", None)
    monkeypatch.setattr(keras.Model, "predict", None)
    assert train(run_dir=finished.path).metrics == finished.metrics


@pytest.mark.parametrize(
    ("other", "differing"),
    [
        ({"recipe": QUICK.override(epochs=4)}, "recipe"),
        ({"seed": 1}, "seed"),
        ({"train": "less"}, "manifest"),
    ],
)
def test_a_folder_of_another_run_is_refused(
    finished: Run,
    train: Callable[..., Run],
    parts: tuple[FaceIndex, FaceIndex],
    other: dict[str, Any],
    differing: str,
) -> None:
    if "train" in other:
        other = {"train": parts[0].where(lambda face: face != parts[0].faces[0])}
    with pytest.raises(ValueError, match=f"with another {differing}"):
        train(run_dir=finished.path, **other)


def test_a_test_row_in_the_training_set_is_refused(
    train: Callable[..., Run], parts: tuple[FaceIndex, FaceIndex], tmp_path: Path
) -> None:
    leaking = parts[0] + parts[1].where(lambda face: face == parts[1].faces[0])
    with pytest.raises(
        ValueError, match="training and test rows must be disjoint.* Received: 1 test rows"
    ):
        train(train=leaking)
    assert not (tmp_path / "run").exists()


# A training or more.
@pytest.mark.long
def test_a_test_row_in_the_run_it_starts_from_is_refused(
    train: Callable[..., Run], parts: tuple[FaceIndex, FaceIndex]
) -> None:
    train(QUICK.override(epochs=0), run_dir="before", train=parts[1], test=parts[0])
    middle = QUICK.override(name="middle", init="before", epochs=0)
    other_train, other_test = datasets.split_by_image(parts[0], seed=9)
    train(middle, run_dir="middle", train=parts[1], test=other_test)
    last = QUICK.override(name="last", init="middle", epochs=0)
    # The rows of parts[1] were trained on two runs ago.
    with pytest.raises(ValueError, match=r"that .*(middle|before)' trains on"):
        train(last, run_dir="last", train=other_train, test=parts[1])


# A training or more.
@pytest.mark.long
def test_a_run_starts_from_the_weights_of_another(finished: Run, train: Callable[..., Run]) -> None:
    after = train(QUICK.override(name="after", init=finished.path, epochs=0))
    for one, other in zip(weights(finished), weights(after), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_missing_start_is_an_error(train: Callable[..., Run]) -> None:
    with pytest.raises(FileNotFoundError, match="finished run's folder"):
        train(QUICK.override(init="nowhere"))


# A training or more.
@pytest.mark.long
def test_only_the_domains_and_shares_of_the_recipe_are_trained_on(
    train: Callable[..., Run], parts: tuple[FaceIndex, FaceIndex]
) -> None:
    recipe = QUICK.override(train_on={"unmasked": 1.0, "masked": 0.3}, epochs=0)
    used = train(recipe).split()["train"]
    assert used.only("unmasked") == parts[0].only("unmasked")
    assert len(used.only("masked")) == len(used.people)


# A training or more.
@pytest.mark.long
def test_class_means_name_the_nearest_mean(
    train: Callable[..., Run], parts: tuple[FaceIndex, FaceIndex], tiny_backbone: Path
) -> None:
    run = train(recipes.FROZEN_MEANS)
    backbone = keras.models.load_model(tiny_backbone, compile=False)

    def embed(rows: FaceIndex) -> np.ndarray:
        chips = datasets.read_aligned_faces(rows, size=64, alignment="vggface2")
        embeddings = backbone.predict(chips, verbose=0)
        return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)

    labels, embeddings = parts[0].labels(), embed(parts[0])
    means = np.stack([embeddings[labels == label].mean(0) for label in range(4)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(run.predictions["logits"], 24 * embed(parts[1]) @ means.T, rtol=1e-4)


# A training or more.
@pytest.mark.long
def test_a_run_ends_with_means_of_photographs_where_the_recipe_asks(
    train: Callable[..., Run], parts: tuple[FaceIndex, FaceIndex]
) -> None:
    # Each person's masked faces are of one photograph.
    named = [face._replace(photo=face.domain) for face in parts[0].only("masked").faces]
    rows = FaceIndex(parts[0].root, named) + parts[0].only("unmasked")
    recipe = recipes.FROZEN_MEANS.override(head_final="photo_means")
    runs = train(recipe, train=rows), train(recipes.FROZEN_MEANS, run_dir="alike", train=rows)
    chips = datasets.read_aligned_faces(rows, size=64, alignment="vggface2")
    embeddings = models.predict(models.embedder(runs[0].model), chips)
    expected = class_means(embeddings, rows.labels(), [face.photo for face in rows.faces])
    found, alike = (run.model.layers[-1].get_weights()[0] for run in runs)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert abs(found - alike).max() > 1e-3


# Four runs.
@pytest.mark.long
@pytest.mark.parametrize("field", [{"class_weight": "balanced"}, {"sampling": "balanced"}])
def test_balanced_recipes_train_on_uneven_people(
    train: Callable[..., Run], parts: tuple[FaceIndex, FaceIndex], field: dict[str, str]
) -> None:
    rare = parts[0].people[0]
    kept = [face for face in parts[0].faces if face.person == rare][:1]
    uneven = parts[0].where(lambda face: face.person != rare or face in kept)
    plain = train(QUICK.override(epochs=1), run_dir="plain", train=uneven)
    even = train(QUICK.override(epochs=1, **field), run_dir="even", train=uneven)
    assert any((a != b).any() for a, b in zip(weights(plain), weights(even), strict=True))


# Several runs.
@pytest.mark.long
def test_several_seeds_and_a_scenario_make_a_folder_each(
    parts: tuple[FaceIndex, FaceIndex], tiny_backbone: Path, tmp_path: Path
) -> None:
    runs = training.train_scenario(
        recipes.PAPER_MASKED.override(epochs=1),
        *parts,
        run_dir=tmp_path,
        seeds=(0, 1),
        backbone=tiny_backbone,
        progress=False,
    )
    assert [Path(run.path).relative_to(tmp_path) for run in runs] == [
        Path("seed-0/paper_masked"),
        Path("seed-1/paper_masked"),
    ]
    assert Run(str(tmp_path / "seed-1" / "paper_unmasked")).record["seed"] == 1
    assert runs[0].record["init"] == str(tmp_path / "seed-0" / "paper_unmasked")


@pytest.mark.parametrize("seeds", [(), (1, 1)])
def test_no_seeds_or_repeated_ones_are_refused(
    parts: tuple[FaceIndex, FaceIndex], tmp_path: Path, seeds: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="seeds must be different"):
        training.train_scenario(QUICK, *parts, run_dir=tmp_path, seeds=seeds)


def test_a_person_only_in_the_test_set_is_refused(
    train: Callable[..., Run], parts: tuple[FaceIndex, FaceIndex]
) -> None:
    fewer = parts[0].where(lambda face: face.person != parts[0].people[0])
    with pytest.raises(
        ValueError,
        match="either all in the training rows .* or all unseen .* Received: 1 of 4 unseen",
    ):
        train(train=fewer)


# A training or more.
@pytest.mark.long
def test_an_undecodable_image_is_named(
    train: Callable[..., Run], parts: tuple[FaceIndex, FaceIndex], tmp_path: Path
) -> None:
    (tmp_path / "bad.jpg").write_text("no image")
    bad = FaceIndex(tmp_path, [Face("bad.jpg", parts[0].people[0], "masked")])
    with pytest.raises(images.ImageError, match=r"bad\.jpg"):
        train(train=parts[0] + bad)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backbone": "VGG16"}, "backbone must be one of"),
        ({"weights": "dlib"}, "weights must be None if the backbone is a .keras file"),
    ],
)
def test_unknown_backbones_are_refused(
    train: Callable[..., Run], arguments: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        train(**arguments)


# Three trainings.
@pytest.mark.long
def test_a_run_that_a_callback_ended_does_not_train_on_after_a_kill(
    train: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stop = keras.callbacks.EarlyStopping("loss", mode="max", restore_best_weights=True)
    recipe = QUICK.override(epochs=20, callbacks=[stop])

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("maskedface.training.experiment.finalize", killed)
        with pytest.raises(KeyboardInterrupt):
            train(recipe)
    history = (tmp_path / "run" / "history.csv").read_text()
    assert len(history.splitlines()) < 20
    run = train(recipe)
    assert (tmp_path / "run" / "history.csv").read_text() == history
    assert_same_bits(run, train(recipe, "whole"))
    assert not (tmp_path / "run" / "stopped").exists()


# Four trainings.
@pytest.mark.long
def test_averaged_weights_are_those_that_are_kept_also_after_a_kill(
    train: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Keras puts them in place after its last epoch: a run killed since then has the others in its state.
    averaged = QUICK.override("optimizer.use_ema=true", "optimizer.ema_momentum=0.5")

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("maskedface.training.experiment.finalize", killed)
        with pytest.raises(KeyboardInterrupt):
            train(averaged)
    whole = train(averaged, "whole")
    assert_same_bits(train(averaged), whole)
    plain = weights(train(QUICK, "plain"))
    assert any((one != other).any() for one, other in zip(plain, weights(whole), strict=True))
