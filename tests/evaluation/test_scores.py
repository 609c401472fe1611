from __future__ import annotations

import numpy as np
import pytest

from maskedface import evaluation
from maskedface.evaluation.scoring import normalized, person_means, threshold_at


def test_every_row_gets_length_1_and_a_row_of_zeros_stays() -> None:
    unit = normalized(np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0, 0]], rtol=1e-6)


def test_a_person_is_the_mean_of_unit_vectors_not_of_embeddings() -> None:
    names, means = person_means(np.array([[9.0, 0.0], [0.0, 1.0], [0.0, 2.0]]), ["bo", "bo", "ada"])
    assert names == ("ada", "bo")
    np.testing.assert_allclose(means, [[0, 1], [0.5**0.5, 0.5**0.5]], rtol=1e-6)


def test_a_score_is_the_cosine_of_its_pair() -> None:
    faces = np.array([[1.0, 0.0], [2.0, 2.0], [-1.0, 0.0]])
    scores = evaluation.cosine_scores(faces, np.array([0, 0]), np.array([1, 2]))
    np.testing.assert_allclose(scores, [0.5**0.5, -1], rtol=1e-6)


def test_many_pairs_are_compared_in_blocks_alike() -> None:
    rng = np.random.default_rng(0)
    faces, pairs = rng.normal(size=(50, 4)), rng.integers(50, size=(2, 100_000))
    unit = normalized(faces)
    expected = (unit[pairs[0]] * unit[pairs[1]]).sum(axis=1)
    np.testing.assert_allclose(evaluation.cosine_scores(faces, *pairs), expected, atol=1e-6)


def test_the_threshold_accepts_no_more_than_the_share_also_with_ties() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    assert (scores >= threshold_at(scores, 0.2)).sum() == 1
    assert (scores >= threshold_at(scores, 0.4)).sum() == 1  # three tie for two places
    assert (scores >= threshold_at(scores, 0.8)).sum() == 4
    assert threshold_at(scores, 1.0) == pytest.approx(0.1)


@pytest.mark.parametrize("rate", [0.0, 0.0009, 1.1])
def test_a_rate_that_the_scores_cannot_tell_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="between 1 / scores and 1"):
        threshold_at(np.arange(1000.0), rate)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        normalized(np.array([[np.nan, 1.0]]))
    with pytest.raises(ValueError, match="same length"):
        person_means(np.ones((2, 2)), ["ada"])
    with pytest.raises(ValueError, match=r"shape \(pairs,\)"):
        evaluation.cosine_scores(np.ones((2, 2)), np.array([0]), np.array([0, 1]))
