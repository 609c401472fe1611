"""Classifiers on embeddings, instead of the network's own head: class means and scikit-learn's."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from maskedface.evaluation.scoring import normalized, person_means
from maskedface.names import did_you_mean

Learner = Literal["class_means", "logistic", "svm", "knn"]
LEARNERS: tuple[Learner, ...] = get_args(Learner)

# Inverse regularization strength for embeddings of unit length: the best of 1, 10, 100 and 1,000 on
# held-out photos of MLFW's closed-set training part (tools/choose_learners.py), except that from
# 100 on (0.643 to 0.627) the support vector machine no longer converges. scikit-learn's default of
# 1 is for features of unit variance.
_C = {"logistic": 1000.0, "svm": 10.0}
_NEIGHBOURS = 5  # scikit-learn's default


def learner_scores(
    learner: Learner, embeddings: np.ndarray, labels: np.ndarray, probes: np.ndarray
) -> np.ndarray:
    """Fits a classifier to training embeddings and scores probes.

    Args:
        learner: "class_means", the cosine similarity to each person's mean; "logistic", multinomial
            logistic regression; "svm", a linear one-vs-rest support vector machine; "knn", the
            votes of the 5 nearest training faces, weighted by cosine similarity.
        embeddings: float array, shape (faces, features), of the training faces; scaled to length 1.
        labels: int array, shape (faces,), in [0, classes), with at least one face per class.
        probes: float array, shape (probes, features).

    Returns:
        float array, shape (probes, classes), highest for the predicted person: cosines, logits,
        distances to the separating hyperplane, or log shares of the votes (at least log(1e-6)).

    Raises:
        ValueError: if the learner is unknown, lengths differ or a class has no face.
    """
    if learner not in LEARNERS:
        raise ValueError(
            f"learner must be one of {LEARNERS}. "
            f"Received: learner={learner!r}{did_you_mean(learner, LEARNERS)}"
        )
    present = np.unique(labels)
    if len(embeddings) != len(labels) or (present != np.arange(len(present))).any():
        raise ValueError(
            "labels must have one value per embedding, and every class must have a face. "
            f"Received: {len(embeddings)} embeddings, {len(labels)} labels of {len(present)} classes"
        )
    unit, asked = normalized(embeddings), normalized(probes)
    if learner == "class_means":
        _, means = person_means(unit, [f"{label:09d}" for label in labels])
        return np.asarray(asked @ means.T)
    if learner == "knn":
        return _votes(unit, labels, asked)
    return _linear(learner, unit, labels, asked)


def _linear(
    learner: Learner, unit: np.ndarray, labels: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    kinds = {"logistic": LogisticRegression, "svm": LinearSVC}
    fitted = kinds[learner](C=_C[learner], max_iter=2000).fit(unit, labels)
    scores = np.asarray(fitted.decision_function(asked))
    # With two classes scikit-learn returns only the second one's score.
    return scores if scores.ndim == 2 else np.stack([-scores, scores], 1)


def _votes(unit: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    from sklearn.neighbors import KNeighborsClassifier

    nearest = KNeighborsClassifier(
        min(_NEIGHBOURS, len(unit)),
        metric="cosine",
        weights=lambda away: np.maximum(1 - away, 1e-6),
    )
    shares = nearest.fit(unit, labels).predict_proba(asked)
    return np.asarray(np.log(np.maximum(shares, 1e-6)))
