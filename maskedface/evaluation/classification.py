"""Metrics for closed-set classifiers: the paper's, with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn import metrics

from maskedface.evaluation.bootstrap import bootstrap_interval
from maskedface.reprs import Report


def classification_report(
    labels: np.ndarray, logits: np.ndarray, people: Sequence[str] | None = None
) -> dict[str, Any]:
    """Scores a closed-set classifier.

    The paper reports weighted averages (its recall equals its accuracy); macro averages weight
    every person equally.

    Args:
        labels: int array, shape (faces,), the true class.
        logits: float array, shape (faces, classes), before the softmax.
        people: the person in each face, for the interval; default: the labels.

    Returns:
        {"faces": int, "people": int, "accuracy": float in [0, 1], "accuracy_interval": [low, high]
        (95 %, bootstrap over people), "loss": mean cross-entropy in nats, "weighted" and "macro":
        {"precision", "recall", "f1"} in [0, 1] over the classes that have faces; a class that is
        never predicted has precision 0}.

    Raises:
        ValueError: if there are no faces, the shapes do not match, or a label is out of range.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> labels, logits = np.array([0, 1, 1]), np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
    >>> report = evaluation.classification_report(labels, logits)
    >>> round(report["accuracy"], 3), report["macro"]["recall"]
    (0.667, 0.75)
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(
            "labels must have shape (faces,) and logits (faces, classes), with at least one face. "
            f"Received: labels.shape={labels.shape}, logits.shape={logits.shape}"
        )
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(
            f"labels must be in [0, {logits.shape[1]}). "
            f"Received: from {labels.min()} to {labels.max()}"
        )
    predicted = logits.argmax(axis=1)
    present = np.unique(labels)
    people = [str(label) for label in labels] if people is None else people
    low, high = bootstrap_interval(predicted == labels, people)
    log_probability = log_softmax(np.asarray(logits, "float64"), axis=1)
    report: dict[str, Any] = {
        "faces": len(labels),
        "people": len(present),
        "accuracy": float((predicted == labels).mean()),
        "accuracy_interval": [low, high],
        "loss": float(-log_probability[np.arange(len(labels)), labels].mean()),
    }
    for average in ("weighted", "macro"):
        scores = metrics.precision_recall_fscore_support(
            labels, predicted, labels=present, average=average, zero_division=0
        )[:3]
        report[average] = dict(zip(("precision", "recall", "f1"), map(float, scores), strict=True))
    return Report(report)
