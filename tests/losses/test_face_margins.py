from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import losses, models
from maskedface.losses import AdaFace, ArcFace, CosineMargin, ElasticMargin
from tests.losses.gradients import value_and_gradient

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 5, 8)
LOGITS = RNG.uniform(-20, 20, (8, 5)).astype("float32")


def beside(number: float) -> np.ndarray:
    return np.concatenate([LOGITS, np.full((8, 1), number, "float32")], axis=1)


def test_adaface_at_average_quality_is_the_cosine_margin() -> None:
    found = float(AdaFace(0.3)(LABELS, beside(0.0)))
    assert found == pytest.approx(float(CosineMargin(0.3)(LABELS, LOGITS)), rel=1e-5)


def test_adaface_at_the_lowest_quality_is_arcface() -> None:
    # Up to its end at pi, beyond which ArcFace goes on falling; these logits lie before it.
    found = float(AdaFace(0.3)(LABELS, beside(-1.0)))
    assert found == pytest.approx(float(ArcFace(0.3)(LABELS, LOGITS)), rel=1e-5)


@pytest.mark.parametrize("quality", [-1.0, -0.4, 0.7, 1.0])
def test_adaface_is_the_papers_formula(quality: float) -> None:
    # Equation 17 of the paper, written with arccos as there.
    margin, angles = 0.4, np.linspace(0.05, 3.09, 30)
    moved = np.cos(np.clip(angles - margin * quality, 0, np.pi)) - margin * quality - margin
    y_pred = np.stack([np.cos(angles), 0 * angles, np.full(30, quality)], 1)
    found = AdaFace(margin, 1.0, reduction="none")(np.zeros(30), y_pred)
    expected = np.log1p(np.exp(-moved))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected, atol=1e-5)


def test_the_elastic_margin_is_moved_by_its_number_of_deviations() -> None:
    for number in (-2.0, 0.0, 1.5):
        found = float(ElasticMargin(0.3, 0.05)(LABELS, beside(number)))
        expected = float(CosineMargin(0.3 + 0.05 * number)(LABELS, LOGITS))
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", [AdaFace, ElasticMargin])
@pytest.mark.parametrize("cosine", [-1.0, 0.0, 1 - 1e-7, 1.0])
@pytest.mark.parametrize("number", [-1.0, 0.0, 1.0])
def test_gradients_are_finite_at_the_corners(kind: type, cosine: float, number: float) -> None:
    y_pred = np.array([[24 * cosine, -24.0, number]])
    value, slope = value_and_gradient(kind(), [0], y_pred)
    assert np.isfinite(value) and np.isfinite(slope).all()


def test_quality_is_the_length_against_the_moving_mean_and_deviation() -> None:
    layer = losses.ImageQuality(0.5)
    first = np.array([[3.0, 4.0], [0.0, 7.0], [9.0, 0.0]], "float32")  # lengths 5, 7, 9
    found = np.asarray(layer(first, training=True)).ravel()
    deviation = np.std([5, 7, 9])
    np.testing.assert_allclose(found, [-1 / deviation, 0, 1 / deviation], atol=1e-3)
    # Prediction changes nothing, and is limited to [-1, 1].
    apart = np.asarray(layer(100 * first)).ravel()
    np.testing.assert_allclose(apart, [1, 1, 1])
    np.testing.assert_allclose(np.asarray(layer(first)).ravel(), found, atol=1e-6)
    # A second batch of longer ones weighs a little more than the first.
    layer(first + 100, training=True)
    weights = np.array([0.99 * 0.01, 0.01])
    means = [7.0, float(np.linalg.norm(first + 100, axis=1).mean())]
    moving = np.asarray(layer.moving)
    assert moving[0] / moving[2] == pytest.approx(np.average(means, weights=weights), rel=1e-5)


def test_quality_has_no_gradient_not_even_at_length_zero() -> None:
    layer = losses.ImageQuality()
    layer(LOGITS, training=True)
    faces = np.concatenate([LOGITS, 0 * LOGITS])

    def loss(y_true: np.ndarray, there: Any) -> Any:
        return keras.ops.sum(layer(there)) + keras.ops.sum(there)

    _, slope = value_and_gradient(loss, [0], faces)
    np.testing.assert_array_equal(slope, np.ones_like(faces))  # the second sum's alone


def test_an_untrained_layer_calls_all_faces_average() -> None:
    assert np.asarray(losses.ImageQuality()(LOGITS)).ravel().tolist() == [0] * 8


def test_noise_is_drawn_anew_in_training_alone() -> None:
    layer = losses.MarginNoise(seed=1)
    one, two = (np.asarray(layer(np.ones((4000, 3)), training=True)) for _ in range(2))
    assert one.shape == (4000, 1) and (one != two).all()
    assert one.mean() == pytest.approx(0, abs=0.06) and one.std() == pytest.approx(1, abs=0.06)
    assert not np.asarray(layer(np.ones((4, 3)))).any()


# It trains.
@pytest.mark.long
@pytest.mark.parametrize(
    ("loss", "part"),
    [(AdaFace(), losses.ImageQuality()), (ElasticMargin(), losses.MarginNoise(seed=0))],
)
def test_they_train_beside_a_cosine_head_and_are_saved(
    loss: keras.losses.Loss, part: keras.layers.Layer, tmp_path: Path
) -> None:
    labels = np.arange(24) % 3
    images = np.eye(3)[labels] * (1 + np.arange(24)[:, None] / 10) + RNG.normal(0, 0.1, (24, 3))
    keras.utils.set_random_seed(1)
    head = models.SideBySide([models.CosineHead(3), part])
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3), head])
    model.compile(keras.optimizers.Adam(0.1), loss, jit_compile=False)
    history = model.fit(images, labels, epochs=20, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[-1] < history[0]
    scores = model.predict(images, verbose=0)
    assert (scores[:, :3].argmax(axis=1) == labels).all()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(images, verbose=0), scores)
    assert again.loss.get_config() == loss.get_config()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (AdaFace, {"margin": 1}),
        (AdaFace, {"scale": 0}),
        (ElasticMargin, {"deviation": -0.1}),
        (losses.ImageQuality, {"concentration": 0}),
    ],
)
def test_bad_arguments_are_refused(kind: type, values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        kind(**values)
