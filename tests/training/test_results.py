"""What is scored at a run's end, with and without a cohort."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, models, training
from maskedface.cli.learners import relearn
from maskedface.evaluation import Cohort, normalised, rank_one_report
from maskedface.recipes import Recipe
from maskedface.recognition import Recognizer
from maskedface.training import Run

MEANS = Recipe(
    name="means", head="cosine", head_final="class_means", dropout=0.0, epochs=0, cohort=20
)


@pytest.fixture(scope="module")
def open_run(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("open")
    people = datasets.draw_people(folder / "faces", people=8, photos=3, size=64)
    train, test = datasets.by_person(people, train_fraction=0.5, seed=0)
    return training.train(
        MEANS.override(mirror_join=True),
        train,
        test,
        run_dir=folder / "run",
        backbone=tiny_backbone,
        progress=False,
    )


def test_an_open_sets_cohort_are_the_people_trained_on(open_run: Run) -> None:
    cohort = open_run.cohort
    assert cohort is not None and cohort.nearest == 20
    (centres,) = open_run.model.get_layer("head_centres").get_weights()
    np.testing.assert_array_equal(cohort.people, centres.T)
    test = open_run.split()["test"].faces
    columns = [[getattr(face, name) for face in test] for name in ("person", "domain", "photo")]
    report = rank_one_report(open_run.predictions["embeddings"], *columns, cohort)
    assert report == open_run.metrics


def test_a_closed_sets_cohort_are_those_of_the_run_it_starts_from(
    open_run: Run, tiny_backbone: Path, tmp_path: Path
) -> None:
    train, test = datasets.by_image(open_run.split()["test"])
    run = training.train(
        MEANS.override(mirror_join=True, init=open_run.path, cohort=1),
        train,
        test,
        run_dir=tmp_path,
        backbone=tiny_backbone,
        progress=False,
    )
    centres, bias = run.model.get_layer("head_centres").get_weights()
    assert open_run.cohort is not None and run.cohort is not None
    cohort = Cohort(open_run.cohort.people, 1)
    np.testing.assert_array_equal(run.cohort.people, cohort.people)
    np.testing.assert_allclose(bias, -cohort.offsets(centres.T), atol=1e-6)
    chips = datasets.read_chips(test, size=64, template="vggface2")
    unit = normalised(models.predict(models.embedder(run.model), chips))
    logits = run.recipe.scale * (unit @ centres + bias)
    np.testing.assert_allclose(run.predictions["logits"], logits, atol=1e-3)
    np.testing.assert_array_equal(run.predictions["logits"], models.predict(run.model, chips))


@pytest.mark.parametrize("change", [{"init": ""}, {"epochs": 1}])
def test_a_closed_set_without_other_people_or_with_a_network_that_moves_has_no_cohort(
    open_run: Run, tiny_backbone: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    train, test = datasets.by_image(open_run.split()["test"])
    recipe = MEANS.override(**{"mirror_join": True, "init": open_run.path, **change})
    with pytest.raises(ValueError, match="cohort must be 0 where the test people are trained on"):
        training.train(
            recipe, train, test, run_dir=tmp_path, backbone=tiny_backbone, progress=False
        )


def test_a_run_joined_with_itself_is_itself(open_run: Run) -> None:
    joined = relearn([open_run, open_run], "class_means")
    assert joined.metrics == open_run.metrics
    assert joined.predictions["cohort"].shape[1] == 2 * open_run.predictions["cohort"].shape[1]


def test_a_recogniser_of_the_run_has_its_cohort(open_run: Run) -> None:
    cohort = Recognizer.from_run(open_run.path).gallery.cohort
    assert cohort is not None and open_run.cohort is not None
    np.testing.assert_array_equal(cohort.people, open_run.cohort.people)
