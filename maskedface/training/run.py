"""A run folder: all results of a training run, as JSON, CSV, npz and .keras files."""

from __future__ import annotations

import csv
import functools
import glob
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from maskedface.array_file import DamagedError, read_arrays
from maskedface.conversion import file_checks
from maskedface.datasets import FaceIndex, read_split, write_manifest
from maskedface.evaluation import Cohort
from maskedface.evaluation.cohort import COHORT_ARRAYS
from maskedface.names import near_path
from maskedface.recipes import Recipe
from maskedface.reprs import Report, html_table
from maskedface.training.consistency import check_rows

if TYPE_CHECKING:
    import keras

RECIPE, MANIFEST, RECORD = "recipe.json", "manifest.csv", "run.json"
HISTORY, MODEL, PREDICTIONS, METRICS = (
    "history.csv",
    "model.keras",
    "predictions.npz",
    "metrics.json",
)
FEATURES = "features"  # a run's own, until it is finished
_COLUMN = "split"


@dataclass(frozen=True)
class Run:
    """A finished run, read lazily from its folder.

    >>> import keras
    >>> from maskedface import datasets, recipes, synthetic, training
    >>> people = synthetic.draw_people("people", people=3, photos=2, size=64)
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> recipe = recipes.Recipe(name="means", head="cosine", head_init="class_means", epochs=0)
    >>> _ = training.train(
    ...     recipe, *datasets.split_by_image(people), run_dir="runs/means", backbone=net,
    ...     alignment="arcface", progress=False)
    >>> run = training.Run("runs/means")
    >>> run.recipe.name, run.model.output_shape, run.predictions["logits"].shape
    ('means', (None, 3), (6, 3))

    Args:
        path: the run folder. Its files: recipe.json; manifest.csv (the rows, with their part in the
            column "split"); run.json (seed, versions, backbone, weights, threads, start, and the
            SHA-256 of the other files in "files"); history.csv (a row per epoch); model.keras
            (images -> logits); predictions.npz ("labels" and "logits" of the test rows in the
            manifest's order, or for an open set "embeddings"; and the cohort); metrics.json, which
            is written last.

    Raises:
        FileNotFoundError: if the folder does not contain a finished run.
        ValueError: when a file is read that was modified or belongs to another run, which is
            detected by its digest in run.json or by inconsistent counts or labels.
    """

    path: str

    def __post_init__(self) -> None:
        if not os.path.isfile(os.path.join(self.path, METRICS)):
            raise FileNotFoundError(
                f"path must be a finished run's folder, with {METRICS}. "
                f"Received: path={self.path!r}{near_path(self.path)}"
            )

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The recipe of the run."""
        return Recipe.read(self._kept(RECIPE))

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """run.json: seed, versions, backbone, weights, image size, alignment, classes, threads."""
        return read_record(self.path)

    @functools.cached_property
    def metrics(self) -> dict[str, Any]:
        """{domain: `evaluation.classification_report`} for each domain in the test rows; for an
        open set `evaluation.rank_one_report`."""
        return Report(read_json(self._kept(METRICS)))

    @functools.cached_property
    def predictions(self) -> dict[str, np.ndarray]:
        """{"labels": int32, shape (faces,); "logits": float32, shape (faces, classes)}; for an open
        set {"embeddings": float32, shape (faces, features)}, and "templates" of the same shape if
        masks are drawn on enrolled faces. With a cohort also `Cohort.arrays`."""
        arrays = self._arrays()
        check_rows(self.path, arrays, self.record, self.split())
        return arrays

    @property
    def cohort(self) -> Cohort | None:
        """The cohort for score normalization, or None if the recipe uses none."""
        return Cohort.among(self._arrays(only=COHORT_ARRAYS))

    @functools.cached_property
    def model(self) -> keras.Model:
        """The trained classifier: RGB images, 0-255 -> logits. Modules with custom classes of the
        recipe are imported if possible."""
        from maskedface.models.saved import load_model

        self.recipe.import_parts()
        return load_model(self._kept(MODEL))

    def _repr_html_(self) -> str:
        record = self.record
        rows: list[tuple[str, object]] = [
            ("recipe", self.recipe.name),
            ("seed", record["seed"]),
            ("backbone", record["backbone"]),
            ("people", len(record["classes"])),
        ]
        for kind, scores in self.metrics.items():
            low, high = scores["accuracy_interval"]
            told = f"{scores['accuracy']:.3f} [{low:.3f}, {high:.3f}] of {scores['faces']} faces"
            rows.append((f"rank-1 accuracy, {kind}", told))
        return html_table((), rows, caption=f"Run {self.path}")

    def split(self) -> dict[str, FaceIndex]:
        """{"train": training rows, "test": test rows}; the image files may no longer exist."""
        root = self.record["data"]
        return read_split(self._kept(MANIFEST), _COLUMN, root=root, check_files=False)

    def _arrays(self, only: Collection[str] | None = None) -> dict[str, np.ndarray]:
        path = self._kept(PREDICTIONS)
        try:
            return read_arrays(path, only=only)
        except DamagedError as error:
            raise ValueError(
                f"a run's predictions must be readable. Received: {path!r} ({error})"
            ) from error

    def _kept(self, name: str) -> str:
        """The path of one of the files, after a check that it is unmodified; runs of older versions
        have no digests."""
        path = os.path.join(self.path, name)
        known = self.record.get("files", {}).get(name)
        if known not in (None, file_checks.sha256(path)):
            raise ValueError(
                f"a run's files must be unmodified. Received: {path!r}, which was changed or "
                "belongs to another run"
            )
        return path


def find_runs(path: str | os.PathLike[str]) -> list[Run]:
    """The finished runs in a folder: the folder itself, or one run per seed (seed-0/, seed-1/,
    ...); in the folder of a scenario, the runs of its last recipe.

    >>> import keras
    >>> from maskedface import datasets, recipes, synthetic, training
    >>> people = synthetic.draw_people("people", people=3, photos=2, size=64)
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> recipe = recipes.Recipe(name="means", head="cosine", head_init="class_means", epochs=0)
    >>> _ = training.train(
    ...     recipe, *datasets.split_by_image(people), run_dir="runs/means", backbone=net,
    ...     alignment="arcface", progress=False)
    >>> [run.path for run in training.find_runs("runs/means")]
    ['runs/means']

    Args:
        path: the folder.

    Returns:
        One `Run` per seed, at least one.

    Raises:
        FileNotFoundError: if there is none, or the run of a seed is not finished.
    """
    path = os.fspath(path)
    seeds = sorted(glob.glob(os.path.join(glob.escape(path), "seed-*"))) or [path]
    return [last_run(folder) for folder in seeds]


def find_run(path: str | os.PathLike[str]) -> Run:
    """The single finished run that represents a folder: the folder itself, or the run of the first
    seed; in the folder of a scenario, that of its last recipe.

    >>> import keras
    >>> from maskedface import datasets, recipes, synthetic, training
    >>> people = synthetic.draw_people("people", people=3, photos=2, size=64)
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> recipe = recipes.Recipe(name="means", head="cosine", head_init="class_means", epochs=0)
    >>> _ = training.train_scenario(
    ...     recipe, *datasets.split_by_image(people), run_dir="two", backbone=net,
    ...     alignment="arcface", progress=False, seeds=[1, 2])
    >>> training.find_run("two").path
    'two/seed-1'

    Args:
        path: the folder.

    Raises:
        FileNotFoundError: as `find_runs`.
    """
    return find_runs(path)[0]


def last_run(path: str | os.PathLike[str], *, but: str | os.PathLike[str] | None = None) -> Run:
    """The finished run in a folder: the folder itself, or the last run of a scenario in it.

    >>> import keras
    >>> from maskedface import datasets, recipes, synthetic, training
    >>> people = synthetic.draw_people("people", people=3, photos=2, size=64)
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> recipe = recipes.Recipe(name="means", head="cosine", head_init="class_means", epochs=0)
    >>> _ = training.train(
    ...     recipe, *datasets.split_by_image(people), run_dir="runs/means", backbone=net,
    ...     alignment="arcface", progress=False)
    >>> training.last_run("runs").path
    'runs/means'

    Args:
        path: the folder.
        but: a run folder in it to ignore, or None.

    Returns:
        A `Run`.

    Raises:
        FileNotFoundError: if there is none, it is not finished, or the last one is ambiguous.
    """
    folder = os.fspath(path)
    left_out = None if but is None else os.path.abspath(but)
    records = glob.glob(os.path.join(glob.escape(folder), "*", RECORD))
    steps = [step for step in map(os.path.dirname, records) if os.path.abspath(step) != left_out]
    if os.path.exists(os.path.join(folder, RECORD)) or not steps:
        return Run(folder)
    # By their names, since the folder may have been moved.
    names = {step: os.path.basename(step) for step in steps}
    before = {
        name
        for step in steps
        if (name := os.path.basename(read_json(os.path.join(step, RECORD))["init"])) != names[step]
    }
    last = [step for step in steps if names[step] not in before]
    if len(last) != 1:
        raise FileNotFoundError(
            "path must be a run folder, or contain runs of which one is the last; choose one. "
            f"Received: path={folder!r} with {sorted(names.values())}"
        )
    return Run(last[0])


def write_split(path: str, train: FaceIndex, test: FaceIndex) -> None:
    """Writes a run's manifest.csv, with each row's part in the column "split"."""
    index = train + test
    parts = {"train": train.relative_to(index.root), "test": test.relative_to(index.root)}
    write_manifest(path, index, {_COLUMN: parts})


def read_record(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a folder's run.json; the older key "template" is returned as "alignment"."""
    record = read_json(os.path.join(folder, RECORD))
    if "alignment" not in record and "template" in record:
        record["alignment"] = record.pop("template")
    return record


def alignment_beside(path: str | os.PathLike[str]) -> str | None:
    """The alignment of a model file in a run folder, from its run.json.

    Args:
        path: a model file.

    Returns:
        A key of `geometry.ALIGNMENTS`, or None if there is no run.json next to the file.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isfile(os.path.join(folder, RECORD)):
        return None
    found: str | None = read_record(folder).get("alignment")
    return found


def read_history(folder: str | os.PathLike[str]) -> dict[str, list[float]]:
    """A folder's history.csv: {column: values, one per epoch}, complete columns only; {} before the
    first epoch."""
    path = os.path.join(folder, HISTORY)
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [key for key in (rows[0] if rows else ()) if all(row[key] for row in rows)]
    return {key: [float(row[key]) for row in rows] for key in names}


def read_json(path: str) -> dict[str, Any]:
    """Reads a JSON object from a file."""
    with open(path, encoding="utf-8") as file:
        values: dict[str, Any] = json.load(file)
    return values
