"""The search that a run came from, on the report's page."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from maskedface import datasets, recipes, reporting, training, tuning
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.recipes import Recipe
from maskedface.reporting.search_part import _draw_order, searches_of
from maskedface.tuning import Search, search_plot
from maskedface.tuning.search_folder import write_results

pytestmark = pytest.mark.long  # each test shares a search of several trainings

RATE = "optimizer.learning_rate"
SPACE: dict[str, Any] = {
    "batch_size": [4, 8],
    RATE: {"min": 1e-5, "max": 1e-1, "sampling": "log"},
}
RECIPE = recipes.COSINE_MARGIN.override(epochs=1, batch_size=8)
SCORES = [0.5, 0.75, 0.25, None]  # of the trials, None for a failed one


@pytest.fixture(scope="module")
def runs(drawn: FaceIndex, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of which each trial's score is set, a run of its best recipe, and a plain run."""
    folder = tmp_path_factory.mktemp("runs")
    words: dict[str, Any] = {"backbone": str(tiny_backbone), "progress": False}
    train, test = datasets.split_by_image(drawn)
    tuning.search(
        RECIPE,
        train,
        space=SPACE,
        search_dir=folder / "search",
        algorithm="random",
        trials=len(SCORES),
        **words,
    )
    for number, score in enumerate(SCORES):
        path = folder / "search" / f"trial_{number}" / "record.json"
        record = json.loads(path.read_text()) | {"status": "completed"}
        if score is None:
            del record["score"]
            record |= {"status": "failed", "reason": f"no room in {folder}"}
        else:
            record |= {"score": score, "scores": [score]}
        path.write_text(json.dumps(record))
    write_results(Search(str(folder / "search")))
    best = Recipe.read(folder / "search" / "best.json")
    training.train(best, train, test, run_dir=folder / "best", **words)
    training.train(RECIPE, train, test, run_dir=folder / "plain", **words)
    return folder


def page(*words: str | Path) -> str:
    out = Path(words[0]).parent / "page.html"
    assert main(["report", *map(str, words), "--out", str(out)]) == 0
    return out.read_text(encoding="utf-8")


def section(text: str) -> str:
    (found,) = re.findall(r'<section id="search">.*?</section>', text, flags=re.DOTALL)
    return str(found)


def cells(text: str, head: str) -> list[str]:
    return re.findall(rf'<td data-head="{re.escape(head)}">([^<]*)</td>', text)


@pytest.mark.parametrize("name", ["best", "search", "search/trial_1", "search/trial_1/seed-0"])
def test_a_run_that_came_from_a_search_shows_it(runs: Path, name: str) -> None:
    (found,) = searches_of(reporting.find_groups(runs / name))
    assert Path(found.path) == runs / "search"


def test_a_plain_run_shows_no_search(runs: Path) -> None:
    text = page(runs / "plain")
    assert 'id="search"' not in text and "#search" not in text


def test_a_search_is_shown_once(runs: Path) -> None:
    groups = [*reporting.find_groups(runs / "best"), *reporting.find_groups(runs / "search")]
    assert len(searches_of(groups)) == 1


def test_a_search_folder_stands_for_its_best_trial(runs: Path) -> None:
    (group,) = reporting.find_groups(runs / "search")
    assert group.label == "search/trial_1"


def test_a_search_without_a_completed_trial_is_refused(runs: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(runs / "search", tmp_path / "search")
    for record in copy.glob("trial_*/record.json"):
        record.write_text(json.dumps(json.loads(record.read_text()) | {"status": "failed"}))
    with pytest.raises(FileNotFoundError, match=r"a search with a completed trial. Received: "):
        reporting.find_groups(copy)


def test_another_programs_files_are_no_search(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "best", tmp_path / "best")
    (tmp_path / "other").mkdir()
    for name in ("search.json", "best.json"):
        (tmp_path / "other" / name).write_text("{}")
    assert searches_of(reporting.find_groups(tmp_path / "best")) == []


def test_each_trials_score_stands_in_the_table_the_best_first(runs: Path) -> None:
    text = section(page(runs / "best"))
    assert cells(text, "trial") == ["1 (best)", "0", "2", "3"]
    assert cells(text, "validation accuracy") == ["0.750", "0.500", "0.250", "-"]
    assert "4 trials: 3 completed, 1 failed" in text


def test_the_values_tried_and_the_final_ones_stand_in_a_table(runs: Path) -> None:
    text = section(page(runs / "best"))
    found = Search(str(runs / "search"))
    final = found.best_trial["values"]
    where = cells(text, "field").index(RATE)
    assert sorted(cells(text, "field")) == sorted(SPACE)
    assert cells(text, "searched")[where] == "1e-05 to 0.1, log scale"
    assert cells(text, "tried")[where].startswith("4 values, ")
    assert cells(text, "final")[where] == f"{final[RATE]:.3g}"
    own = RECIPE.value_at(RATE)
    assert cells(text, "first trial (the recipe&#39;s own)")[where] == f"{own:.3g}"
    sizes = cells(text, "tried")[1 - where]
    tried = [trial["values"]["batch_size"] for trial in found.trials]
    assert all(f"{size} ({tried.count(size)})" in sizes for size in set(tried))


def test_the_figures_mark_the_best_and_say_what_their_axes_are(runs: Path) -> None:
    text = section(page(runs / "best"))
    figures = re.findall(r"<figure>.*?</figure>", text, flags=re.DOTALL)
    titles = [re.findall("<figcaption>([^<]*)<", figure)[0] for figure in figures]
    assert titles[0] == "Score of each trial"
    assert sorted(titles[1:]) == sorted(f"Score by {field}" for field in SPACE)
    for figure in figures:
        assert "best: trial 1, 0.75" in figure and "validation accuracy" in figure
    assert "best so far" in figures[0] and "failed: 1" in figures[0]


def test_without_faces_no_path_stands_in_the_search(runs: Path) -> None:
    text = section(page(runs / "best", "--no-faces"))
    assert str(runs) not in text and "failed" in text


def test_the_points_of_the_order_are_the_trials_scores(runs: Path) -> None:
    found = Search(str(runs / "search"))
    axes = Figure().add_subplot()
    search_plot.draw_order(axes, found.trials, found.best_trial)
    completed, star = axes.collections
    assert completed.get_offsets().tolist() == [[0, 0.5], [1, 0.75], [2, 0.25]]
    assert star.get_offsets().tolist() == [[1, 0.75]]
    (step, failed) = axes.get_lines()
    assert list(step.get_ydata()) == [0.5, 0.75, 0.75] and list(failed.get_xdata()) == [3]
    assert all(tick == round(tick) for tick in axes.get_xticks())


def test_a_legend_lies_over_no_point(runs: Path) -> None:
    figure = Figure(figsize=(5.0, 3.3), layout="constrained")
    _draw_order(axes := figure.add_subplot(), Search(str(runs / "search")))
    figure.draw_without_rendering()
    assert not figure.legends[0].get_window_extent().overlaps(axes.get_window_extent())
