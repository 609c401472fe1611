"""Runs of one experiment, one per seed, and their results on the test faces."""

from __future__ import annotations

import functools
import glob
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maskedface.datasets import FaceIndex
from maskedface.evaluation import (
    EmbeddedFaces,
    Matches,
    bootstrap_interval,
    paired_difference,
    rank_one_matches,
)
from maskedface.evaluation.bootstrap import spread
from maskedface.names import near_path
from maskedface.recipes import Recipe
from maskedface.training import Run
from maskedface.training.run import RECORD, read_json
from maskedface.tuning import search_folder

# Display names of the kinds of test faces.
KINDS = {
    "masked": "masked",
    "masked_other_photo": "masked, own photo not in the gallery",
    "unmasked": "unmasked",
}


@dataclass(frozen=True)
class RunGroup:
    """The runs of one recipe on the same rows, one per seed.

    >>> import keras
    >>> from maskedface import datasets, recipes, reporting, synthetic, training
    >>> people = synthetic.draw_people("people", people=3, photos=2, size=64)
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> recipe = recipes.Recipe(name="means", head="cosine", head_init="class_means", epochs=0)
    >>> run = training.train(
    ...     recipe, *datasets.split_by_image(people), run_dir="runs/means", backbone=net,
    ...     alignment="arcface", progress=False)
    >>> group = reporting.RunGroup("nearest mean", (run,))
    >>> group.label, len(group.runs), len(group.test), sorted(group.figure("masked"))
    ('nearest mean', 1, 6, ['high', 'low', 'mean', 'sd'])

    Args:
        label: str, a name, such as that of the folder.
        runs: finished runs, at least one.

    Raises:
        ValueError: if there are no runs, one has no results, or they were tested on different
            faces.
    """

    label: str
    runs: tuple[Run, ...]

    def __post_init__(self) -> None:
        if not self.runs:
            raise ValueError(f"runs must not be empty. Received: none for {self.label!r}")
        without = [run.path for run in self.runs if not run.metrics]
        if without:
            raise ValueError(
                "runs must have results; train again with other test rows. "
                f"Received: no results in {without[0]!r}"
            )
        if any(run.split()["test"].faces != self.test.faces for run in self.runs[1:]):
            raise ValueError(
                "runs must be tested on the same faces to be compared. "
                f"Received: others in {self.label!r}"
            )

        cohorts = [run.cohort for run in self.runs] if len(self.runs) > 1 else []
        if len({cohort.by_photos for cohort in cohorts if cohort is not None}) > 1:
            logging.getLogger("maskedface").warning(
                "%s: the cohort of some of these runs is by the rule of an earlier version "
                "(evaluation.Cohort.by_photos): train those again in a new folder",
                self.label,
            )

    @property
    def recipe(self) -> Recipe:
        """The recipe of the first seed's run."""
        return self.runs[0].recipe

    @property
    def is_open(self) -> bool:
        """Whether the test faces are of unseen identities."""
        return "embeddings" in self.runs[0].predictions

    @property
    def kinds(self) -> dict[str, str]:
        """{kind of test faces that the runs have results for: its display name}."""
        return {kind: words for kind, words in KINDS.items() if kind in self.runs[0].metrics}

    @property
    def seeds_told(self) -> str:
        """What the group's figures are of: "1 seed", or "mean of 3 seeds"."""
        return "1 seed" if len(self.runs) == 1 else f"mean of {len(self.runs)} seeds"

    @functools.cached_property
    def train(self) -> FaceIndex:
        """The training rows of the first seed's run."""
        return self.runs[0].split()["train"]

    @functools.cached_property
    def test(self) -> FaceIndex:
        """The test rows."""
        return self.runs[0].split()["test"]

    @functools.cached_property
    def matches(self) -> tuple[dict[str, Matches], ...]:
        """{kind of test faces: their scores with all people} for each run.

        The kinds are those of the run's metrics. For a closed set the scores are the classifier's
        logits; for an open set the scores with the means of the people's unmasked faces
        (`evaluation.rank_one_matches`).
        """
        return tuple(_matches(run, self.test, self.is_open) for run in self.runs)

    def figure(self, kind: str) -> dict[str, float]:
        """The rank-1 accuracy on a kind of test faces.

        Args:
            kind: a key of the runs' metrics.

        Returns:
            {"mean", "sd" (over seeds, 0 for one), "low", "high" (95 %, over people)}.
        """
        values, people = per_face(self.runs, kind)
        accuracies = [run.metrics[kind]["accuracy"] for run in self.runs]
        low, high = bootstrap_interval(values, people)
        return {**spread(accuracies), "low": low, "high": high}


