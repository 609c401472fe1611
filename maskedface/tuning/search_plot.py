"""Plots a search: the scores in order, and scores over each field's values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from maskedface.atomic_file import atomic_write
from maskedface.extras import from_extra

_COLUMNS = 4
_LETTERS = 16  # of a choice below its place


class Colors(NamedTuple):
    """Of trials, and of the best one."""

    trial: str = "#4477aa"  # Paul Tol's bright scheme
    best: str = "#ee6677"


COLORS = Colors()


def draw_search(
    space: Mapping[str, Any],
    trials: Sequence[Mapping[str, Any]],
    importance: Mapping[str, float],
    path: str | os.PathLike[str],
    best: Mapping[str, Any] | None = None,
) -> None:
    """Plots the scores of a search: in order with the best so far, then one panel per field.

    Args:
        space: the searched fields.
        trials: records of trials (`tuning.search_folder.Record`).
        importance: {field: share in [0, 1]}, the panels' order and titles.
        path: the PNG file to write.
        best: the record of the best trial, to be marked.

    Raises:
        ModuleNotFoundError: if matplotlib is not installed; the message has the pip command.
    """
    with from_extra("report", "matplotlib"):
        from matplotlib.figure import Figure
    fields = sorted(space, key=lambda field: -importance.get(field, 0.0))
    rows = -(-(len(fields) + 1) // _COLUMNS)
    figure = Figure(figsize=(3.2 * _COLUMNS, 2.6 * rows + 0.3), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False, sharey=True).ravel()
    draw_order(panels[0], trials, best)
    panels[0].set_title("trials in order", fontsize=9)
    for axes, field in zip(panels[1:], fields, strict=False):
        draw_field(axes, field, space[field], trials, best)
        share = f", importance {importance[field]:.2f}" if field in importance else ""
        axes.set_title(f"{field}{share}", fontsize=9)
    for axes in panels[len(fields) + 1 :]:
        axes.set_axis_off()
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    figure.supylabel("validation accuracy")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=5, frameon=False)
    with atomic_write(path) as partial:
        figure.savefig(partial, dpi=110, format="png")


def draw_order(
    axes: Any,
    trials: Sequence[Mapping[str, Any]],
    best: Mapping[str, Any] | None = None,
    colors: Colors = COLORS,
) -> None:
    """Draws each trial's score in the trials' order, with the best so far; failed trials are crosses at
    the axis.

    Args:
        axes: matplotlib's.
        trials: records of trials.
        best: the record of the best one, to be marked.
        colors: of the points.
    """
    ended = [record for record in trials if record["status"] != "failed"]
    numbers = [int(record["trial"]) for record in ended]
    scores = [r["score"] if r["status"] == "completed" else -np.inf for r in ended]
    so_far = np.maximum.accumulate(scores)
    line = np.where(np.isfinite(so_far), so_far, np.nan)
    axes.step(numbers, line, where="post", color=colors.trial, alpha=0.5, label="best so far")
    _draw_points(axes, numbers, ended, best, colors)
    failed = [int(record["trial"]) for record in trials if record["status"] == "failed"]
    if failed:
        place = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        words = f"failed: {len(failed)}"
        axes.plot(failed, np.zeros(len(failed)), "x", color=colors.trial, label=words, **place)
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axes.set_xlabel("trial")


def draw_field(
    axes: Any,
    field: str,
    entry: Any,
    trials: Sequence[Mapping[str, Any]],
    best: Mapping[str, Any] | None = None,
    colors: Colors = COLORS,
) -> None:
    """Draws the scores over the values of a field, of the trials that had it.

    Args:
        axes: matplotlib's.
        field: of the space.
        entry: what the space says of it.
        trials: records of trials.
        best: the record of the best one, to be marked.
        colors: of the points.
    """
    shown = [r for r in trials if field in r["values"] and r["status"] != "failed"]
    values = [record["values"][field] for record in shown]
    if isinstance(entry, dict) and "min" in entry:
        axes.set_xscale("log" if entry.get("sampling") == "log" else "linear")
        axes.set_xlim(entry["min"], entry["max"])
        _draw_points(axes, values, shown, best, colors)
        return
    choices = entry["values"] if isinstance(entry, dict) else entry
    known = sorted(set(values)) if values else list(map(str, choices))
    _draw_points(axes, [known.index(value) for value in values], shown, best, colors)
    words = [shortened(str(value), _LETTERS) for value in known]
    turned = 20 if max(map(len, words), default=0) > 6 else 0
    axes.set_xticks(range(len(known)), words, fontsize=8, rotation=turned, parse_math=False)
    axes.set_xlim(-0.5, len(known) - 0.5)


def shortened(words: str, letters: int) -> str:
    """The beginning of words that are too long."""
    return words if len(words) <= letters else f"{words[: letters - 3]}..."


def _draw_points(
    axes: Any,
    places: Sequence[Any],
    trials: Sequence[Mapping[str, Any]],
    best: Mapping[str, Any] | None,
    colors: Colors,
) -> None:
    """Completed trials are filled, stopped ones are rings, the best one is a star."""
    for status, inside in (("completed", colors.trial), ("stopped", "none")):
        rows = [n for n, record in enumerate(trials) if record["status"] == status]
        if rows:
            axes.scatter(
                [places[n] for n in rows],
                [trials[n]["score"] for n in rows],
                s=22,
                facecolors=inside,
                edgecolors=colors.trial,
                clip_on=False,  # at the ends of a range
                label=f"{status}: {len(rows)}",
            )
    for place, record in zip(places, trials, strict=True):
        if best is not None and record["trial"] == best["trial"]:
            words = f"best: trial {int(best['trial'])}, {best['score']:.2f}"
            look = {"marker": "*", "s": 130, "color": colors.best, "zorder": 3}
            axes.scatter([place], [record["score"]], clip_on=False, label=words, **look)
