"""Mean directions of people's embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from maskedface.training.means import class_means, refuse_infinite


def test_a_class_means_head_holds_unit_means() -> None:
    embeddings = np.array([[2.0, 0], [0, 1], [0, 5]])
    centers = class_means(embeddings, np.array([0, 0, 1]))
    np.testing.assert_allclose(centers.T, [[np.sqrt(0.5), np.sqrt(0.5)], [0, 1]], atol=1e-6)


def test_photographs_count_alike_however_many_faces_were_made_of_them() -> None:
    embeddings = np.array([[2.0, 0], [3, 0], [0, 1], [1, 0], [0, 5], [0, 5]])
    photos = ["one", "one", "two", "", "", "one"]  # a name is a person's own; no name, no group
    centers = class_means(embeddings, np.array([0, 0, 0, 1, 1, 1]), photos)
    expected = np.array([[1, 1], [1, 2]]) / np.sqrt([[2], [5]])
    np.testing.assert_allclose(centers.T, expected, atol=1e-6)


def test_a_person_without_a_mean_direction_is_refused() -> None:
    embeddings = np.array([[1, 0], [0, 0], [0, 0]], "float32")
    with pytest.raises(ValueError, match="must have a mean direction. Received: 1 of 2 people"):
        class_means(embeddings, np.array([0, 1, 1]))


def test_rows_that_are_no_numbers_are_counted() -> None:
    values = np.array([[1, 2], [np.nan, 0], [np.inf, 0]])
    with pytest.raises(ValueError, match="logits must be finite; .* Received: 2 of 3 rows"):
        refuse_infinite(values, "logits")
    assert refuse_infinite(values[:1], "logits") is not None
