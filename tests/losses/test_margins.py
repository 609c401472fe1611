from __future__ import annotations

import keras
import numpy as np
import pytest

from maskedface.losses import ArcFace, CosineMargin
from tests.losses.gradients import value_and_gradient

BOTH = pytest.mark.parametrize("kind", [CosineMargin, ArcFace])


def logits_for(cosine: float) -> np.ndarray:
    """Of one face, whose own center is at the cosine and the other one at -1, at scale 24."""
    return np.array([[24.0 * cosine, -24.0]])


def margin_logits(cosines: np.ndarray) -> np.ndarray:
    """The cosines that ArcFace makes of these, read off its loss."""
    logits = np.stack([cosines, 0 * cosines], 1)
    values = ArcFace(0.5, 1.0, reduction="none")(np.zeros(len(cosines)), logits)
    return -np.log(np.expm1(keras.ops.convert_to_numpy(values)))


def test_the_cosine_margin_is_the_one_derived_by_hand() -> None:
    # s = 10, m = .2; cosines (.5, .1), person 0: the logits become (3, 1) and the loss is
    # log(1 + e^-2).
    loss = CosineMargin(margin=0.2, scale=10)(np.array([0]), np.array([[5.0, 1.0]]))
    assert float(loss) == pytest.approx(np.log1p(np.exp(-2)), rel=1e-6)


def test_arcface_is_the_one_derived_by_hand() -> None:
    # s = 10, m = pi / 6; cosines (.5, .1), person 0 at 60 degrees: its logit becomes
    # 10 cos 90 = 0, and the loss log(1 + e^(1 - 0)).
    loss = ArcFace(margin=np.pi / 6, scale=10)(np.array([0]), np.array([[5.0, 1.0]]))
    assert float(loss) == pytest.approx(np.log1p(np.exp(1)), rel=1e-5)


def test_arcface_adds_the_angle() -> None:
    angles = np.array([0.02, 0.3, 1.0, 2.0, 2.6])
    assert np.allclose(margin_logits(np.cos(angles)), np.cos(angles + 0.5), atol=1e-5)


def test_arcface_falls_with_the_angle_all_the_way() -> None:
    angles = np.linspace(0, np.pi, 200)
    logits = margin_logits(np.cos(angles))
    assert (np.diff(logits) < 1e-6).all()
    assert logits[-1] == pytest.approx(-1 - 0.5 * np.sin(0.5), abs=1e-5)


@BOTH
def test_without_margin_it_is_cross_entropy(kind: type) -> None:
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 5, 8), rng.uniform(-0.9, 0.9, (8, 5)).astype("float32")
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    assert float(kind(0.0, 1.0)(labels, logits)) == pytest.approx(float(plain), rel=1e-5)


@BOTH
def test_label_smoothing_is_that_of_keras(kind: type) -> None:
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 5, 8), rng.uniform(-0.9, 0.9, (8, 5)).astype("float32")
    smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    expected = float(smooth(np.eye(5, dtype="float32")[labels], logits))
    loss = kind(0.0, 1.0, label_smoothing=0.1)(labels, logits)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@BOTH
@pytest.mark.parametrize("cosine", [-1.0, -0.9, 0.0, 1 - 1e-7, 1.0, 1.0001])
def test_gradients_are_finite_at_the_corners(kind: type, cosine: float) -> None:
    value, slope = value_and_gradient(kind(), [0], logits_for(cosine))
    assert np.isfinite(value) and np.isfinite(slope).all()


@BOTH
def test_the_gradient_is_the_slope_of_the_value(kind: type) -> None:
    rng = np.random.default_rng(1)
    labels, logits = rng.integers(0, 4, 6), rng.uniform(-0.8, 0.8, (6, 4)) * 4
    _, slope = value_and_gradient(kind(scale=4.0), labels, logits)
    step = 0.05 * slope / np.abs(slope).max()
    ahead, _ = value_and_gradient(kind(scale=4.0), labels, logits + step)
    behind, _ = value_and_gradient(kind(scale=4.0), labels, logits - step)
    assert (ahead - behind) / 2 == pytest.approx(float((slope * step).sum()), rel=1e-2)


@BOTH
def test_a_domain_beside_the_label_changes_nothing(kind: type) -> None:
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 5, 8), rng.uniform(-20, 20, (8, 5)).astype("float32")
    packed = np.stack([labels, labels % 2], 1)
    assert float(kind()(packed, logits)) == float(kind()(labels, logits))


# It trains.
@pytest.mark.long
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_arcface_from_centres_on_the_faces_stays_finite_and_learns(optimizer: str) -> None:
    # One face a person, and each center right on it: cos = 1, where arccos has no gradient.
    rng = np.random.default_rng(0)
    faces = rng.normal(size=(6, 8)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(8, use_bias=False, kernel_initializer="identity"),
            keras.layers.UnitNormalization(),
            keras.layers.Dense(6, use_bias=False, kernel_constraint=keras.constraints.UnitNorm()),
            keras.layers.Rescaling(24.0),
        ]
    )
    model.layers[2].set_weights([(faces / np.linalg.norm(faces, axis=1, keepdims=True)).T])
    maker = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}[optimizer]
    model.compile(maker(0.05), ArcFace(), jit_compile=False)
    history = model.fit(faces, np.arange(6), epochs=20, batch_size=6, verbose=0)
    losses = history.history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
    assert (model.predict(faces, verbose=0).argmax(axis=1) == np.arange(6)).all()


@BOTH
def test_it_is_made_again_from_its_config(kind: type) -> None:
    loss = kind(0.3, 12.0, 0.1)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is kind and again.get_config() == loss.get_config()
    assert again.margin == 0.3 and again.scale == 12.0 and again.label_smoothing == 0.1


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (CosineMargin, {"margin": -0.1}),
        (CosineMargin, {"margin": 1}),
        (CosineMargin, {"scale": 0}),
        (CosineMargin, {"label_smoothing": 1}),
        (ArcFace, {"margin": -0.1}),
        (ArcFace, {"margin": 1.6}),
        (ArcFace, {"scale": -1}),
        (ArcFace, {"label_smoothing": -0.1}),
    ],
)
def test_bad_arguments_are_refused(kind: type, values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        kind(**values)
