from __future__ import annotations

import keras
import numpy as np
import pytest

from maskedface.losses import CosineMarginLoss


def test_the_value_is_the_one_derived_by_hand() -> None:
    # s = 10, m = .2; cosines (.5, .1), person 0: the logits become (3, 1) and the loss is
    # log(1 + e^-2).
    loss = CosineMarginLoss(margin=0.2, scale=10)(np.array([0]), np.array([[5.0, 1.0]]))
    assert float(loss) == pytest.approx(np.log1p(np.exp(-2)), rel=1e-6)


def test_without_margin_it_is_cross_entropy() -> None:
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 5, 8), rng.normal(size=(8, 5)).astype("float32")
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    assert float(CosineMarginLoss(0.0, 1.0)(labels, logits)) == pytest.approx(float(plain), rel=1e-6)


def test_label_smoothing_is_that_of_keras() -> None:
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 5, 8), rng.normal(size=(8, 5)).astype("float32")
    smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    expected = float(smooth(np.eye(5, dtype="float32")[labels], logits))
    loss = CosineMarginLoss(0.0, 1.0, label_smoothing=0.1)(labels, logits)
    assert float(loss) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("cosine", [-1.0, 0.0, 1.0])
def test_gradients_are_finite_at_the_corners(cosine: float) -> None:
    import tensorflow as tf

    logits = tf.constant([[24.0 * cosine, 24.0, -24.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = CosineMarginLoss()(np.array([0]), logits)
    assert np.isfinite(tape.gradient(loss, logits).numpy()).all()


def test_it_is_made_again_from_its_config() -> None:
    loss = CosineMarginLoss(0.3, 12.0, 0.1)
    config = CosineMarginLoss.from_config(loss.get_config()).get_config()
    assert config == loss.get_config() and config["margin"] == 0.3


@pytest.mark.parametrize(("margin", "scale"), [(-0.1, 24), (1, 24), (0.2, 0)])
def test_bad_arguments_are_refused(margin: float, scale: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        CosineMarginLoss(margin, scale)
