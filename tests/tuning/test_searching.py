"""What surrounds trials: order, resume, failures, results."""

from __future__ import annotations

import csv
import json
import logging
import math
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from maskedface import recipes, tuning
from maskedface.datasets import Face, FaceIndex, read_split, split_by_image
from maskedface.datasets.splits import shared_rows
from maskedface.recipes import Recipe
from maskedface.tuning import Search
from maskedface.tuning._keras_tuner_fixes import RandomOracle
from maskedface.tuning.oracles import ALGORITHMS
from maskedface.tuning.searching import validation_split
from tests.tuning.fake_training import RECIPE, SPACE, fake_training


def searched(drawn: FaceIndex, backbone: Path, folder: Path, **arguments: Any) -> Search:
    arguments = {"algorithm": "random", "trials": 6, "progress": False, **arguments}
    arguments.setdefault("space", SPACE)
    recipe = arguments.pop("recipe", RECIPE)
    return tuning.search(recipe, drawn, search_dir=folder, backbone=str(backbone), **arguments)


def near(recipe: Recipe) -> float:
    """Best at a rate of 1e-3 and no dropout."""
    rate, dropout = (recipe.value_at(x) for x in ("optimizer.learning_rate", "head.dropout"))
    return 0.9 - 0.1 * abs(math.log10(rate) + 3) - 0.2 * dropout


# Searches by four algorithms.
@pytest.mark.long
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_recipes_own_values_are_the_first_trial_and_all_differ(
    drawn: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    algorithm: str,
) -> None:
    fits = fake_training(monkeypatch, near)
    searched(drawn, tiny_backbone, tmp_path / "s", algorithm=algorithm)
    assert fits[0][0] == RECIPE
    assert len({recipe.to_json() for recipe, _ in fits}) == len(fits) == 6


