"""Runs whose test rows are scored with other outputs than those of their own network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from maskedface import models
from maskedface.datasets import FaceIndex, read_aligned_faces
from maskedface.evaluation import EmbeddedFaces, rank_one_report
from maskedface.evaluation.learners import Learner, learner_scores
from maskedface.evaluation.scoring import normalized
from maskedface.training.domain_reports import report_domains
from maskedface.training.run import Run


def rescored(run: Run, outputs: np.ndarray) -> Run:
    """A run evaluated with other outputs for its test rows; nothing is written.

    Args:
        run: a finished run.
        outputs: float array, shape (test rows, outputs): scores per person; for an open set
            embeddings of the probes, while enrolled people and cohort remain those of the run.

    Returns:
        A `Run` of the same folder whose `predictions` and `metrics` are based on these outputs.

    >>> from maskedface import training
    >>> from maskedface.training.rescoring import rescored
    >>> run = training.Run("runs/mine")  # doctest: +SKIP
    >>> rescored(run, run.predictions["logits"]).metrics == run.metrics  # doctest: +SKIP
    True
    """
    test = run.split()["test"]
    if "embeddings" not in run.predictions:
        return _with_scores(run, run.predictions["labels"], outputs, test)
    kept = EmbeddedFaces.among(run.predictions, test.faces)
    return _with_faces(run, dataclasses.replace(kept, embeddings=outputs))


def relearned(runs: Sequence[Run], learner: Learner) -> Run:
    """Concatenates the embeddings of runs and fits a classifier to those of the training faces.

    The classifier learns from the training photographs as they are: masks that a run's recipe draws
    on them (`enroll_masks`) are not used.

    Args:
        runs: one or more runs of the same rows; their embeddings have equal weight. For an open set
            the cohorts are joined if every run has one; a classifier uses none.
        learner: as for `evaluation.learners.learner_scores`; not used for an open set, where the
            embeddings themselves are evaluated.

    Returns:
        A `Run` of the first run's folder whose `predictions` and `metrics` are the classifier's.

    Raises:
        ValueError: if the runs are not of the same rows, or as `Cohort.joined`.

    >>> from maskedface import training
    >>> from maskedface.training.rescoring import relearned
    >>> relearned([training.Run("runs/mine")], "svm").metrics["masked"]["accuracy"]  # doctest: +SKIP
    0.71
    """
    split = runs[0].split()
    if any(other.split() != split for other in runs[1:]):
        raise ValueError(
            "runs to be joined must have the same training and test rows. "
            f"Received: different rows, {[run.path for run in runs]}"
        )
    train, test = split["train"], split["test"]
    of_each = [_embeddings(run, test) for run in runs]
    if "embeddings" in runs[0].predictions:
        parts = [
            dataclasses.replace(EmbeddedFaces.among(run.predictions, test.faces), embeddings=found)
            for run, found in zip(runs, of_each, strict=True)
        ]
        return _with_faces(runs[0], EmbeddedFaces.joined(parts))
    trained = np.hstack([_embeddings(run, train) for run in runs])
    scores = learner_scores(learner, trained, train.labels(), np.hstack(of_each))
    return _with_scores(runs[0], test.labels(train.people), scores, test)


def _embeddings(run: Run, rows: FaceIndex) -> np.ndarray:
    size, alignment = run.record["image_size"], run.record["alignment"]
    chips = read_aligned_faces(rows, size=size, alignment=alignment)
    return normalized(models.predict(models.embedder(run.model), chips))


def _with_faces(run: Run, faces: EmbeddedFaces) -> Run:
    return _holding(run, predictions=faces.arrays(), metrics=rank_one_report(faces))


def _with_scores(run: Run, labels: np.ndarray, scores: np.ndarray, test: FaceIndex) -> Run:
    predictions = {"labels": labels, "logits": scores}
    return _holding(run, predictions=predictions, metrics=report_domains(test, labels, scores))


def _holding(run: Run, **values: object) -> Run:
    """A `Run` with precomputed properties."""
    found = Run(run.path)
    vars(found).update(values)
    return found
