from __future__ import annotations

import keras
import numpy as np
import pytest

from maskedface.losses import DomainRanking
from maskedface.models.heads import with_head
from tests.losses.gradients import value_and_gradient


def test_the_value_of_a_masked_face_is_the_one_derived_by_hand() -> None:
    # Two people; cosines to the full-face centers (.5, .4), to the masked ones (.8, .2); person 0,
    # masked. Among its own domain, s = 10 and m = .1: logits (7, 2), log(1 + e^-5). To full-face
    # centers: d = 2 - 2 cos = 1.0 to its own and 1.2 to the other's: max(0, 1.0 - 1.2 + .5) = .3.
    logits = np.array([[5.0, 4.0, 8.0, 2.0]])
    loss = DomainRanking(0.5, 2.0, 10, identity_margin=0.1)(np.array([[0, 1]]), logits)
    assert float(loss) == pytest.approx(np.log1p(np.exp(-5)) + 2 * 0.3, rel=1e-5)


def test_the_value_of_an_unmasked_face_is_the_one_derived_by_hand() -> None:
    # The same face, unmasked: logits (5 - 1, 4) are even, log 2; d to masked centers .4 and 1.6:
    # max(0, .4 - 1.6 + .5) = 0.
    logits = np.array([[5.0, 4.0, 8.0, 2.0]])
    loss = DomainRanking(0.5, 2.0, 10, identity_margin=0.1)(np.array([[0, 0]]), logits)
    assert float(loss) == pytest.approx(np.log(2), rel=1e-5)


def test_the_nearest_of_the_others_counts() -> None:
    # Cosines to full-face centers: own .2, others (.1, .6, -.5); 2 (.6 - .2) + .5 = 1.3.
    own = np.full((1, 4), -10.0)
    own[0, 0] = 10
    logits = np.concatenate([[[2.0, 1.0, 6.0, -5.0]], own], 1)
    loss = DomainRanking(0.5, 1.0, 10, identity_margin=0.0)(np.array([[0, 1]]), logits)
    assert float(loss) == pytest.approx(1.3, abs=1e-4)


def test_masked_faces_move_to_the_full_face_centre_and_the_other_way_round() -> None:
    for domain in (0, 1):
        _, slope = value_and_gradient(DomainRanking(), [[0, domain]], np.array([[0.0, 5, 0, 5]]))
        own, across = (slope[0, 2:], slope[0, :2]) if domain else (slope[0, :2], slope[0, 2:])
        assert own[0] < 0 < own[1] and across[0] < 0 < across[1]


def test_one_person_ranks_nothing_and_its_gradient_is_finite() -> None:
    value, slope = value_and_gradient(DomainRanking(), [[0, 1]], [[3.0, -3.0]])
    assert value == pytest.approx(0, abs=1e-6) and np.isfinite(slope).all()


@pytest.mark.parametrize("cosine", [-1.0, 0.0, 1.0])
def test_gradients_are_finite_at_the_corners(cosine: float) -> None:
    logits = np.full((2, 6), 24 * cosine)
    value, slope = value_and_gradient(DomainRanking(), [[0, 1], [2, 0]], logits)
    assert np.isfinite(value) and np.isfinite(slope).all()


# A real fit.
@pytest.mark.long
def test_a_model_of_one_output_trains_with_it() -> None:
    # Masked faces start with the full-face part of the input at zero: after training, they find
    # their person among the full-face centers.
    from maskedface import models

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    labels, domains = np.arange(48) % 6, np.arange(48) // 24
    faces = np.concatenate([np.eye(6)[labels] * (1 - domains[:, None]), np.eye(6)[labels]], 1)
    faces = (faces + rng.normal(0, 0.1, faces.shape)).astype("float32")
    face = keras.Input((12,))
    backbone = keras.Model(face, keras.layers.Dense(12)(face), name="backbone")
    head = models.CosineHead(centers_per_person=2)
    model = with_head(backbone, models.heads.for_people(head, 6))
    model.compile(keras.optimizers.Adam(0.05), DomainRanking(), jit_compile=False)
    model.fit(faces, np.stack([labels, domains], 1), epochs=40, batch_size=48, verbose=0)
    full_face = model.predict(faces[24:], verbose=0)[:, :6]
    assert (full_face.argmax(axis=1) == labels[24:]).all()


def test_it_is_made_again_from_its_config() -> None:
    loss = DomainRanking(0.4, 0.3, 12.0, 0.2)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is DomainRanking and again.get_config() == loss.get_config()
    assert (again.margin, again.weight, again.scale, again.identity_margin) == (0.4, 0.3, 12, 0.2)


@pytest.mark.parametrize(
    "values", [{"margin": -1}, {"margin": 4}, {"weight": -1}, {"scale": 0}, {"identity_margin": 1}]
)
def test_bad_arguments_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        DomainRanking(**values)


@pytest.mark.parametrize(
    ("y_true", "columns"), [(np.array([0]), 4), (np.array([[[0, 1]]]), 4), (np.array([[0, 1]]), 3)]
)
def test_other_shapes_are_refused(y_true: np.ndarray, columns: int) -> None:
    with pytest.raises(ValueError, match="must have"):
        DomainRanking()(y_true, np.zeros((1, columns), "float32"))