def test_the_best_trial_becomes_a_recipe(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = fake_training(monkeypatch, near)
    filters = list(logging.getLogger("tensorflow").filters)
    found = searched(drawn, tiny_backbone, tmp_path / "s", trials=12)
    assert logging.getLogger("tensorflow").filters == filters
    best = max((recipe for recipe, _ in fits), key=near)
    assert Recipe.read(tmp_path / "s" / "best.json") == best.override(name=f"{RECIPE.name}_tuned")
    assert found.best_trial["score"] == pytest.approx(near(best))
    with open(tmp_path / "s" / "trials.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["score"]) for row in rows] == pytest.approx([near(r) for r, _ in fits])
    assert set(SPACE) <= set(rows[0])
    importance = json.loads((tmp_path / "s" / "importance.json").read_text())
    assert next(iter(importance)) == "optimizer.learning_rate"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_stopped_search_goes_on_and_loses_nothing(
    drawn: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    algorithm: str,
) -> None:
    trials = 5 if algorithm == "bayesian" else 6  # its sixth takes seconds to draw
    unbroken = fake_training(monkeypatch, near)
    searched(drawn, tiny_backbone, tmp_path / "unbroken", algorithm=algorithm, trials=trials)
    rates: list[Recipe] = []

    def stops_in_the_fourth(recipe: Recipe) -> float:
        rates.append(recipe)
        if len(rates) == 4:
            raise KeyboardInterrupt
        return near(recipe)

    fits = fake_training(monkeypatch, stops_in_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        searched(drawn, tiny_backbone, tmp_path / "s", algorithm=algorithm, trials=trials)
    found = searched(drawn, tiny_backbone, tmp_path / "s", algorithm=algorithm, trials=trials)
    assert [record["trial"] for record in found.trials] == [str(n) for n in range(trials)]
    assert fits[3] == fits[4]  # the stopped one, again
    assert len(fits) == trials + 1
    assert fits[:3] + fits[4:] == unbroken


def test_a_finished_search_does_nothing_and_goes_on_with_more_trials(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = fake_training(monkeypatch, near)
    for trials, ran in ((3, 3), (3, 3), (5, 5)):
        searched(drawn, tiny_backbone, tmp_path / "s", trials=trials)
        assert len(fits) == ran


def test_a_kill_while_the_oracle_writes_leaves_what_was_there(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = fake_training(monkeypatch, near)
    searched(drawn, tiny_backbone, tmp_path / "s", trials=2)
    before = (tmp_path / "s" / "oracle.json").read_text()

    def killed(*paths: str) -> None:
        if str(paths[1]).endswith("oracle.json"):
            raise KeyboardInterrupt
        replace(*paths)

    from os import replace

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        searched(drawn, tiny_backbone, tmp_path / "s", trials=4)
    monkeypatch.setattr("os.replace", replace)
    assert (tmp_path / "s" / "oracle.json").read_text() == before
    assert len(searched(drawn, tiny_backbone, tmp_path / "s", trials=4).trials) == len(fits) == 4


def test_a_trial_that_was_drawn_but_not_begun_is_drawn_again(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training(monkeypatch, near)
    searched(drawn, tiny_backbone, tmp_path / "s", trials=3)
    # Keras Tuner writes the trial's file, then the oracle's: as if killed in between.
    trial = json.loads((tmp_path / "s" / "trial_2" / "trial.json").read_text())
    (tmp_path / "s" / "trial_3").mkdir()
    text = json.dumps({**trial, "trial_id": "3", "status": "RUNNING"})
    (tmp_path / "s" / "trial_3" / "trial.json").write_text(text)
    assert len(searched(drawn, tiny_backbone, tmp_path / "s", trials=5).trials) == 5


def test_a_trial_that_ended_before_the_oracle_heard_of_it_is_not_run_again(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = fake_training(monkeypatch, near)

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RandomOracle, "end_trial", killed)
        with pytest.raises(KeyboardInterrupt):
            searched(drawn, tiny_backbone, tmp_path / "s", trials=2)
    assert len(searched(drawn, tiny_backbone, tmp_path / "s", trials=2).trials) == len(fits) == 2


def test_failed_trials_are_marked_and_the_search_goes_on(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = iter(range(100))

    def fails(recipe: Recipe) -> float:
        number = next(count)
        if number in (1, 2, 3, 4):  # more in a row than Keras Tuner bears by itself
            raise MemoryError("no room for 12 GiB")
        if number == 5:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
        return math.nan if number == 6 else near(recipe)

    fake_training(monkeypatch, fails)
    found = searched(drawn, tiny_backbone, tmp_path / "s", trials=9)
    assert [record["status"] for record in found.trials] == [
        "completed", *["failed"] * 6, "completed", "completed",
    ]  # fmt: skip
    assert found.trials[1]["reason"] == "MemoryError: no room for 12 GiB"
    assert found.trials[5]["reason"] == "ResourceExhaustedError: OOM when allocating"
    assert "accuracy and loss must be finite" in found.trials[6]["reason"]
    states = [
        json.loads(p.read_text())["status"] for p in (tmp_path / "s").glob("trial_*/trial.json")
    ]
    assert states.count("FAILED") == 6


def test_a_search_of_failures_alone_has_no_result(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(recipe: Recipe) -> float:
        raise MemoryError("no room")

    fake_training(monkeypatch, fails)
    with pytest.raises(
        tuning.SearchError, match="at least one trial must succeed.*4 times MemoryError: no room"
    ):
        searched(drawn, tiny_backbone, tmp_path / "s", trials=4)
    assert not (tmp_path / "s" / "best.json").exists()


def test_values_that_do_not_go_together_fail_the_trial(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training(monkeypatch, near)
    space = {"head": ["LinearHead", "CosineHead"], "head.hidden": [[], [8]]}
    found = searched(drawn, tiny_backbone, tmp_path / "s", space=space, algorithm="grid")
    assert len(found.trials) == 4
    failed = [record for record in found.trials if record["status"] == "failed"]
    assert {record["values"]["head"] for record in failed} == {"CosineHead"}
    assert "an argument of head must be one of" in failed[0]["reason"]


def test_a_trial_is_scored_by_the_mean_of_its_seeds(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.2, 0.6])
    fits = fake_training(monkeypatch, lambda recipe: next(scores))
    found = searched(drawn, tiny_backbone, tmp_path / "s", trials=1, seeds=(3, 5))
    assert [seed for _, seed in fits] == [3, 5]
    assert found.trials[0]["scores"] == [0.2, 0.6]
    assert found.trials[0]["score"] == pytest.approx(0.4)


def test_a_trial_whose_head_is_replaced_at_the_end_is_not_judged_by_its_curve(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training(monkeypatch, near)
    space = {"head_final": ["trained", "class_means"]}
    recipe = RECIPE.override(head="cosine")
    found = searched(
        drawn, tiny_backbone, tmp_path / "s", space=space, algorithm="grid", recipe=recipe
    )
    assert [len(record["curve"]) for record in found.trials] == [2, 0]


def test_a_grid_ends_with_its_last_combination(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = fake_training(monkeypatch, near)
    space = tuning.spaces.SGD_TO_ADAM
    searched(drawn, tiny_backbone, tmp_path / "s", space=space, algorithm="grid", trials=99)
    found = {
        (recipe.optimizer.class_name, recipe.value_at("optimizer.learning_rate"))
        for recipe, _ in fits
    }
    assert found == {("Adam", 1e-4), ("Adam", 2e-3), ("SGD", 1e-4), ("SGD", 2e-3)}
    assert len(fits) == 4


def test_the_held_out_rows_are_of_other_photos_and_are_written_down(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training(monkeypatch, near)
    train, test = split_by_image(drawn)
    searched(train, tiny_backbone, tmp_path / "s", trials=1)
    parts = read_split(tmp_path / "s" / "manifest.csv", "search", root=drawn.root)
    assert set(parts) == {"train", "validation"}
    assert {f.path for part in parts.values() for f in part.faces} == {f.path for f in train.faces}
    photos = [{face.photo for face in part.faces} for part in parts.values()]
    assert photos[0] and not photos[0] & photos[1]
    assert not shared_rows(parts["train"] + parts["validation"], test)


def test_nobody_is_held_out_whom_the_recipe_does_not_train_on() -> None:
    faces = [Face(f"{p}/{n}.png", p, "masked", f"{p}{n}") for p in "ab" for n in range(4)]
    faces += [Face(f"a/u{n}.png", "a", "unmasked", f"au{n}") for n in range(4)]
    index = FaceIndex("root", faces)
    assert validation_split(index, RECIPE, seed=3)[1].people == ("a", "b")
    # It begins with a run on unmasked faces, of which b has none.
    kept, held_out = validation_split(index, recipes.PAPER_MASKED, seed=3)
    assert held_out.people == ("a",) and kept.people == ("a", "b")


def test_rows_of_one_photo_a_person_cannot_be_held_out() -> None:
    index = FaceIndex("root", [Face(f"{p}.png", p, "masked", p) for p in "ab"])
    with pytest.raises(ValueError, match="both parts of a split must contain images"):
        validation_split(index, RECIPE)


def test_faces_of_the_other_domain_alone_cannot_be_held_out() -> None:
    faces = [Face(f"{p}{n}.png", p, "unmasked", f"{p}{n}") for p in "ab" for n in range(3)]
    with pytest.raises(ValueError, match="train must contain two photos of a person with a masked"):
        validation_split(FaceIndex("root", faces), RECIPE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"algorithm": "guess"}, "algorithm must be one of"),
        ({"trials": 0}, "trials at least 1"),
        ({"timeout": 0.0}, "timeout above 0"),
        ({"seeds": (1, 1)}, "seeds must be different numbers"),
        ({"seeds": ()}, "seeds must be different numbers"),
        ({"space": {"epochs": [9]}}, "must include the recipe's own value"),
    ],
)
def test_wrong_arguments_are_refused(
    drawn: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    arguments: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        searched(drawn, tiny_backbone, tmp_path / "s", **arguments)


def test_another_search_in_the_folder_is_refused(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training(monkeypatch, near)
    searched(drawn, tiny_backbone, tmp_path / "s", trials=1)
    with pytest.raises(ValueError, match="search_dir must be new.*another recipe, seeds, manifest"):
        searched(
            split_by_image(drawn)[0],
            tiny_backbone,
            tmp_path / "s",
            trials=1,
            seeds=(1,),
            recipe=RECIPE.override(epochs=3),
        )


def test_a_search_begun_before_a_field_was_added_goes_on(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = fake_training(monkeypatch, near)
    searched(drawn, tiny_backbone, tmp_path / "s", trials=1)
    arguments = json.loads((tmp_path / "s" / "search.json").read_text())
    del arguments["recipe"]["enroll_masks"]  # as if there had been none
    (tmp_path / "s" / "search.json").write_text(json.dumps(arguments))
    searched(drawn, tiny_backbone, tmp_path / "s", trials=2)
    assert len(fits) == 2


def test_a_folder_without_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="path must be a search folder"):
        Search(str(tmp_path))
