"""Exported files, evaluated on the test faces of the run that they were exported from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maskedface.atomic_file import write_json
from maskedface.datasets import read_aligned_faces
from maskedface.exporting import Exported, load
from maskedface.reporting.run_groups import compared
from maskedface.training import Run
from maskedface.training.rescoring import rescored
from maskedface.training.run import read_json

_BATCH = 32  # faces at a time


def check_files(run: Run, done: Sequence[Exported], *, progress: bool = False) -> dict[str, Run]:
    """Evaluates files on a run's test faces and adds the results to each `.json` as "check".

    Files are compared with the predictions stored in the run, and must have the same output:
    embeddings for an open-set run, else class scores, as `maskedface export` writes by default.

    Args:
        run: a finished run; its test faces must still exist.
        done: files exported from it.
        progress: whether to show a progress bar while the faces are read.

    Returns:
        {path of a file: the run with the file's results}.
    """
    size, alignment = run.record["image_size"], run.record["alignment"]
    test = run.split()["test"]
    chips = read_aligned_faces(test, size=size, alignment=alignment, progress=progress)
    found = {}
    for one in done:
        found[one.path] = rescored(run, _outputs(one.path, chips))
        report = {kind: compared([found[one.path]], [run], kind) for kind in run.metrics}
        facts = f"{one.path}.json"
        write_json(facts, read_json(facts) | {"check": report})
    return found


def lost_accuracy(run: Run, found: Run) -> float:
    """The rank-1 accuracy that a file has lost.

    Args:
        run: the run.
        found: the run with the file's results, from `check_files`.

    Returns:
        float in [-1, 1], the largest loss over the kinds of test faces of the domain that the
        recipe is tested on.
    """
    kinds = [kind for kind in run.metrics if kind.split("_")[0] == run.recipe.test_on]
    return max((-compared([found], [run], kind)["difference"] for kind in kinds), default=-1.0)


def _outputs(path: str, chips: np.ndarray) -> np.ndarray:
    predict, starts = load(path), range(0, len(chips), _BATCH)
    return np.concatenate([predict(chips[start : start + _BATCH]) for start in starts])