def per_face(runs: Sequence[Run], domain: str) -> tuple[np.ndarray, list[str]]:
    """The share of seeds that identify each test face correctly.

    Args:
        runs: one run per seed, with the same test rows.
        domain: a key of the runs' metrics: "masked" or "unmasked", or for an open set a kind of
            probes (`evaluation.rank_one_matches`).

    Returns:
        (float array in [0, 1], shape (faces,); the person of each face).

    Raises:
        ValueError: if the runs were tested on different faces.
    """
    faces = [run.split()["test"].faces for run in runs]
    if any(rows != faces[0] for rows in faces):
        raise ValueError("runs must be tested on the same faces to be compared. Received: others")
    if "embeddings" in runs[0].predictions:
        matches = [_matches(run, run.split()["test"], True)[domain] for run in runs]
        return np.mean([found.hits() for found in matches], axis=0), matches[0].known_people
    chosen = [row for row, face in enumerate(faces[0]) if face.domain == domain]
    right = [run.predictions["logits"].argmax(1) == run.predictions["labels"] for run in runs]
    return np.mean(right, axis=0)[chosen], [faces[0][row].person for row in chosen]


def compared(runs: Sequence[Run], against: Sequence[Run], kind: str) -> dict[str, float]:
    """Compares runs with others on the same test faces.

    Args:
        runs, against: one run per seed.
        kind: the kind of test faces, a key of the runs' metrics.

    Returns:
        {"faces": int, "accuracy": float in [0, 1]} and the keys of `evaluation.paired_difference`.

    Raises:
        ValueError: if they were tested on different faces.
    """
    values, people = per_face(runs, kind)
    base, base_people = per_face(against, kind)
    if base_people != people:
        raise ValueError("runs must be tested on the same faces to be compared. Received: others")
    shift = paired_difference(values, base, people)
    return {"faces": len(people), "accuracy": float(values.mean()), **shift}


def _matches(run: Run, test: FaceIndex, is_open: bool) -> dict[str, Matches]:
    if is_open:
        return rank_one_matches(EmbeddedFaces.among(run.predictions, test.faces))
    logits, labels = run.predictions["logits"], run.predictions["labels"]
    found = {}
    for domain in run.metrics:
        rows = np.flatnonzero([face.domain == domain for face in test.faces])
        names = tuple(test.faces[row].person for row in rows)
        found[domain] = Matches(
            rows, names, tuple(run.record["classes"]), logits[rows], labels[rows].astype("int64")
        )
    return found


def find_groups(path: str | os.PathLike[str]) -> list[RunGroup]:
    """Finds the finished runs in a folder.

    >>> import keras
    >>> from maskedface import datasets, recipes, reporting, synthetic, training
    >>> people = synthetic.draw_people("people", people=3, photos=2, size=64)
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> recipe = recipes.Recipe(name="means", head="cosine", head_init="class_means", epochs=0)
    >>> _ = training.train(
    ...     recipe, *datasets.split_by_image(people), run_dir="runs/means", backbone=net,
    ...     alignment="arcface", progress=False)
    >>> [(group.label, len(group.runs)) for group in reporting.find_groups("runs/means")]
    [('means', 1)]

    Args:
        path: a run folder; a folder of seeds (seed-0/, seed-1/, ...); or a folder of several of
            these, as written by `maskedface demo` and by recipes that build on other recipes: each
            is a group. For a search folder: its best trial.

    Returns:
        The groups, in the order in which they were started.

    Raises:
        FileNotFoundError: if there are no runs, or one is not finished; for a search, if no trial is
            completed.
    """
    found: dict[str, list[str]] = {}
    for record in _records(os.fspath(path)):
        folder = os.path.dirname(record)
        steps = os.path.relpath(folder, path).split(os.sep)
        name = "/".join(step for step in steps if step != "." and not step.startswith("seed-"))
        found.setdefault(name, []).append(folder)
    if not found:
        raise FileNotFoundError(
            f"RUN must be a run folder. Received: {os.fspath(path)!r}{near_path(path)}"
        )
    own = os.path.basename(os.path.abspath(path))
    groups = [
        RunGroup(f"{own}/{name}" if name else own, tuple(Run(folder) for folder in folders))
        for name, folders in found.items()
    ]
    return sorted(groups, key=lambda group: str(group.runs[0].record["started"]))


def _records(path: str) -> list[str]:
    """The run records in a folder, at most two levels down: of seeds, or of steps of seeds; in a
    search folder those of its best trial."""
    if os.path.isfile(os.path.join(path, search_folder.ARGUMENTS)):
        try:
            trial = search_folder.Search(path).best_trial["trial"]
        except search_folder.SearchError as error:
            raise FileNotFoundError(
                f"RUN must be a search with a completed trial. Received: {path!r} ({error})"
            ) from error
        path = os.path.join(path, search_folder.trial_name(trial))
    for depth in ("", "*", "*/*"):
        records = sorted(glob.glob(os.path.join(glob.escape(path), depth, RECORD)))
        if records:
            return [record for record in records if "classes" in read_json(record)]
    return []
