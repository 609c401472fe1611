from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface.losses import CenterDistances, CenterLoss
from tests.losses.gradients import value_and_gradient


def test_the_value_is_the_one_derived_by_hand() -> None:
    # Logits (1, 0), person 0: log(1 + e^-1). Squared distances (4, 9): .5 * .1 * 4 = .2.
    loss = CenterLoss(weight=0.1)(np.array([0]), np.array([[1.0, 0.0, 4.0, 9.0]]))
    assert float(loss) == pytest.approx(np.log1p(np.exp(-1)) + 0.2, rel=1e-6)


def test_the_margin_is_that_of_the_cosine_margin_loss() -> None:
    # Scale 10, margin .2: logits (5, 1) become (3, 1).
    loss = CenterLoss(0.0, margin=0.2, scale=10)(np.array([0]), np.array([[5.0, 1.0, 7, 7]]))
    assert float(loss) == pytest.approx(np.log1p(np.exp(-2)), rel=1e-6)


def test_the_layer_gives_squared_distances() -> None:
    layer = CenterDistances(2)
    layer.build((None, 2))
    layer.set_weights([np.array([[0.0, 0.0], [3.0, 4.0]])])
    found = keras.ops.convert_to_numpy(layer(np.array([[3.0, 4.0], [3.0, 0.0]], "float32")))
    assert np.allclose(found, [[25, 0], [9, 16]], atol=1e-5)


def test_the_rate_scales_the_centres_steps_and_nothing_else() -> None:
    # x = (2, 0), center (0, 0), weight 1: d/dx .5 |x - c|^2 = (2, 0), d/dc = (-2, 0); with a rate
    # of 3 and a step of .1 the center moves to .6 and the embedding's bias to -.2.
    moved = []
    for rate in (1.0, 3.0):
        face = keras.Input((2,))
        shift = keras.layers.Dense(2, kernel_initializer="identity")
        here = shift(face)
        layer = CenterDistances(1, rate=rate)
        both = keras.layers.Concatenate()([keras.ops.zeros_like(here[:, :1]), layer(here)])
        model = keras.Model(face, both)
        model.compile(keras.optimizers.SGD(0.1), CenterLoss(weight=1.0), jit_compile=False)
        model.train_on_batch(np.array([[2.0, 0.0]]), np.array([0]))
        moved.append((layer.get_weights()[0], shift.get_weights()[1]))
    assert np.allclose(moved[0][0], [[0.2, 0]]) and np.allclose(moved[1][0], [[0.6, 0]])
    assert np.allclose(moved[0][1], [-0.2, 0]) and np.allclose(moved[1][1], [-0.2, 0])


@pytest.mark.parametrize("embedding", [[0.0, 0.0], [1.0, 2.0]])
def test_gradients_are_finite_on_a_centre_and_at_zero(embedding: list[float]) -> None:
    layer = CenterDistances(2)
    layer.build((None, 2))
    layer.set_weights([np.array([[1.0, 2.0], [0.0, 0.0]])])

    def loss(y_true: np.ndarray, here: object) -> object:
        away = layer(here)
        return CenterLoss(1.0)(y_true, keras.ops.concatenate([0 * away, away], -1))

    value, slope = value_and_gradient(loss, [0], [embedding])
    expected = np.array(embedding) - (1, 2)
    assert np.isfinite(value) and np.allclose(slope[0], expected, atol=1e-6)


# A real fit.
@pytest.mark.long
def test_a_model_of_one_output_trains_with_it_and_is_read_back(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    labels = np.arange(32) % 4
    faces = (np.eye(4)[labels] * 2 + rng.normal(0, 0.3, (32, 4))).astype("float32")
    face = keras.Input((4,))
    here = keras.layers.Dense(3)(face)
    both = keras.layers.Concatenate()([keras.layers.Dense(4)(here), CenterDistances(4)(here)])
    model = keras.Model(face, both)
    model.compile(keras.optimizers.Adam(0.05), CenterLoss(weight=0.5), jit_compile=False)
    losses = model.fit(faces, labels, epochs=25, batch_size=32, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    expected = model.predict(faces, verbose=0)
    assert np.allclose(again.predict(faces, verbose=0), expected, atol=1e-5)
    assert isinstance(again.loss, CenterLoss) and again.loss.weight == 0.5


@pytest.mark.parametrize(
    "make",
    [
        lambda: CenterLoss(weight=-1),
        lambda: CenterLoss(margin=1),
        lambda: CenterLoss(scale=0),
        lambda: CenterDistances(0),
        lambda: CenterDistances(2, rate=0),
        lambda: CenterLoss()(np.array([0]), np.zeros((1, 3))),
    ],
)
def test_bad_arguments_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match="must"):
        make()  # type: ignore[operator]
