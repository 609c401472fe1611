from __future__ import annotations

import keras
import numpy as np
import pytest

from maskedface.losses import Coral, CosineMargin, PairAlignment, WithEmbeddings
from tests.losses.gradients import value_and_gradient


def test_coral_is_the_value_derived_by_hand() -> None:
    # Unmasked (0, 0), (2, 0): covariance [[2, 0], [0, 0]]; masked (0, 0), (0, 4): [[0, 0], [0, 8]].
    # Squares of the difference: 4 + 64; over 4 d^2 = 16.
    y_true = np.array([[0, 0], [1, 0], [2, 1], [3, 1]])
    loss = Coral()(y_true, np.array([[0.0, 0], [2, 0], [0, 0], [0, 4]]))
    assert float(loss) == pytest.approx(68 / 16, rel=1e-6)


def test_coral_does_not_see_a_shift() -> None:
    faces = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    y_true = np.array([[0, 0]] * 6 + [[0, 1]] * 6)
    assert float(Coral()(y_true, np.concatenate([faces, faces + 5]))) < 1e-8


@pytest.mark.parametrize("domains", [[0, 0, 0], [1, 1, 0]])
def test_coral_asks_for_two_faces_of_each_domain(domains: list[int]) -> None:
    y_true = np.stack([np.zeros(3, int), domains], 1)
    value, slope = value_and_gradient(Coral(), y_true, np.eye(3))
    assert value == 0 and np.isfinite(slope).all()


def test_alignment_is_the_value_derived_by_hand() -> None:
    # Person 0: masked (2, 0), unmasked (0, 3) and (3, 0): their mean direction is (1, 1) / sqrt 2,
    # cos = .7071. Person 1 has no unmasked face, person 2 no masked one: neither counts.
    y_true = np.array([[0, 1], [0, 0], [0, 0], [1, 1], [2, 0]])
    faces = np.array([[2.0, 0], [0, 3], [3, 0], [1, 1], [1, 2]])
    loss = PairAlignment()(y_true, faces)
    assert float(loss) == pytest.approx(2 - 2 / np.sqrt(2), rel=1e-5)


def test_alignment_moves_masked_embeddings_alone() -> None:
    y_true = np.array([[0, 1], [0, 0]])
    _, slope = value_and_gradient(PairAlignment(), y_true, np.array([[1.0, 0], [0, 1]]))
    assert (slope[0] != 0).any() and (slope[1] == 0).all()


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_alignment_has_finite_gradients_at_zero_and_where_nothing_pairs(scale: float) -> None:
    faces = scale * np.ones((3, 4))
    for y_true in ([[0, 1], [0, 0], [1, 1]], [[0, 1], [1, 0], [2, 0]]):
        value, slope = value_and_gradient(PairAlignment(), y_true, faces)
        assert np.isfinite(value) and np.isfinite(slope).all()


def test_the_two_parts_read_their_columns_and_are_added() -> None:
    y_true = np.array([[0, 1], [0, 0]])
    logits, faces = np.array([[1.0, 0], [2, 0]]), np.array([[1.0, 0, 0], [0, 1, 0]])
    identity = CosineMargin(0.0, 1.0)
    joined = WithEmbeddings(identity, PairAlignment(), features=3, weight=0.5)
    expected = float(identity(y_true, logits)) + 0.5 * float(PairAlignment()(y_true, faces))
    found = float(joined(y_true, np.concatenate([logits, faces], 1)))
    assert found == pytest.approx(expected, rel=1e-6)


def test_it_comes_back_from_its_config() -> None:
    loss = WithEmbeddings(CosineMargin(0.1, 2.0), Coral(), features=3, weight=0.5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()


@pytest.mark.parametrize("change", [{"features": 0}, {"weight": -1.0}])
def test_a_number_out_of_range_is_refused(change: dict[str, float]) -> None:
    words = {"features": 3, "weight": 1.0, **change}
    with pytest.raises(ValueError, match="features must be at least 1 and weight at least 0"):
        WithEmbeddings(CosineMargin(), Coral(), **words)  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", [Coral(), PairAlignment()])
def test_labels_without_a_domain_are_refused(loss: keras.losses.Loss) -> None:
    with pytest.raises(ValueError, match="label, domain"):
        loss.call(np.array([0, 1]), np.eye(2, dtype="float32"))
