"""Runs with another learner on their embedding, or with their embeddings joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from maskedface.datasets import FaceIndex
    from maskedface.evaluation.learners import Learner
    from maskedface.recipes import Recipe
    from maskedface.training import Run


@dataclass(frozen=True)
class Relearned:
    """What the table of results asks of a run.

    Attributes:
        run: the run, or the first of those joined.
        metrics, predictions: as a run's own.
    """

    run: Run
    metrics: dict[str, Any]
    predictions: dict[str, np.ndarray]

    @property
    def recipe(self) -> Recipe:
        """The run's."""
        return self.run.recipe

    @property
    def record(self) -> dict[str, Any]:
        """The run's."""
        return self.run.record

    def split(self) -> dict[str, FaceIndex]:
        """The run's."""
        return self.run.split()


def relearn(runs: Sequence[Run], learner: Learner) -> Relearned:
    """Joins the embeddings of runs and fits a learner to those of the training faces.

    Args:
        runs: one, or several of the same rows; each embedding counts alike. Of an open set the cohorts
            are joined where every run has one; a learner has none.
        learner: as for `evaluation.learners.learner_scores`; not used where the test people are others than
            those trained on: there the embedding alone is scored.

    Returns:
        Metrics and predictions of the test rows, as a run has them.

    Raises:
        ValueError: if the runs are not of the same rows, or as `Cohort.joined`.
    """
    from maskedface.evaluation import EmbeddedFaces, rank_one_report
    from maskedface.evaluation.learners import learner_scores
    from maskedface.training.domain_reports import report_domains

    split = runs[0].split()
    if any(other.split() != split for other in runs[1:]):
        raise ValueError(
            "runs must be of the same training and test rows to be joined. "
            f"Received: others, {[run.path for run in runs]}"
        )
    train, test = split["train"], split["test"]
    of_each = [_embeddings(run, test) for run in runs]
    if "embeddings" in runs[0].predictions:
        parts = [
            EmbeddedFaces.of(test.faces, found, run.predictions.get("templates"), run.cohort)
            for found, run in zip(of_each, runs, strict=True)
        ]
        faces = EmbeddedFaces.joined(parts)
        return Relearned(runs[0], rank_one_report(faces), faces.arrays())
    joined = np.hstack(of_each)
    labels = test.labels(train.people)
    trained = np.hstack([_embeddings(run, train) for run in runs])
    scores = learner_scores(learner, trained, train.labels(), joined)
    predictions = {"labels": labels, "logits": scores}
    return Relearned(runs[0], report_domains(test, labels, scores), predictions)


def _embeddings(run: Run, rows: FaceIndex) -> np.ndarray:
    from maskedface import models
    from maskedface.datasets import read_aligned_faces
    from maskedface.evaluation.scoring import normalized

    chips = read_aligned_faces(
        rows, size=run.record["image_size"], alignment=run.record["alignment"]
    )
    return normalized(models.predict(models.embedder(run.model), chips))
