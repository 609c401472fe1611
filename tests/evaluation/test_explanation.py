"""Grad-CAM on networks of which it is known where they look."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from maskedface import evaluation, models
from maskedface.evaluation import explanation
from maskedface.evaluation.receptive_fields import last_maps, place_of

SIDE = 32


def looks_at(row: int, column: int, side: int = SIDE) -> keras.Model:
    """Two classes: the brightness of one 4 x 4 block, and minus that."""
    image = keras.Input((side, side, 3))
    x = layers.Conv2D(1, 4, 4, use_bias=False, name="blocks")(image)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.5, name="head_dropout")(x)
    x = layers.Dense(2, use_bias=False, name="head_logits")(x)
    model = keras.Model(image, x, name="looks")
    model.get_layer("blocks").set_weights([np.full((4, 4, 3, 1), 1 / 48, "float32")])
    kernel = np.zeros((side // 4, side // 4, 2), "float32")
    kernel[row, column] = 1, -1
    model.get_layer("head_logits").set_weights([kernel.reshape(-1, 2)])
    return model


def bright(row: int, column: int, side: int = SIDE) -> np.ndarray:
    image = np.zeros((1, side, side, 3), "uint8")
    image[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 255
    return image


def middle(found: np.ndarray) -> tuple[float, float]:
    rows, columns = np.indices(found.shape)
    return float((rows * found).sum() / found.sum()), float((columns * found).sum() / found.sum())


def test_the_map_lies_where_the_network_looks() -> None:
    found = evaluation.grad_cam(looks_at(2, 5), bright(2, 5))[0]
    assert found.shape == (SIDE, SIDE) and found.dtype == np.float32
    assert found.max() == 1 and found.min() == 0
    assert middle(found) == pytest.approx((9.5, 21.5), abs=1e-4)  # the block's centre
    assert found[:4].max() == 0 and found[16:].max() == 0  # a neighbor away, bilinear


def test_what_speaks_against_a_class_is_no_attention() -> None:
    found = evaluation.grad_cam(looks_at(2, 5), bright(2, 5), classes=[1])
    assert not found.any()
    assert np.isnan(evaluation.attention_share(found, np.ones((SIDE, SIDE)))).all()


def test_a_share_is_one_or_zero_by_construction() -> None:
    images = np.concatenate([bright(6, 1)] * 3)  # also a last batch that is not full
    found = evaluation.grad_cam(looks_at(6, 1), images, batch_size=2)
    lower = np.zeros((SIDE, SIDE))
    lower[16:] = 1
    assert evaluation.attention_share(found, lower) == pytest.approx([1, 1, 1])
    assert evaluation.attention_share(found, 1 - lower) == pytest.approx([0, 0, 0])
    halves = np.stack([lower, 1 - lower, np.full_like(lower, 0.25)])
    assert evaluation.attention_share(found, halves) == pytest.approx([1, 0, 0.25])


def pools() -> keras.Model:
    """An embedder: the mean of red, and the mean of green."""
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(2, 4, 4, use_bias=False, name="blocks")(image)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(image, x, name="pools")
    kernel = np.zeros((4, 4, 3, 2), "float32")
    kernel[:, :, 0, 0] = kernel[:, :, 1, 1] = 1 / 16
    model.get_layer("blocks").set_weights([kernel])
    return model


def test_likeness_to_a_face_is_carried_by_what_both_have() -> None:
    image = np.zeros((1, SIDE, SIDE, 3), "uint8")
    image[:, 4:8, 4:8, 0] = 200  # red above
    image[:, 24:28, 24:28, 1] = 200  # green below
    red, green = np.float32([[3, 0]]), np.float32([[0, 5]])
    above = evaluation.grad_cam(pools(), image, references=red)[0]
    below = evaluation.grad_cam(pools(), image, references=green)[0]
    assert middle(above) == pytest.approx((5.5, 5.5), abs=1e-4)
    assert middle(below) == pytest.approx((25.5, 25.5), abs=1e-4)


def test_a_views_attention_is_laid_where_the_view_came_from() -> None:
    upper = models.upper_view(pools(), (8, 0, 24, 16))
    image = np.zeros((1, SIDE, SIDE, 3), "uint8")
    image[:, 6:10, 14:18, 0] = 200
    image[:, 12:14, 10:12, 1] = 200  # else the cosine is 1, and has no slope
    found = evaluation.grad_cam(upper, image, references=np.float32([[1, 0]]))[0]
    assert middle(found) == pytest.approx((7.5, 15.5), abs=0.1)
    assert not found[16:].any() and not found[:, :8].any()


def test_mirrored_views_agree_with_the_plain_one() -> None:
    image = np.zeros((1, SIDE, SIDE, 3), "uint8")
    image[:, 4:8, 4:8, 0] = 200
    image[:, 24:28, 24:28, 1] = 200
    reference = np.float32([[1, 0]])
    plain = evaluation.grad_cam(pools(), image, references=reference)
    joined = evaluation.grad_cam(models.mirror_join(pools()), image, references=reference)
    assert joined == pytest.approx(plain, abs=1e-5)


def test_a_maps_places_are_the_centres_of_what_they_see() -> None:
    """What a place sees is found by changing one row of pixels after the other."""
    resnet = models.ResNet50(None, (96, 96, 3), filters=2, blocks=(1, 1, 1, 1))
    for model, least in ((resnet, 20), (strided(), 5)):
        tensor = last_maps(model, least)[0]
        (first, second), _ = place_of(tensor).lines
        row = tensor.shape[1] // 2
        seen = _middle_of_sight(keras.Model(model.input, tensor), row)
        assert seen == pytest.approx(first * row + second, abs=0.51)


def strided() -> keras.Model:
    image = keras.Input((96, 96, 3))
    x = layers.Conv2D(4, 7, 2, name="a")(image)
    x = layers.MaxPooling2D(3, 2)(x)
    x = layers.Conv2D(4, 3, 2, padding="same", name="b")(x)
    x = layers.Conv2D(4, 3, dilation_rate=2, padding="same", name="c")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, x)


def _middle_of_sight(model: keras.Model, row: int) -> float:
    """The middle of the image rows that change a row of the map."""
    images = np.full((97, 96, 96, 3), 128.0, "float32")
    for number in range(96):
        images[number, number] += np.random.default_rng(number).normal(size=(96, 3)) * 100
    found = np.asarray(model(images))[:, row]
    changed = np.flatnonzero(abs(found[:96] - found[96]).max(axis=(1, 2)) > 1e-5)
    return float(changed[0] + changed[-1]) / 2


def test_the_model_is_left_as_it_is() -> None:
    model = looks_at(2, 5)
    before = model.get_weights()
    evaluation.grad_cam(model, bright(2, 5))
    assert all(layer.trainable for layer in model.layers)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_arithmetic_between_layers_moves_no_map() -> None:
    plain = looks_at(2, 5)
    image = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(image, keras.ops.multiply(plain(image * 1.0), 1.0))
    found = evaluation.grad_cam(model, bright(2, 5))
    np.testing.assert_array_equal(found, evaluation.grad_cam(plain, bright(2, 5)))


def test_a_model_in_bfloat16_has_the_same_map() -> None:
    model = looks_at(2, 5)
    low = models.with_precision(model, "bfloat16")
    assert np.array_equal(
        evaluation.grad_cam(low, bright(2, 5)), evaluation.grad_cam(model, bright(2, 5))
    )


# A process of its own each.
@pytest.mark.long
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same_map(tmp_path: Path, backend: str) -> None:
    pytest.importorskip(backend)
    looks_at(2, 5).save(tmp_path / "model.keras")
    image = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3)).astype("uint8")
    np.save(tmp_path / "image.npy", image)
    code = (
        "import sys, keras, numpy as np; from maskedface import evaluation; f = sys.argv[1]; "
        "m = keras.models.load_model(f + '/model.keras', compile=False); "
        "np.save(f + '/map.npy', evaluation.grad_cam(m, np.load(f + '/image.npy'))); "
        f"assert keras.backend.backend() == '{backend}'"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
    )
    ours = evaluation.grad_cam(looks_at(2, 5), image)
    assert np.load(tmp_path / "map.npy") == pytest.approx(ours, abs=1e-5)


def test_a_backend_without_gradients_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.backend.backend", lambda: "openvino")
    with pytest.raises(ValueError, match="backend must have gradients. Received: 'openvino'"):
        explanation._gradients(lambda maps: maps[0], [np.zeros(1)])


def test_the_map_is_the_gradient_times_the_feature_map() -> None:
    """By hand: a step of each place's feature in turn changes the score by its slope."""
    keras.utils.set_random_seed(0)
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(3, 4, 4, activation="relu", name="blocks")(image)
    x = layers.Dense(4, activation="tanh")(layers.Flatten()(x))
    model = keras.Model(image, x)
    faces = np.random.default_rng(0).uniform(0, 1, (1, SIDE, SIDE, 3)).astype("float32")
    reference = np.random.default_rng(1).normal(size=(1, 4)).astype("float32")
    maps = np.asarray(keras.Model(image, model.get_layer("blocks").output)(faces))
    weights = model.layers[-1].get_weights()

    def score(values: np.ndarray) -> float:
        found = np.tanh(values.reshape(1, -1).astype("float64") @ weights[0] + weights[1])
        return float((found * reference).sum() / np.linalg.norm(found) / np.linalg.norm(reference))

    slopes = np.zeros(3)
    for place in np.ndindex(maps.shape):
        step = np.zeros(maps.shape)
        step[place] = 1e-4
        slopes[place[-1]] += (score(maps + step) - score(maps - step)) / 2e-4
    by_hand = np.maximum((maps * slopes).sum(-1), 0)
    laid = place_of(model.get_layer("blocks").output).lay(by_hand, (SIDE, SIDE))
    found = evaluation.grad_cam(model, faces, references=reference)
    assert found == pytest.approx(laid / laid.max(), abs=1e-3)


