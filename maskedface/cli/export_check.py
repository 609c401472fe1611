"""How many of a run's test faces exported files name right, beside the run itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from maskedface import datasets, evaluation, exporting
from maskedface.atomic_file import write_json
from maskedface.cli.learners import Relearned
from maskedface.cli.results import print_results
from maskedface.reporting.run_groups import per_face
from maskedface.training.domain_reports import report_domains
from maskedface.training.run import read_json

if TYPE_CHECKING:
    from maskedface.exporting import Exported
    from maskedface.training import Run

_BATCH = 32


def check_files(run: Run, done: Sequence[Exported], most: float) -> bool:
    """Scores files on a run's test faces, prints them and adds the figures to each file's `.json`.

    The run's side are the predictions that it kept. A file must give what they are: an open run's
    embeddings, else its people's scores, as `maskedface export` writes them by default.

    Args:
        run: finished; its test faces must be there still.
        done: files made from it.
        most: what a file may lose at most, as a share of the faces of the domain that the recipe is
            tested on.

    Returns:
        Whether every file keeps to that.
    """
    test = run.split()["test"]
    size, alignment = run.record["image_size"], run.record["alignment"]
    chips = datasets.read_aligned_faces(test, size=size, alignment=alignment, progress=True)
    found: dict[str, Any] = {}  # `Relearned` stands for a run wherever one is asked for results
    kept_to = True
    for one in done:
        found[one.path] = [_scored(run, _outputs(one.path, chips))]
        report = {kind: _compared(found[one.path][0], run, kind) for kind in run.metrics}
        facts = read_json(f"{one.path}.json")
        write_json(f"{one.path}.json", facts | {"check": report})
        tested = [kind for kind in report if kind.split("_")[0] == run.recipe.test_on]
        kept_to &= all(-report[kind]["difference"] <= most for kind in tested)
    print_results(found, [run])
    return kept_to


def _outputs(path: str, chips: np.ndarray) -> np.ndarray:
    predict = exporting.load(path)
    starts = range(0, len(chips), _BATCH)
    return np.concatenate([predict(chips[start : start + _BATCH]) for start in starts])


def _scored(run: Run, outputs: np.ndarray) -> Relearned:
    test = run.split()["test"]
    if "embeddings" in run.predictions:
        # Who is enrolled stays the run's.
        kept = evaluation.EmbeddedFaces.among(run.predictions, test.faces)
        faces = dataclasses.replace(kept, embeddings=outputs)
        return Relearned(run, evaluation.rank_one_report(faces), faces.arrays())
    predictions = {"labels": run.predictions["labels"], "logits": outputs}
    return Relearned(run, report_domains(test, predictions["labels"], outputs), predictions)


def _compared(scored: Any, run: Run, kind: str) -> dict[str, float]:
    values, people = per_face([scored], kind)
    shift = evaluation.paired_difference(values, per_face([run], kind)[0], people)
    return {"faces": len(people), "accuracy": float(values.mean()), **shift}
