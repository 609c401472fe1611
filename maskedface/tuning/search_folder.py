"""A search folder: the trials and their results."""

from __future__ import annotations

import collections
import csv
import functools
import glob
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maskedface.atomic_file import write_json, write_text
from maskedface.recipes import Recipe
from maskedface.training.run import read_json
from maskedface.tuning.field_importance import importance
from maskedface.tuning.search_plot import draw_search

ARGUMENTS, MANIFEST, BEST, TABLE, IMPORTANCE, PICTURE, RECORD = (
    "search.json",
    "manifest.csv",
    "best.json",
    "trials.csv",
    "importance.json",
    "search.png",
    "record.json",
)
_FACTS = ("trial", "status", "score", "loss", "epochs", "seconds", "memory_mib")

Record = dict[str, Any]
"""A trial: "trial" (its number as text), "values" (of the searched fields), "status", "seconds",
"memory_mib" (of the process, afterwards), and for a failed trial "reason"; for others "score" (the
mean of "scores", the accuracies per seed), "loss", "epochs" and "curve" (accuracy per epoch; [] if
it does not correspond to the score). The status is "completed", "stopped" (by the median rule; the
score is the last one) or "failed"."""


class SearchError(RuntimeError):
    """Raised if no trial of a search has a result.

    >>> from maskedface import tuning
    >>> try:
    ...     tuning.Search("search").best  # doctest: +SKIP
    ... except tuning.SearchError as error:
    ...     print(error)
    """


@dataclass(frozen=True)
class Search:
    """A search, read lazily from its folder; it may still be running.

    >>> import keras
    >>> from maskedface import recipes, synthetic, tuning
    >>> people = synthetic.draw_people("people", people=3, photos=2, size=64)
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> recipe = recipes.Recipe(name="means", head="cosine", head_init="class_means", epochs=0)
    >>> _ = tuning.search(
    ...     recipe, people, space={"mirror_join": [False, True]}, search_dir="search", trials=1,
    ...     backbone=net, alignment="arcface", progress=False)
    >>> found = tuning.Search("search")
    >>> [trial["status"] for trial in found.trials], found.best_trial["score"] >= 0
    (['completed'], True)

    Args:
        path: the search folder. Its files: search.json (the arguments); manifest.csv (the rows,
            with their part in the column "search"); Keras Tuner's oracle.json; trial_N/ with Keras
            Tuner's trial.json, record.json and a run folder per seed; and finally best.json (a
            recipe for `maskedface train --recipe`), trials.csv, importance.json, search.png.

    Raises:
        FileNotFoundError: if the folder does not contain a search.
    """

    path: str

    def __post_init__(self) -> None:
        if not os.path.isfile(os.path.join(self.path, ARGUMENTS)):
            raise FileNotFoundError(
                f"path must be a search folder, with {ARGUMENTS}. Received: path={self.path!r}"
            )

    @functools.cached_property
    def arguments(self) -> dict[str, Any]:
        """search.json: recipe, space, algorithm, seeds, backbone, weights, data."""
        return read_json(os.path.join(self.path, ARGUMENTS))

    @functools.cached_property
    def trials(self) -> list[Record]:
        """The finished trials, in order."""
        folders = glob.glob(os.path.join(glob.escape(self.path), "trial_*", RECORD))
        return sorted((read_json(path) for path in folders), key=lambda r: int(r["trial"]))

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The original recipe, whose values are the first trial."""
        values = dict(self.arguments["recipe"])
        return Recipe(name=values.pop("name")).override(**values)

    @functools.cached_property
    def best_trial(self) -> Record:
        """The completed trial with the highest score; on ties, the one with the lowest loss. With
        Hyperband, trials with the full number of epochs have priority.

        Raises:
            SearchError: if there is no completed trial; the message gives the reasons.
        """
        completed = [record for record in self.trials if record["status"] == "completed"]
        if not completed:
            raise SearchError(_why_none(self.trials))
        return max(
            completed,
            key=lambda r: (r["values"].get("tuner/epochs", 0), r["score"], -r["loss"]),
        )

    @property
    def best(self) -> Recipe:
        """The best trial's recipe, named "<the recipe>_tuned".

        Raises:
            SearchError: as `best_trial`.
        """
        from maskedface.tuning.space import recipe_of

        found = recipe_of(self.recipe, self.best_trial["values"])
        return found.override(name=f"{self.recipe.name}_tuned")

    @functools.cached_property
    def importance(self) -> dict[str, float]:
        """The importance of each searched field, from a random forest; {} for too few trials."""
        return importance(self.arguments["space"], self.trials)


def write_results(search: Search) -> str:
    """Writes best.json, trials.csv, importance.json and, if matplotlib is installed, search.png.

    Returns:
        The reason why there is no picture, or "".

    Raises:
        SearchError: if there is no completed trial; trials.csv is still written.
    """
    write_text(os.path.join(search.path, TABLE), _table(search))
    write_text(os.path.join(search.path, BEST), search.best.to_json())
    write_json(os.path.join(search.path, IMPORTANCE), search.importance)
    try:
        picture = os.path.join(search.path, PICTURE)
        space, best = search.arguments["space"], search.best_trial
        draw_search(space, search.trials, search.importance, picture, best)
    except ModuleNotFoundError as error:
        return f"no {PICTURE}: {error}"
    return ""


def trial_name(trial: str) -> str:
    """The name of a trial's folder, as Keras Tuner gives it, by the trial's number."""
    return f"trial_{trial}"


def progress_line(trials: Sequence[Record], wanted: int) -> str:
    """One line with the latest trial's result and the best so far."""
    if not trials:
        return f"0 of {wanted} trials"
    last = trials[-1]
    completed = [record for record in trials if record["status"] == "completed"]
    best = max(completed, key=lambda record: record["score"], default=None)
    said = last["reason"] if last["status"] == "failed" else f"accuracy {last['score']:.3f}"
    line = f"trial {last['trial']} ({len(trials)} of {wanted}) {last['status']}: {said}"
    line += f", {last['seconds']:.0f} s"
    return line + (f"; best {best['score']:.3f} (trial {best['trial']})" if best else "")


def _table(search: Search) -> str:
    text = io.StringIO()
    fields = list(search.arguments["space"])
    writer = csv.DictWriter(text, [*_FACTS, *fields, "reason"], extrasaction="ignore")
    writer.writeheader()
    for record in search.trials:
        writer.writerow({**record, **record["values"]})
    return text.getvalue()


def _why_none(trials: Sequence[Mapping[str, Any]]) -> str:
    if not trials:
        return "a search must have a finished trial to have a result. Received: none finished"
    reasons = collections.Counter(record.get("reason", record["status"]) for record in trials)
    said = "; ".join(f"{count} times {reason}" for reason, count in reasons.most_common(3))
    return f"at least one trial must succeed. Received: {len(trials)} failed trials: {said}"