def test_the_overlay_leaves_what_has_no_attention() -> None:
    image = np.full((4, 4, 3), 90, "uint8")
    heat = np.zeros((4, 4), "float32")
    heat[1, 2] = 1
    laid = evaluation.overlay(image, heat)
    assert laid.dtype == np.uint8
    assert (laid != image).any(axis=-1).sum() == 1 and (laid[1, 2] != 90).any()
    assert laid[1, 2, 0] > laid[1, 2, 2]  # the hot end is yellow, in RGB


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"classes": [2]}, "classes must be 1 integers in"),
        ({"classes": [0, 1]}, "classes must be 1 integers in"),
        ({"references": np.zeros((1, 3))}, "references must have shape"),
        ({"classes": [0], "references": np.zeros((1, 2))}, "must not both be given"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(words: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluation.grad_cam(looks_at(0, 0), bright(0, 0), **words)  # type: ignore[arg-type]


def test_images_of_another_size_and_models_without_maps_are_refused() -> None:
    with pytest.raises(ValueError, match="images must have shape"):
        evaluation.grad_cam(looks_at(0, 0), np.zeros((1, 16, 16, 3)))
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Dense(2)(layers.Flatten()(image))
    with pytest.raises(ValueError, match="must have a feature map"):
        evaluation.grad_cam(keras.Model(image, x), bright(0, 0))
    with pytest.raises(ValueError, match="one vector each"):
        evaluation.grad_cam(keras.Model(image, layers.Conv2D(1, 3)(image)), bright(0, 0))


def test_areas_and_overlays_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="area the same"):
        evaluation.attention_share(np.zeros((2, 4, 4)), np.zeros((3, 4, 4)))
    with pytest.raises(ValueError, match=r"area must be in \[0, 1\]"):
        evaluation.attention_share(np.zeros((2, 4, 4)), np.full((4, 4), 2.0))
    with pytest.raises(ValueError, match="must be uint8"):
        evaluation.overlay(np.zeros((4, 4, 3)), np.zeros((4, 4)))
