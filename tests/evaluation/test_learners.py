from __future__ import annotations

import numpy as np
import pytest

from maskedface.evaluation.learners import LEARNERS, Learner, learner_scores

RNG = np.random.default_rng(0)


def people(count: int, faces: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Faces round a random direction a person, of random lengths."""
    middles = np.random.default_rng(1).normal(size=(count, 16))
    labels = np.repeat(np.arange(count), faces)
    found = middles[labels] + spread * RNG.normal(size=(len(labels), 16))
    return found * RNG.uniform(0.5, 2, (len(labels), 1)), labels


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("count", [2, 6])
def test_it_names_people_who_stand_apart(learner: Learner, count: int) -> None:
    (known, labels), (asked, right) = people(count, 6, 0.3), people(count, 4, 0.3)
    scores = learner_scores(learner, known, labels, asked)
    assert scores.shape == (len(asked), count)
    assert (scores.argmax(1) == right).mean() > 0.95


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_length_of_an_embedding_does_not_matter(learner: Learner) -> None:
    (known, labels), (asked, _) = people(4, 5, 1.0), people(4, 3, 1.0)
    first = learner_scores(learner, known, labels, asked)
    np.testing.assert_allclose(
        learner_scores(learner, 3 * known, labels, asked / 7), first, atol=1e-4
    )


def test_class_means_are_cosines_to_each_persons_mean() -> None:
    known = np.array([[1.0, 0], [0, 2], [0, 1]])
    scores = learner_scores("class_means", known, np.array([0, 0, 1]), np.array([[0.0, 5]]))
    np.testing.assert_allclose(scores, [[np.sqrt(0.5), 1]], atol=1e-6)


def test_neighbors_vote_by_their_cosine() -> None:
    # One neighbor at cosine 1 and one at .6 for each of two people: the nearer one's person wins.
    known = np.array([[1.0, 0], [0.6, 0.8]])
    scores = learner_scores("knn", known, np.array([0, 1]), np.array([[1.0, 0]]))
    np.testing.assert_allclose(np.exp(scores), [[1 / 1.6, 0.6 / 1.6]], atol=1e-6)


def test_an_unknown_learner_is_refused() -> None:
    with pytest.raises(ValueError, match=r"learner must be one of .* Received: learner='forest'"):
        learner_scores("forest", np.eye(2), np.arange(2), np.eye(2))  # type: ignore[arg-type]


@pytest.mark.parametrize("labels", [[0, 2], [0, 1, 1]])
def test_labels_that_do_not_fit_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="labels must have one value per embedding"):
        learner_scores("svm", np.eye(2), np.array(labels), np.eye(2))
