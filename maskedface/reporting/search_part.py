"""The search that a run came from: each trial's score, the values tried, and those kept."""

from __future__ import annotations

import collections
import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from maskedface.recipes import Recipe
from maskedface.reporting.figures import legend_above
from maskedface.reporting.run_groups import RunGroup
from maskedface.reporting.svg import SERIES, draw_svg
from maskedface.reporting.tables import Table
from maskedface.training import Run
from maskedface.tuning import search_plot
from maskedface.tuning.search_folder import ARGUMENTS, BEST, Record, Search, trial_name

_ABOVE = 3  # folders: a step's of a seed's of a run's, beside which the search lies
_COLORS = search_plot.Colors(SERIES[0], SERIES[1])


def searches_of(groups: Sequence[RunGroup]) -> list[Search]:
    """The searches that runs came from: of a trial the folder that it lies in, of a run of a search's
    `best.json` the search beside it or beside the folders that hold it.

    Args:
        groups: the runs.

    Returns:
        Each search once, in the runs' order; [] where none of them came from one.
    """
    found: dict[str, Search] = {}
    for group in groups:
        for folder in _folders(group.runs[0]):
            found.setdefault(os.path.realpath(folder), Search(folder))
    return list(found.values())


def _folders(run: Run) -> Iterator[str]:
    folder = os.path.abspath(run.path)
    for depth in range(_ABOVE):
        name, folder = os.path.basename(folder), os.path.dirname(folder)
        if depth < 2 and name.startswith(trial_name("")) and _is_search(folder):
            yield folder
            return
        beside = sorted(glob.glob(os.path.join(glob.escape(folder), "*", BEST)))
        yield from (
            search for search in map(os.path.dirname, beside) if _is_search(search, run.recipe)
        )


def _is_search(folder: str, kept: Recipe | None = None) -> bool:
    """Whether a folder holds a search, and one that a recipe came from."""
    if not os.path.isfile(os.path.join(folder, ARGUMENTS)):
        return False
    try:
        space = Search(folder).arguments["space"]
        if kept is None:  # its own trial asks
            return any(record["status"] == "completed" for record in Search(folder).trials)
        best = Recipe.read(os.path.join(folder, BEST))
    except (ValueError, KeyError, TypeError):  # another program's files
        return False
    same = all(kept.value_at(field) == best.value_at(field) for field in space)
    return same and kept.name == best.name


def search_part(search: Search, faces: bool) -> dict[str, Any]:
    """What the page shows of a search.

    Args:
        search: with a completed trial.
        faces: whether the page names people and paths; else the reasons of failed trials are left out.

    Returns:
        "label", "algorithm", "test_on", "seeds" and "best" as text; "order", a figure of each trial's
        score; "fields", for each field a title and a figure of the scores over its values; "values" and
        "trials", tables; "few", whether there are too few trials to tell what mattered.
    """
    space, best = search.arguments["space"], search.best_trial
    seeds = len(search.arguments["seeds"])
    fields = sorted(space, key=lambda field: -search.importance.get(field, 0.0))
    return {
        "label": os.path.basename(os.path.abspath(search.path)),
        "algorithm": search.arguments["algorithm"],
        "test_on": search.recipe.test_on,
        "seeds": "1 seed" if seeds == 1 else f"mean of {seeds} seeds",
        "best": f"trial {int(best['trial'])} with {best['score']:.3f}",
        "count": _counts(search.trials),
        "few": not search.importance,
        "order": draw_svg(_draw_order, search),
        "fields": [{"title": f, "svg": draw_svg(_draw_field, search, f)} for f in fields],
        "values": _values_table(search, fields),
        "trials": _trials_table(search, fields, faces),
    }


def _draw_order(axes: Any, search: Search) -> None:
    search_plot.draw_order(axes, search.trials, search.best_trial, _COLORS)
    axes.set_ylabel("validation accuracy")
    legend_above(axes, 2)


def _draw_field(axes: Any, search: Search, field: str) -> None:
    entry = search.arguments["space"][field]
    search_plot.draw_field(axes, field, entry, search.trials, search.best_trial, _COLORS)
    axes.set(xlabel=field, ylabel="validation accuracy")
    legend_above(axes, 3)


def _counts(trials: Sequence[Record]) -> str:
    counts = collections.Counter(record["status"] for record in trials)
    words = {"completed": "completed", "stopped": "stopped early", "failed": "failed"}
    told = ", ".join(f"{counts[key]} {word}" for key, word in words.items() if counts[key])
    return f"{len(trials)} trials: {told}"


def _values_table(search: Search, fields: Sequence[str]) -> Table:
    """Which values of each field were searched and tried, the recipe's own and the final ones."""
    first = min(search.trials, key=lambda record: int(record["trial"]))["values"]
    rows: list[tuple[str, tuple[str, ...]]] = []
    for field in fields:
        tried = [record["values"][field] for record in search.trials if field in record["values"]]
        entry = search.arguments["space"][field]
        own, final = (_told(v, field) for v in (first, search.best_trial["values"]))
        share = search.importance.get(field)
        cells = (field, _searched(entry), _tried(entry, tried), own, final)
        rows.append(("", (*cells, "-" if share is None else f"{share:.2f}")))
    head = ("field", "searched", "tried", "first trial (the recipe's own)", "final", "importance")
    return Table("", head, rows)


def _trials_table(search: Search, fields: Sequence[str], faces: bool) -> Table:
    """Every trial, the best one first."""
    best = search.best_trial
    # Failed ones last; the best may score below one of fewer epochs (Hyperband).
    ranked = sorted(search.trials, key=lambda r: (r is not best, -r.get("score", -1.0)))
    rows = []
    for record in ranked:
        number = f"{int(record['trial'])}{' (best)' if record is best else ''}"
        score = f"{record['score']:.3f}" if "score" in record else "-"
        why = f": {record['reason']}" if faces and "reason" in record else ""
        values = (_told(record["values"], field) for field in fields)
        epochs = str(record.get("epochs", "-"))
        rows.append(("", (number, f"{record['status']}{why}", score, epochs, *values)))
    return Table("", ("trial", "status", "validation accuracy", "epochs", *fields), rows)


def _searched(entry: Any) -> str:
    if isinstance(entry, dict) and "min" in entry:
        log = ", log scale" if entry.get("sampling") == "log" else ""
        return f"{_short(entry['min'])} to {_short(entry['max'])}{log}"
    choices = entry["values"] if isinstance(entry, dict) else entry
    return ", ".join(map(_short, choices))


def _tried(entry: Any, tried: Sequence[Any]) -> str:
    if not tried:
        return "none"
    if isinstance(entry, dict) and "min" in entry:
        count = len(set(tried))
        ends = f"{_short(min(tried))} to {_short(max(tried))}"
        return f"{count} values, {ends}" if count > 1 else _short(tried[0])
    counts = collections.Counter(map(_short, tried))
    return ", ".join(f"{value} ({count})" for value, count in counts.most_common())


def _told(values: Mapping[str, Any], field: str) -> str:
    return _short(values[field]) if field in values else "-"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
