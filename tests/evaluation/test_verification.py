from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from maskedface import evaluation
from maskedface.evaluation.verification import _Ordered, fold_accuracies, roc, tar_difference

SCORES = np.array([0.9, 0.8, 0.7, 0.3, 0.6, 0.4, 0.2, 0.1])
SAME = np.array([True] * 4 + [False] * 4)


def drawn_pairs(count: int = 400) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    """Scores with a person's own shift, so that pairs of a person go together."""
    rng = np.random.default_rng(0)
    shift = rng.normal(size=20)
    first = rng.integers(20, size=count)
    same = rng.random(count) < 0.5
    second = np.where(same, first, (first + 1 + rng.integers(19, size=count)) % 20)
    scores = 1.5 * same + shift[first] + 0.5 * rng.normal(size=count)
    return scores, same, [f"p{n}" for n in first], [f"p{n}" for n in second]


def test_the_roc_counts_what_is_at_or_above_each_threshold() -> None:
    far, tar, thresholds = roc(SCORES, SAME)
    at = thresholds.tolist().index(np.float32(0.6))
    assert (far[at], tar[at]) == (0.25, 0.75)
    assert (far[0], tar[0], far[-1], tar[-1]) == (0, 0, 1, 1)


def test_the_equal_error_rate_is_where_both_errors_meet() -> None:
    rate, threshold = evaluation.equal_error_rate(SCORES, SAME)
    assert rate == pytest.approx(0.25)
    scores = np.float32(SCORES)
    assert (scores[~SAME] >= threshold).mean() == (scores[SAME] < threshold).mean() == 0.25
    assert evaluation.equal_error_rate(np.array([0.2, 0.9]), np.array([False, True]))[0] == 0
    assert evaluation.equal_error_rate(np.array([0.9, 0.2]), np.array([False, True]))[0] == 1


def test_tar_is_counted_at_the_impostors_own_threshold() -> None:
    assert evaluation.tar_at_far(SCORES, SAME, 0.25)[0] == 0.75
    assert evaluation.tar_at_far(SCORES, SAME, 0.5) == (1.0, pytest.approx(0.2, abs=1e-6))


def test_a_far_below_one_impostor_is_refused() -> None:
    with pytest.raises(ValueError, match="between 1 / scores and 1"):
        evaluation.tar_at_far(SCORES, SAME, 0.2)


def test_a_fold_never_chooses_its_own_threshold() -> None:
    # On either fold alone .5 or 1.5 would judge all right; the other's threshold judges half.
    scores = np.array([0.9, 0.1, 1.9, 1.1])
    accuracies, right = fold_accuracies(scores, np.array([True, False] * 2), np.array([0, 0, 1, 1]))
    assert accuracies.tolist() == [0.5, 0.5] and right.tolist() == [False, True, True, False]


def test_pairs_that_can_be_told_apart_are_all_judged_right() -> None:
    same = np.arange(100) % 2 == 0
    accuracies, _ = fold_accuracies(same + 0.0, same, np.arange(100) // 10)
    assert accuracies.tolist() == [1.0] * 10


def test_the_bootstrap_weighs_pairs_as_scikit_learn_does() -> None:
    scores, same, _, _ = drawn_pairs()
    weights = np.random.default_rng(1).integers(0, 4, len(scores)).astype("float32")
    ordered = _Ordered(np.float32(scores), same)
    eer, tar = ordered.figures(weights[ordered.order], [0.1])
    far, rates, _ = roc_curve(same, np.float32(scores), sample_weight=weights)
    assert tar == pytest.approx(rates[far <= 0.1].max())
    assert eer == pytest.approx(far[np.argmin(np.abs(far - 1 + rates))], abs=0.02)


def test_the_report_agrees_with_its_parts_and_the_interval_holds_the_value() -> None:
    scores, same, first, second = drawn_pairs()
    report = evaluation.verification_report(
        scores, same, (first, second), fars=(0.1, 1e-4), folds=np.arange(400) // 40, draws=200
    )
    assert report["eer"]["value"] == evaluation.equal_error_rate(scores, same)[0]
    assert report["tar_at_far"][0.1]["value"] == evaluation.tar_at_far(scores, same, 0.1)[0]
    assert report["refused"] == [1e-4]
    for figure in (report["eer"], report["tar_at_far"][0.1], report["accuracy"]):
        assert figure["low"] < figure["value"] < figure["high"]
    folds = fold_accuracies(scores, same, np.arange(400) // 40)[0]
    assert report["accuracy"]["standard_error"] == pytest.approx(folds.std(ddof=1) / 10**0.5)
    assert (report["genuine"], report["impostors"]) == (same.sum(), (~same).sum())


def test_people_make_the_interval_wider_than_pairs_would() -> None:
    scores, same, first, second = drawn_pairs()
    apart = [f"{n}" for n in range(400)], [f"{n}" for n in range(400)]
    by_person = evaluation.verification_report(scores, same, (first, second), draws=200)["eer"]
    by_pair = evaluation.verification_report(scores, same, apart, draws=200)["eer"]
    assert by_person["high"] - by_person["low"] > 1.5 * (by_pair["high"] - by_pair["low"])


@pytest.mark.parametrize(
    ("scores", "same"), [(SCORES, SAME[:2]), (SCORES, SAME | True), (SCORES[:0], SAME[:0])]
)
def test_pairs_of_one_kind_are_refused(scores: np.ndarray, same: np.ndarray) -> None:
    with pytest.raises(ValueError, match="genuine and impostor pairs"):
        roc(scores, same)


def test_a_single_fold_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two different values"):
        fold_accuracies(SCORES, SAME, np.zeros(8))


def test_the_difference_of_a_recognizer_to_itself_is_none() -> None:
    scores, same, *people = drawn_pairs()
    found = tar_difference(scores, scores, same, (people[0], people[1]), far=0.1, draws=50)
    assert found == {"difference": 0, "low": 0, "high": 0}


def test_a_better_recognizer_differs_by_more_than_chance() -> None:
    scores, same, *people = drawn_pairs()
    both, better = (people[0], people[1]), scores + 3 * same
    found = tar_difference(better, scores, same, both, far=0.1, draws=100)
    tars = [evaluation.tar_at_far(one, same, 0.1)[0] for one in (better, scores)]
    assert found["difference"] == pytest.approx(tars[0] - tars[1])
    assert 0 < found["low"] <= found["difference"] <= found["high"]
    turned = tar_difference(scores, better, same, both, far=0.1, draws=100)
    assert turned["low"] == pytest.approx(-found["high"])


def test_differences_of_other_pairs_are_refused() -> None:
    scores, same, *people = drawn_pairs()
    with pytest.raises(ValueError, match="must have shape"):
        tar_difference(scores, scores[1:], same, (people[0], people[1]), far=0.1)
    with pytest.raises(ValueError):
        tar_difference(scores, scores, same, (people[0], people[1]), far=1e-6)
