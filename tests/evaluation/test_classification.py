from __future__ import annotations

import numpy as np
import pytest

from maskedface import evaluation

LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 1, 0])
LOGITS = 5.0 * np.eye(4)[PREDICTED]


def test_scores_are_those_counted_by_hand() -> None:
    report = evaluation.classification_report(LABELS, LOGITS)
    # Precision 2/3, 2/3, 0; recall 2/3, 1, 0; F1 2/3, 4/5, 0 for people 0, 1, 2.
    assert report["accuracy"] == pytest.approx(4 / 6)
    assert report["weighted"]["precision"] == pytest.approx((3 * 2 / 3 + 2 * 2 / 3) / 6)
    assert report["weighted"]["recall"] == pytest.approx(4 / 6)
    assert report["weighted"]["f1"] == pytest.approx((3 * 2 / 3 + 2 * 4 / 5) / 6)
    assert report["macro"]["f1"] == pytest.approx((2 / 3 + 4 / 5) / 3)
    assert (report["faces"], report["people"]) == (6, 3)


def test_the_loss_is_the_mean_cross_entropy() -> None:
    report = evaluation.classification_report(LABELS, LOGITS)
    rest = np.log(np.exp(5) + 3)
    assert report["loss"] == pytest.approx((4 * (rest - 5) + 2 * rest) / 6)


@pytest.mark.parametrize(
    ("labels", "logits", "message"),
    [
        (np.array([], int), np.zeros((0, 3)), "at least one face"),
        (np.array([0, 1]), np.zeros((3, 3)), "must have shape"),
        (np.array([3]), np.zeros((1, 3)), r"in \[0, 3\)"),
        (np.array([-1]), np.zeros((1, 3)), r"in \[0, 3\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    labels: np.ndarray, logits: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        evaluation.classification_report(labels, logits)
