"""The life cycle of a run folder: created, resumed, finished, cleaned up."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import shutil
from typing import Any

import keras
import numpy as np

from maskedface.atomic_file import atomic_write, write_json, write_text
from maskedface.conversion import file_checks
from maskedface.datasets import FaceIndex
from maskedface.recipes import Recipe
from maskedface.training.checkpoint import STATE
from maskedface.training.run import (
    FEATURES,
    MANIFEST,
    METRICS,
    MODEL,
    PREDICTIONS,
    RECIPE,
    RECORD,
    read_json,
    read_record,
    write_split,
)

# The entries of run.json in which a resumed run must agree.
_SAME = ("seed", "backbone", "weights", "alignment", "init", "data")


def open_folder(
    folder: str, recipe: Recipe, train: FaceIndex, test: FaceIndex, record: dict[str, Any]
) -> bool:
    """Creates the run folder, or checks that an existing one belongs to the same run.

    Args:
        folder: the path.
        recipe: the experiment.
        train, test: the training and test rows.
        record: the contents of run.json.

    Returns:
        Whether the run is finished.

    Raises:
        ValueError: if the folder contains another run; the message lists the differences.
    """
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, RECORD)
    if not os.path.exists(path):
        write_split(os.path.join(folder, MANIFEST), train, test)
        write_text(os.path.join(folder, RECIPE), recipe.to_json())
        write_json(path, record)
        return False
    old = read_record(folder)
    differing = [key for key in _SAME if old[key] != record[key]]
    if Recipe.read(os.path.join(folder, RECIPE)) != recipe:
        differing.append("recipe")
    write_split(os.path.join(folder, "manifest.now"), train, test)
    same = _same_rows(os.path.join(folder, "manifest.now"), os.path.join(folder, MANIFEST))
    os.remove(os.path.join(folder, "manifest.now"))
    if not same:
        differing.append("manifest")
    if differing:
        raise ValueError(
            "run_dir must be new, or contain the same run. "
            f"Received: run_dir={folder!r} with another {', '.join(differing)}"
        )
    finished = os.path.exists(os.path.join(folder, METRICS))
    if finished:
        tidy(folder)
    return finished


def _same_rows(now: str, kept: str) -> bool:
    """Whether two manifests have the same rows; the stored one may be of an older version, with
    "template"."""
    with open(now, "rb") as ours, open(kept, "rb") as theirs:
        first, old = ours.readline(), theirs.readline()
        if old not in (first, first.replace(b",alignment", b",template", 1)):
            return False
        return all(a == b for a, b in itertools.zip_longest(ours, theirs))


def tidy(folder: str) -> None:
    """Removes the files that only an unfinished run needs. If this is interrupted, the next call
    for the same run completes it.

    Args:
        folder: the path.
    """
    shutil.rmtree(os.path.join(folder, FEATURES), ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(folder, STATE))


def finish(
    folder: str,
    model: keras.Model,
    metrics: dict[str, Any],
    predictions: dict[str, np.ndarray],
    facts: dict[str, Any],
) -> None:
    """Writes model, predictions and finally metrics into a run folder, and the digests of all files
    used in evaluation into its run.json.

    Args:
        folder: the path.
        model: images -> logits.
        metrics: the result of `report_domains` or `rank_one_report`.
        predictions: arrays by name.
        facts: additional entries of run.json.

    Raises:
        OSError: if the disk is full; no file is left incomplete.
    """
    with atomic_write(os.path.join(folder, MODEL)) as partial:
        model.save(partial)
    with atomic_write(os.path.join(folder, PREDICTIONS)) as partial:
        np.savez(partial, **predictions)  # type: ignore[arg-type]  # NumPy's stub takes any for a flag
    text = json.dumps(metrics, indent=2, allow_nan=False) + "\n"
    files = {
        name: file_checks.sha256(os.path.join(folder, name))
        for name in (MANIFEST, RECIPE, MODEL, PREDICTIONS)
    }
    files[METRICS] = hashlib.sha256(text.encode()).hexdigest()
    record = os.path.join(folder, RECORD)
    write_json(record, read_json(record) | facts | {"files": files})
    write_text(os.path.join(folder, METRICS), text)
    tidy(folder)
