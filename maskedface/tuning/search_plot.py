"""Plots a search: the scores in order, and scores over each field's values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from maskedface.atomic_file import atomic_write
from maskedface.extras import from_extra

_DONE, _STOPPED = "#4477aa", "#bbbbbb"  # Paul Tol's bright scheme
_COLUMNS = 4


def draw_search(
    space: Mapping[str, Any],
    trials: Sequence[Mapping[str, Any]],
    importance: Mapping[str, float],
    path: str | os.PathLike[str],
) -> None:
    """Plots the scores of a search: in order with the best so far, then one panel per field.

    Args:
        space: the searched fields.
        trials: records of trials (`tuning.search_folder.Record`).
        importance: {field: share in [0, 1]}, the panels' order and titles.
        path: the PNG file to write.

    Raises:
        ModuleNotFoundError: if matplotlib is not installed; the message has the pip command.
    """
    with from_extra("report", "matplotlib"):
        from matplotlib.figure import Figure
    ended = [record for record in trials if record["status"] != "failed"]
    fields = sorted(space, key=lambda field: -importance.get(field, 0.0))
    rows = -(-(len(fields) + 1) // _COLUMNS)
    figure = Figure(figsize=(3.2 * _COLUMNS, 2.6 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False, sharey=True).ravel()
    _draw_order(panels[0], ended)
    for axes, field in zip(panels[1:], fields, strict=False):
        _draw_field(axes, field, space[field], ended)
        share = f", {importance[field]:.0%}" if field in importance else ""
        axes.set_title(f"{field}{share}", fontsize=9)
    for axes in panels[len(fields) + 1 :]:
        axes.set_axis_off()
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    figure.supylabel("validation accuracy")
    with atomic_write(path) as partial:
        figure.savefig(partial, dpi=110, format="png")


def _draw_order(axes: Any, trials: Sequence[Mapping[str, Any]]) -> None:
    numbers = [int(record["trial"]) for record in trials]
    scores = [record["score"] for record in trials]
    axes.scatter(numbers, scores, s=14, c=_colors(trials))
    completed = [r["score"] if r["status"] == "completed" else -np.inf for r in trials]
    best = np.maximum.accumulate(completed)
    axes.step(numbers, np.where(np.isfinite(best), best, np.nan), where="post", color=_DONE)
    axes.set_title("trials in order, best so far; gray: stopped", fontsize=9)


def _draw_field(axes: Any, field: str, entry: Any, trials: Sequence[Mapping[str, Any]]) -> None:
    shown = [record for record in trials if field in record["values"]]
    values = [record["values"][field] for record in shown]
    scores = [record["score"] for record in shown]
    if isinstance(entry, dict) and "min" in entry:
        axes.set_xscale("log" if entry.get("sampling") == "log" else "linear")
        axes.scatter(values, scores, s=14, c=_colors(shown))
        return
    known = sorted(set(values))
    axes.scatter([known.index(value) for value in values], scores, s=14, c=_colors(shown))
    axes.set_xticks(range(len(known)), [str(value) for value in known], fontsize=7, rotation=20)
    axes.margins(x=0.2)


def _colors(trials: Sequence[Mapping[str, Any]]) -> list[str]:
    return [_DONE if record["status"] == "completed" else _STOPPED for record in trials]
