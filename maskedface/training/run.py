"""A run folder: everything a training run leaves behind, as JSON, CSV, npz and .keras files."""

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
from maskedface.evaluation.scoring import COHORT_ARRAYS
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
    """A finished run, read from its folder as it is asked for.

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
        path: the run folder. Its files: recipe.json; manifest.csv (the rows, and which part each
            was in, column "split"); run.json (seed, versions, backbone, weights, threads, start, the
            SHA-256 of the other files in "files");
            history.csv (a row an epoch); model.keras (images -> logits); predictions.npz ("labels"
            and "logits" of the test rows in the manifest's order, or of an open set "embeddings"; and
            the cohort's people); metrics.json, written last.

    Raises:
        FileNotFoundError: if the folder holds no finished run.
        ValueError: when a file is read that was changed since, or is another run's: by its digest in
            run.json, and of any run where the counts or labels of the files do not fit each other.
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
        """The experiment that was run."""
        return Recipe.read(self._kept(RECIPE))

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """run.json: seed, versions, backbone, weights, image size, alignment, classes, threads."""
        return read_record(self.path)

    @functools.cached_property
    def metrics(self) -> dict[str, Any]:
        """{domain: `evaluation.classification_report`} of each domain in the test rows; of an open
        set `evaluation.rank_one_report`."""
        return Report(read_json(self._kept(METRICS)))

    @functools.cached_property
    def predictions(self) -> dict[str, np.ndarray]:
        """{"labels": int32, shape (faces,); "logits": float32, shape (faces, classes)}; of an open set
        {"embeddings": float32, shape (faces, features)}, and "templates" likewise where masks are drawn
        on those enrolled. With a cohort also `Cohort.arrays`."""
        arrays = self._arrays()
        check_rows(self.path, arrays, self.record, self.split())
        return arrays

    @property
    def cohort(self) -> Cohort | None:
        """The people whom those enrolled are compared with, or None where the recipe wants none."""
        return Cohort.among(self._arrays(only=COHORT_ARRAYS))

    @functools.cached_property
    def model(self) -> keras.Model:
        """The trained classifier: RGB images, 0-255 -> logits. Modules of the recipe's own classes are
        imported where they can be."""
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
        """{"train": rows trained on, "test": rows tested on}; the files may have gone since."""
        root = self.record["data"]
        return read_split(self._kept(MANIFEST), _COLUMN, root=root, check_files=False)

    def _arrays(self, only: Collection[str] | None = None) -> dict[str, np.ndarray]:
        path = self._kept(PREDICTIONS)
        try:
            return read_arrays(path, only=only)
        except DamagedError as error:
            raise ValueError(
                f"a run's predictions must be whole. Received: {path!r} ({error})"
            ) from error

    def _kept(self, name: str) -> str:
        """The path of one of the files, which is as the run left it; runs of before say nothing of that."""
        path = os.path.join(self.path, name)
        known = self.record.get("files", {}).get(name)
        if known not in (None, file_checks.sha256(path)):
            raise ValueError(
                f"a run's files must be as it left them. Received: {path!r}, which was changed or is "
                "another run's"
            )
        return path


def find_runs(path: str | os.PathLike[str]) -> list[Run]:
    """The finished runs in a folder: itself, or one a seed (seed-0/, seed-1/, ...); of several recipes
    that start from each other the last one's.

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
        One `Run` a seed, at least one.

    Raises:
        FileNotFoundError: if there is none, or a seed's run is not finished.
    """
    path = os.fspath(path)
    seeds = sorted(glob.glob(os.path.join(glob.escape(path), "seed-*"))) or [path]
    return [last_run(folder) for folder in seeds]


def find_run(path: str | os.PathLike[str]) -> Run:
    """The finished run that a folder stands for where one is wanted: itself, that of the first of several
    seeds, of several recipes that start from each other the last one's.

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
    """The finished run in a folder: itself, or that of a recipe that came after the others in it.

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
        but: a run folder in it that does not count, or None.

    Returns:
        A `Run`.

    Raises:
        FileNotFoundError: if there is none, it is not finished, or several are the last.
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
            "path must be a run's folder, or hold runs of which one came last: name one of them. "
            f"Received: path={folder!r} with {sorted(names.values())}"
        )
    return Run(last[0])


def write_split(path: str, train: FaceIndex, test: FaceIndex) -> None:
    """Writes a run's manifest.csv, with the rows' part in the column "split"."""
    index = train + test
    parts = {"train": train.relative_to(index.root), "test": test.relative_to(index.root)}
    write_manifest(path, index, {_COLUMN: parts})


def read_record(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a folder's run.json; "alignment" is there also where it was written as "template"."""
    record = read_json(os.path.join(folder, RECORD))
    if "alignment" not in record and "template" in record:
        record["alignment"] = record.pop("template")
    return record


def alignment_beside(path: str | os.PathLike[str]) -> str | None:
    """The alignment of a model that lies in a run folder, as its run.json says.

    Args:
        path: a model's file.

    Returns:
        A key of `geometry.ALIGNMENTS`, or None where no run.json lies beside it.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isfile(os.path.join(folder, RECORD)):
        return None
    found: str | None = read_record(folder).get("alignment")
    return found


def read_history(folder: str | os.PathLike[str]) -> dict[str, list[float]]:
    """A folder's history.csv: {column: a value an epoch}, of whole columns; {} before any epoch."""
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
