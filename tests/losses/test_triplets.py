from __future__ import annotations

import keras
import numpy as np
import pytest

from maskedface.losses import SelfRestrainedTriplet
from tests.losses.gradients import value_and_gradient

A, B = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def at(degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return np.array([np.cos(angle), np.sin(angle)])


def test_while_masked_faces_are_nearer_to_others_it_is_the_triplet_loss() -> None:
    # Person 0 unmasked at 0 degrees, masked at 60; person 1 unmasked at 90. Squared distance is
    # 2 - 2 cos: d1 = 1, d2 = 2 - sqrt 3, d3 = 2. mean d2 < mean d3: 1 - (2 - sqrt 3) + 1 = sqrt 3.
    faces = np.stack([at(0), at(60), at(90)])
    loss = SelfRestrainedTriplet(1.0)(np.array([[0, 0], [0, 1], [1, 0]]), faces)
    assert float(loss) == pytest.approx(np.sqrt(3), rel=1e-5)


def test_once_they_are_as_far_only_their_own_person_pulls() -> None:
    # Masked at -60 now: d1 = 1, d2 = 2 - 2 cos 150 > d3 = 2: 1 - 2 + 1.5 = .5, and the gradient has
    # nothing of d2: the masked face moves towards its person alone.
    faces = np.stack([at(0), at(-60), at(90)])
    y_true = [[0, 0], [0, 1], [1, 0]]
    value, slope = value_and_gradient(SelfRestrainedTriplet(1.5), y_true, faces)
    assert value == pytest.approx(0.5, rel=1e-5)
    # d1 = 2 - 2 cos: its slope in the angle is 2 sin 60, along the tangent away from 0 degrees.
    assert np.allclose(slope[1], np.sqrt(3) * at(-150), atol=1e-5)


def test_the_hardest_of_the_batch_are_taken() -> None:
    # Anchor masked at 0; positives at 10 and 40 (the farther counts), negatives at 80 and 120 (the
    # nearer counts): d1 - d2 + 1 = 2 cos 80 - 2 cos 40 + 1, while mean d2 = 2 - 2 cos 80 is no
    # less than mean d3 = 2 - 2 cos 40: so d1 - d3 + 1 = 1.
    faces = np.stack([at(0), at(10), at(40), at(80), at(120)])
    y_true = np.array([[0, 1], [0, 0], [0, 0], [1, 0], [1, 0]])
    assert float(SelfRestrainedTriplet(1.0)(y_true, faces)) == pytest.approx(1, rel=1e-5)
    # With the negatives at -20 and -50, d2 = 2 - 2 cos 20 is less than d3 = 2 - 2 cos 60.
    faces[3:] = at(-20), at(-50)
    expected = 2 * np.cos(np.deg2rad(20)) - 2 * np.cos(np.deg2rad(40)) + 1
    found = float(SelfRestrainedTriplet(1.0)(y_true, faces))
    assert found == pytest.approx(expected, rel=1e-5)


def test_triplets_given_while_masked_faces_are_nearer_to_others() -> None:
    # Anchors at 60 and 30, positives at 0, negatives at 90 and -90: d1 = 1 and 2 - sqrt 3; d2 = 2 - sqrt 3
    # and 2 - 2 cos 120 = 3, of mean 2.5 - sqrt 3 / 2 = 1.634; d3 = 2 and 2. The mean of d2 is less, so
    # 1 - (2 - sqrt 3) + 2 = 1 + sqrt 3, and max(0, 2 - sqrt 3 - 3 + 2) = 0: half their sum.
    y_true = np.stack([[at(0), at(90)], [at(0), at(-90)]])
    value, slope = value_and_gradient(SelfRestrainedTriplet(2.0), y_true, [at(60), at(30)])
    assert value == pytest.approx((1 + np.sqrt(3)) / 2, rel=1e-5)
    # Half of d(d1 - d2): the first anchor moves from 90 degrees to 0; the second's hinge is at rest.
    pull = np.sin(np.deg2rad(60)) + np.sin(np.deg2rad(30))
    assert np.allclose(slope[0], pull * at(150), atol=1e-5) and not slope[1].any()


def test_triplets_given_once_they_are_as_far() -> None:
    # Anchors at -60 and -30 of positives at 0, negatives at 90: d2 = 2 + sqrt 3 and 3, d3 = 2. So both are
    # d1 - 2 + 2: 1 and 2 - sqrt 3. The negatives pull at nobody.
    y_true = np.stack([[at(0), at(90)]] * 2)
    value, slope = value_and_gradient(SelfRestrainedTriplet(2.0), y_true, [at(-60), at(-30)])
    assert value == pytest.approx((3 - np.sqrt(3)) / 2, rel=1e-5)
    assert np.allclose(slope[0], np.sin(np.deg2rad(60)) * at(-150), atol=1e-5)


def test_triplets_given_are_those_found_where_there_is_one() -> None:
    faces = np.stack([at(0), at(60), at(90)])
    found = SelfRestrainedTriplet(1.0)(np.array([[0, 0], [0, 1], [1, 0]]), faces)
    given = SelfRestrainedTriplet(1.0)(faces[[[0, 2]]], faces[1:2])
    assert float(given) == pytest.approx(float(found), rel=1e-6)


def test_length_does_not_count() -> None:
    rng = np.random.default_rng(0)
    y_true = np.stack([np.arange(8) // 2, np.arange(8) % 2], 1)
    faces = rng.normal(size=(8, 5))
    loss = SelfRestrainedTriplet()
    longer = faces * rng.uniform(0.5, 20, (8, 1))
    assert float(loss(y_true, faces)) == pytest.approx(float(loss(y_true, longer)), rel=1e-4)


def test_rows_that_can_be_no_anchor_do_not_dilute_the_mean() -> None:
    faces = np.stack([at(0), at(60), at(90)])
    y_true = np.array([[0, 0], [0, 1], [1, 0]])
    more = np.concatenate([faces, [at(200), at(220)]])  # a masked face without a positive, and one
    labels = np.concatenate([y_true, [[7, 1], [8, 1]]])
    loss = SelfRestrainedTriplet(1.0)
    assert float(loss(labels, more)) == pytest.approx(float(loss(y_true, faces)), rel=1e-5)


def test_with_labels_alone_every_face_is_an_anchor() -> None:
    # Two people of two faces each at 0, 30 and 90, 120. d1 = 2 - 2 cos 30 throughout; negatives:
    # 90, 60, 60, 90 degrees away; positive to that negative: 60, 90, 90, 60. The means of d2 and d3
    # are equal, (2 + 1) / 2 = 1.5, so the restrained form holds: d1 - 1.5 + 2.
    faces = np.stack([at(0), at(30), at(90), at(120)])
    loss = SelfRestrainedTriplet(2.0)(np.array([0, 0, 1, 1]), faces)
    assert float(loss) == pytest.approx(2 - np.sqrt(3) + 0.5, abs=1e-5)


@pytest.mark.parametrize(
    ("labels", "faces"),
    [
        ([[0, 1], [0, 0], [1, 0]], np.zeros((3, 4))),
        ([[0, 1], [0, 0], [1, 0]], np.ones((3, 4))),
        ([[0, 1], [0, 0], [1, 0]], np.stack([A, -A, -A])),
        ([[0, 1], [0, 0]], np.stack([A, B])),
        ([[0, 1]], A[None]),
        ([0, 0, 1, 1], np.zeros((4, 3))),
        ([0, 0], np.stack([A, A])),
    ],
    ids=["zeros", "equal", "opposite", "one person", "one face", "zeros, labels", "one, labels"],
)
def test_values_and_gradients_are_finite_at_the_corners(labels: object, faces: np.ndarray) -> None:
    value, slope = value_and_gradient(SelfRestrainedTriplet(), labels, faces)
    assert np.isfinite(value) and np.isfinite(slope).all()


def test_without_a_triplet_it_is_zero() -> None:
    value, slope = value_and_gradient(SelfRestrainedTriplet(), [[0, 1], [0, 0]], [A, B])
    assert value == 0 and not slope.any()


# A real fit.
@pytest.mark.long
def test_a_model_trains_with_it() -> None:
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    labels, domains = np.arange(32) % 8, np.arange(32) // 16
    faces = np.concatenate([np.eye(8)[labels], np.repeat(3.0 * domains[:, None], 2, 1)], 1)
    faces = (faces + rng.normal(0, 0.05, faces.shape)).astype("float32")
    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(6)])
    model.compile(keras.optimizers.Adam(0.03), SelfRestrainedTriplet(), jit_compile=False)

    def rank1() -> float:
        found = model.predict(faces, verbose=0)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        nearest = (found[16:] @ found[:16].T).argmax(axis=1)
        return float(np.mean(labels[:16][nearest] == labels[16:]))

    before = rank1()
    model.fit(faces, np.stack([labels, domains], 1), epochs=40, batch_size=32, verbose=0)
    assert before < 0.8 and rank1() == 1


def test_it_is_made_again_from_its_config() -> None:
    loss = SelfRestrainedTriplet(0.7)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is SelfRestrainedTriplet and again.margin == 0.7


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="margin must be at least 0"):
        SelfRestrainedTriplet(-1)
