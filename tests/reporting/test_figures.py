"""The report's figures: legends off the data, names at the confusion's axes, seeds that are told."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from maskedface.datasets import Face, FaceIndex
from maskedface.evaluation.matching import Matches
from maskedface.reporting import figures
from maskedface.reporting.confused_pairs import worst_pairs
from maskedface.reporting.run_groups import RunGroup
from maskedface.reporting.svg import draw_svg


def group(label: str = "runs/mine", seeds: int = 1, people: int = 4, faces: int = 3) -> Any:
    """What the figures read of a `RunGroup`: some faces of each person, the last one named wrong by every
    second seed."""
    gallery = tuple(f"name_{n:03d}" for n in range(people))
    own = np.repeat(np.arange(people), faces)
    found = []
    for seed in range(seeds):
        scores = np.eye(people, dtype="float32")[own]
        if seed % 2 == 0 and people > 1:
            scores[-1] = np.eye(people)[0]
        shows = tuple(gallery[n] for n in own)
        found.append({"masked": Matches(np.arange(len(own)), shows, gallery, scores, own)})
    rows = [Face(f"{n}.jpg", gallery[who], "masked") for n, who in enumerate(own)]
    index = FaceIndex("/nowhere", rows)
    runs = (SimpleNamespace(metrics={"masked": {}}),) * seeds
    fake = SimpleNamespace(label=label, runs=runs, matches=tuple(found), kinds={"masked": "masked"})
    fake.figure = lambda kind: {"mean": 0.9, "low": 0.8, "high": 0.95, "sd": 0.0}
    fake.test = fake.train = index
    fake.is_open = False
    fake.seeds_told = RunGroup.seeds_told.fget(fake)  # type: ignore[attr-defined]
    return fake


def drawn(draw: Callable[..., None], *what: Any) -> Any:
    """The axes of a figure as `draw_svg` makes it, laid out."""
    figure = Figure(figsize=(5.0, 3.3), layout="constrained")
    draw(axes := figure.add_subplot(), *what)
    figure.draw_without_rendering()
    return axes


def legend_of(axes: Any) -> Any:
    (legend,) = [*axes.figure.legends, *filter(None, [axes.get_legend()])]
    return legend


def words_of(axes: Any) -> list[str]:
    return [text.get_text() for text in legend_of(axes).get_texts()]


HISTORY = {"loss": [3.0, 1.0, 0.1], "val_loss": [3.0, 2.0, 2.5]}
HISTORY |= {"accuracy": [0.0, 0.9, 1.0], "val_accuracy": [1.0, 0.5, 0.0]}
NAMES = [f"name_{n:03d}" for n in range(4)]
INDEX = group().test
GROUPS = [group(), group("a/run/whose/path/is/much/too/long/for/a/line/of/a/legend", seeds=3)]
DRAWN: dict[str, tuple[Any, ...]] = {
    "loss": (figures.curve, [HISTORY], "loss", "masked"),
    "accuracy": (figures.curve, [HISTORY, HISTORY], "accuracy", "masked"),
    "results": (figures.results, GROUPS),
    "cmc": (figures.cmc_curve, GROUPS, "masked"),
    "roc": (figures.roc_curve, GROUPS, "masked"),
    "confusion": (figures.confusion_dots, GROUPS[1], "masked", NAMES),
    "images": (figures.images_a_person, INDEX),
}


@pytest.mark.parametrize("name", DRAWN)
def test_the_legend_lies_over_no_data(name: str) -> None:
    axes = drawn(*DRAWN[name])
    legend = legend_of(axes).get_window_extent()
    assert not legend.overlaps(axes.get_window_extent())
    assert not legend.overlaps(axes.xaxis.label.get_window_extent())


@pytest.mark.parametrize("name", DRAWN)
def test_the_legend_lies_inside_the_figure(name: str) -> None:
    axes = drawn(*DRAWN[name])
    box, figure = legend_of(axes).get_window_extent(), axes.figure.bbox
    assert box.x0 >= -1 and box.x1 <= figure.x1 + 1 and box.y1 <= figure.y1 + 1


def test_six_groups_leave_the_curves_their_room() -> None:
    groups = [group(f"run {n}") for n in range(6)]
    one, six = (drawn(figures.cmc_curve, some, "masked") for some in (groups[:1], groups))
    assert six.get_window_extent().height > 0.9 * one.get_window_extent().height


@pytest.mark.parametrize("name", ["results", "cmc", "roc"])
def test_a_legend_says_how_many_seeds_a_line_is_the_mean_of(name: str) -> None:
    first, second = words_of(drawn(*DRAWN[name]))
    assert first == "runs/mine (1 seed)" and second.endswith("(mean of 3 seeds)")


def test_the_confusion_is_the_mean_over_seeds() -> None:
    # 12 faces; of three seeds two name one wrong.
    assert words_of(drawn(*DRAWN["confusion"])) == ["correct: 11.3", "wrong: 0.7"]


def test_the_confusion_of_one_seed_counts_faces() -> None:
    axes = drawn(figures.confusion_dots, group(), "masked", NAMES)
    assert words_of(axes) == ["correct: 11", "wrong: 1"]


def test_pairs_are_counted_a_seed() -> None:
    (pair,) = worst_pairs(GROUPS[1], "masked")
    assert (pair.faces, pair.of) == (pytest.approx(2 / 3), 3)


def test_the_confusions_axes_name_everybody() -> None:
    axes = drawn(figures.confusion_dots, group(), "masked", NAMES)
    for axis in (axes.xaxis, axes.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == NAMES
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("identified as", "person")


@pytest.mark.parametrize("people", [2, 20, 21, 77, 500])
@pytest.mark.parametrize("faces", [True, False])
def test_the_confusions_names_do_not_overlap(people: int, faces: bool) -> None:
    names = [f"somebody_{n:03d}" if faces else str(n) for n in range(people)]
    axes = drawn(figures.confusion_dots, group(people=people, faces=1), "masked", names)
    for axis in (axes.xaxis, axes.yaxis):
        labels = axis.get_ticklabels()
        assert 2 <= len(labels) <= 20
        boxes = [label.get_window_extent() for label in labels]
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
        # A label is that of the person at its place.
        ticks = axis.get_ticklocs()
        assert [names[int(tick)] for tick in ticks] == [label.get_text() for label in labels]
    if people > 20:
        assert f"of {people} people has a label" in axes.get_xlabel()


@pytest.mark.parametrize("name", ["$a_b$ & <i>", "a name that is very long", "\udcff\x1b", "王芳"])
def test_a_name_is_drawn_as_it_is_spelt_or_escaped(name: str) -> None:
    text = draw_svg(figures.confusion_dots, group(people=2), "masked", [name, "bo"])
    assert "identified as" in text and text.encode("utf-8")
    if name == "王芳":
        assert name in text
    if name.startswith("$"):
        assert "$a_b$ &amp; &lt;i&gt;" in text


def test_images_per_person_are_one_bar_each() -> None:
    axes = drawn(*DRAWN["images"])
    assert [len(container) for container in axes.containers] == [4, 4]
    assert words_of(axes) == ["unmasked: 0", "masked: 12"]


@pytest.mark.parametrize("quantity", ["loss", "accuracy"])
def test_a_single_epoch_is_a_whole_number_with_its_points_in_sight(quantity: str) -> None:
    history = {"loss": [10.82], "val_loss": [10.8], "accuracy": [1.0], "val_accuracy": [0.0]}
    axes = drawn(figures.curve, [history], quantity, "masked")
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]
    assert axes.get_ylim()[1] > 1.01 * max(history[quantity])
