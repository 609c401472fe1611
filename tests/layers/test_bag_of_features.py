from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from maskedface.layers import BagOfFeatures
from tests.losses.gradients import value_and_gradient


@pytest.fixture
def maps() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(6, 3, 4, 5)).astype("float32")


@pytest.fixture
def adapted(maps: np.ndarray) -> BagOfFeatures:
    layer = BagOfFeatures(4, seed=1)
    layer.adapt(maps)
    return layer


def test_a_histogram_is_a_share_of_each_codeword(maps: np.ndarray, adapted: BagOfFeatures) -> None:
    found = np.asarray(adapted(maps))
    assert found.shape == (6, 4) == adapted.compute_output_shape(maps.shape)
    assert (found > 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


def test_it_is_the_formula() -> None:
    # Codewords at 0 and 2, widths 1 and 2; one place at 1: exp(-1) and exp(-1/4), in shares.
    layer = BagOfFeatures(2)
    layer.build((None, 1, 1, 1))
    layer.set_weights([np.array([[0.0], [2.0]]), np.array([1.0, 2.0])])
    members = np.exp([-1, -0.25])
    found = np.asarray(layer(np.ones((1, 1, 1, 1), "float32")))[0]
    np.testing.assert_allclose(found, members / members.sum(), rtol=1e-6)


def test_where_a_place_lies_does_not_count(maps: np.ndarray, adapted: BagOfFeatures) -> None:
    places = maps.reshape(6, 12, 5)[:, np.random.default_rng(1).permutation(12)]
    expected = np.asarray(adapted(maps))
    for other in (places, places.reshape(6, 4, 3, 5), np.tile(maps, (1, 2, 1, 1))):
        np.testing.assert_allclose(np.asarray(adapted(other)), expected, atol=1e-6)


def test_codewords_become_the_centers_of_clusters() -> None:
    rng = np.random.default_rng(0)
    centers = np.array([[0, 0], [10, 0], [0, 10]], "float32")
    maps = (centers[np.arange(300) % 3] + rng.normal(0, 0.1, (300, 2))).reshape(10, 5, 6, 2)
    layer = BagOfFeatures(3, softness=4)
    layer.adapt(maps)
    found = np.asarray(layer.codebook)
    away = np.linalg.norm(centers[:, None] - found, axis=-1)
    assert (away.min(axis=1) < 0.1).all() and sorted(away.argmin(axis=1)) == [0, 1, 2]
    # The mean squared distance is 2 * .1^2, times 4: a width of .28.
    np.testing.assert_allclose(layer.widths, np.sqrt(4 * 0.02), rtol=0.1)
    np.testing.assert_allclose(layer(maps), 1 / 3, atol=1e-3)


def test_adapting_again_starts_anew(maps: np.ndarray, adapted: BagOfFeatures) -> None:
    before = adapted.get_weights()
    adapted.adapt(maps + 100)
    assert (adapted.get_weights()[0] > 90).all()
    adapted.adapt(maps)
    np.testing.assert_array_equal(adapted.get_weights()[0], before[0])


def test_batches_are_adapted_to_as_an_array_is(maps: np.ndarray, adapted: BagOfFeatures) -> None:
    layer = BagOfFeatures(4, seed=1)
    layer.adapt(tf.data.Dataset.from_tensor_slices(maps).batch(4))
    np.testing.assert_allclose(layer.codebook, adapted.codebook, rtol=1e-5)
    layer.adapt(maps[:5], batch_size=2, steps=1)
    first = BagOfFeatures(4, seed=1)
    first.adapt(maps[:2])
    np.testing.assert_array_equal(layer.codebook, first.codebook)


def test_of_many_vectors_each_is_as_likely_to_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from maskedface.layers import bag_of_features

    monkeypatch.setattr(bag_of_features, "_SAMPLES", 400)
    batches = np.repeat(np.arange(10.0), 200).reshape(10, 200, 1)
    seen = bag_of_features._sampled(iter(batches), 0)
    assert seen.shape == (400, 1)
    counts = np.bincount(seen[:, 0].astype(int), minlength=10)
    assert counts.min() > 20 and counts.max() < 60  # 40 +- 6


def test_codewords_widths_and_features_get_a_gradient(
    maps: np.ndarray, adapted: BagOfFeatures
) -> None:
    wanted = np.eye(4)[np.arange(6) % 4]
    loss = keras.losses.CategoricalCrossentropy()
    step = 1e-2
    _, slope = value_and_gradient(lambda y, x: loss(y, adapted(x)), wanted, maps)
    assert np.isfinite(slope).all() and abs(slope).max() > 0
    for number, place in ((0, (2, 3)), (1, (1,))):
        values = []
        for side in (-step, step):
            weights = adapted.get_weights()
            weights[number][place] += side
            moved = BagOfFeatures(4)
            moved.build(maps.shape)
            moved.set_weights(weights)
            values.append(float(loss(wanted, moved(maps))))
        with tf.GradientTape() as tape:
            value = loss(wanted, adapted(maps))
        found = tape.gradient(value, adapted.trainable_variables[number].value).numpy()[place]
        assert found == pytest.approx((values[1] - values[0]) / (2 * step), rel=0.02, abs=1e-5)


# It trains.
@pytest.mark.long
def test_it_learns_what_k_means_does_not_know() -> None:
    # Two kinds of maps differ in a channel of little spread beside one of much.
    rng = np.random.default_rng(0)
    labels = np.arange(64) % 2
    maps = rng.normal(size=(64, 4, 4, 2)) * (3.0, 0.1)
    maps[..., 1] += 0.3 * labels[:, None, None]
    keras.utils.set_random_seed(0)
    layer = BagOfFeatures(3)
    layer.adapt(maps)
    model = keras.Sequential([layer, keras.layers.Rescaling(3.0), keras.layers.Dense(2)])
    model.compile(
        keras.optimizers.Adam(0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    before = layer.get_weights()
    history = model.fit(maps, labels, epochs=30, batch_size=64, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]
    assert all((a != b).all() for a, b in zip(before, layer.get_weights(), strict=True))


def test_it_is_read_back_from_a_file(
    maps: np.ndarray, adapted: BagOfFeatures, tmp_path: Path
) -> None:
    model = keras.Sequential([keras.Input(maps.shape[1:]), adapted])
    model.save(tmp_path / "bag.keras")
    again = keras.models.load_model(tmp_path / "bag.keras")
    assert again.layers[-1].get_config() == adapted.get_config()
    np.testing.assert_array_equal(again(maps), model(maps))


def test_it_computes_in_float32_under_any_policy(maps: np.ndarray) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert BagOfFeatures(2)(maps).dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"codewords": 1}, "codewords must be at least 2"),
        ({"codewords": 2.0}, "codewords must be at least 2"),
        ({"codewords": 2, "softness": 0}, "softness must be above 0"),
    ],
)
def test_what_is_out_of_range_is_refused(words: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BagOfFeatures(**words)


def test_data_that_cannot_be_adapted_to_are_refused(
    maps: np.ndarray, adapted: BagOfFeatures
) -> None:
    with pytest.raises(ValueError, match="4 distinct, finite feature vectors"):
        BagOfFeatures(4).adapt(np.ones((9, 2, 2, 3)))
    with pytest.raises(ValueError, match="finite"):
        BagOfFeatures(4).adapt(np.where(maps > 1, np.nan, maps))
    with pytest.raises(ValueError, match="must have 5 channels"):
        adapted.adapt(maps[..., :3])
