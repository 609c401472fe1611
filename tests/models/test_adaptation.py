from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import models, synthetic
from maskedface.models.adaptation import unadapted

Batch = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def backbone(tiny_backbone: Path) -> keras.Model:
    return keras.models.load_model(tiny_backbone, compile=False)


def as_they_are(features: int) -> keras.Model:
    """A network whose images are embeddings already."""
    embedding = keras.Input((features,))
    return keras.Model(embedding, keras.layers.Identity()(embedding), name="as_they_are")


@pytest.fixture(scope="module")
def photographs() -> Batch:
    """Drawn faces of 20 people, half of them with a mask, and which."""
    masked = np.arange(40) % 2 == 1
    faces = [synthetic.draw_face(n // 2, n % 2, bool(masked[n]), size=64) for n in range(40)]
    return np.stack(faces), masked


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_both_kinds_have_mean_zero_and_together_no_direction_that_stands_out() -> None:
    rng = np.random.default_rng(0)
    stretched = rng.normal(size=(4_000, 6)) * [5, 3, 2, 1, 1, 0.5] + [9, 0, 4, 0, 0, 0]
    masked = np.arange(4_000) % 4 == 0  # few, with equal weight all the same
    stretched[masked] += [0, 6, 0, 0, 3, 0]
    rows = stretched.astype("float32")
    found = models.predict(models.adapt(as_they_are(6), [(rows, masked)], 1e-6), rows)
    means = [found[masked == kind].mean(0) for kind in (True, False)]
    np.testing.assert_allclose(means, 0, atol=1e-3)
    both = (np.cov(found[masked].T) + np.cov(found[~masked].T)) / 2
    # One direction, from the unmasked mean to the masked one, is gone; the others are alike.
    values = np.linalg.eigvalsh(both)
    assert values[0] < 1e-6 and values[1:].std() < 0.01 * values[1:].mean()


def test_all_of_the_shrinkage_leaves_distances_but_for_one_direction() -> None:
    rng = np.random.default_rng(1)
    rows = unit(rng.normal(size=(50, 8))).astype("float32")
    masked = np.arange(50) < 20
    model = models.adapt(as_they_are(8), [(rows, masked)], 1.0)
    away = rows[masked].mean(0) - rows[~masked].mean(0)
    away /= np.linalg.norm(away)
    left = rows - np.outer(rows @ away, away)
    found = models.predict(model, rows)
    apart = np.linalg.norm(found[:, None] - found, axis=-1)
    np.testing.assert_allclose(apart, np.linalg.norm(left[:, None] - left, axis=-1), atol=1e-5)


def test_masked_faces_are_found_among_people_of_another_kind() -> None:
    """People that no network saw: all to one side of it, and masks to another."""
    rng = np.random.default_rng(2)
    aside, mask = rng.normal(size=(2, 32)) * 4

    def taken(people: int) -> tuple[np.ndarray, np.ndarray]:
        own = rng.normal(size=(people, 32)) + aside
        bare, worn = (own + 0.7 * rng.normal(size=own.shape) for _ in range(2))
        return bare.astype("float32"), (worn + mask).astype("float32")

    bare, worn = taken(200)
    flags = np.arange(400) >= 200
    network = as_they_are(32)
    adapted = models.adapt(network, [(np.concatenate([bare, worn]), flags)])
    gallery, probes = taken(100)

    def accepted(model: keras.Model) -> float:
        known, seen = (unit(models.predict(model, faces)) for faces in (gallery, probes))
        scores = seen @ known.T
        strangers = scores[~np.eye(100, dtype=bool)]
        return float((np.diag(scores) > np.quantile(strangers, 0.99)).mean())

    assert accepted(network) < 0.6 and accepted(adapted) > 0.75


def test_the_size_of_the_batches_changes_nothing(backbone: keras.Model, photographs: Batch) -> None:
    faces, masked = photographs
    parts = ((faces[at : at + 7], masked[at : at + 7]) for at in range(0, 40, 7))
    found = [models.adapt(backbone, batches) for batches in ([photographs], parts)]
    first, second = (models.predict(model, faces) for model in found)
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_a_file_keeps_it_and_the_network_comes_back_out(
    backbone: keras.Model, photographs: Batch, tmp_path: Path
) -> None:
    faces, _ = photographs
    model = models.adapt(models.mirror_join(backbone), [photographs])
    path = tmp_path / "adapted.keras"
    model.save(path)
    again = keras.models.load_model(path, compile=False)
    np.testing.assert_array_equal(models.predict(again, faces), models.predict(model, faces))
    assert models.alignment_of(again) == "vggface2"
    plain = unadapted(again)
    np.testing.assert_allclose(
        models.predict(plain, faces),
        models.predict(models.mirror_join(backbone), faces),
        atol=1e-6,
    )
    assert unadapted(backbone) is backbone


def test_an_adapted_network_is_adapted_anew(backbone: keras.Model, photographs: Batch) -> None:
    faces, masked = photographs
    other = models.adapt(backbone, [(faces[:20], masked[:20])])
    anew, at_once = (models.adapt(model, [photographs]) for model in (other, backbone))
    assert len(anew.layers) == len(at_once.layers)
    np.testing.assert_array_equal(models.predict(anew, faces), models.predict(at_once, faces))


def test_what_is_built_upon_an_adapted_network_is_kept(
    backbone: keras.Model, photographs: Batch
) -> None:
    inner = models.adapt(backbone, [photographs])
    mirrored = models.adapt(models.mirror_join(inner), [photographs])
    assert unadapted(mirrored).get_layer("join_unit") is not None
    joined = models.map_join(inner, 8)
    assert unadapted(joined) is joined
    with pytest.raises(ValueError, match="must be adapted at its end, or not yet"):
        models.adapt(joined, [photographs])


def test_of_a_classifier_the_embedding_is_adapted(
    backbone: keras.Model, photographs: Batch
) -> None:
    faces, _ = photographs
    found = models.adapt(models.classifier(backbone, 5), [photographs])
    wanted = models.adapt(backbone, [photographs])
    np.testing.assert_array_equal(models.predict(found, faces), models.predict(wanted, faces))


def test_a_dtype_policy_is_not_taken(backbone: keras.Model, photographs: Batch) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = models.adapt(backbone, [photographs])
    finally:
        keras.config.set_dtype_policy(before)
    assert {model.get_layer(name).compute_dtype for name in ("adapt_unit", "adapt_map")} == {
        "float32"
    }


def test_what_says_not_who_wears_masks_is_refused(
    backbone: keras.Model, photographs: Batch
) -> None:
    faces, masked = photographs
    for bad in (masked[:-1], masked[:, None], masked.astype(int), [*"ab" * 20]):
        with pytest.raises(ValueError, match="masked must be one bool for each face"):
            models.adapt(backbone, [(faces, bad)])
    empty = (faces[:0], masked[:0])
    models.adapt(backbone, [empty, photographs])
    for kept, said in ((~masked, "0 masked, 20 unmasked"), (masked, "20 masked, 0 unmasked")):
        with pytest.raises(ValueError, match=f"two masked and two unmasked .* {said}"):
            models.adapt(backbone, [(faces[kept], masked[kept])])
    with pytest.raises(ValueError, match="0 masked, 0 unmasked"):
        models.adapt(backbone, [])


@pytest.mark.parametrize("shrinkage", [0, -0.5, 1.1, float("nan")])
def test_a_shrinkage_out_of_range_is_refused(
    shrinkage: float, backbone: keras.Model, photographs: Batch
) -> None:
    with pytest.raises(ValueError, match=r"shrinkage must be in \(0, 1\]. Received: shrinkage="):
        models.adapt(backbone, [photographs], shrinkage)


def test_what_is_no_embedding_is_refused(backbone: keras.Model, photographs: Batch) -> None:
    image = keras.Input((64, 64, 3))
    with pytest.raises(ValueError, match="one image -> one vector"):
        models.adapt(keras.Model(image, keras.layers.Conv2D(2, 9)(image)), [photographs])
    broken = keras.models.clone_model(backbone)
    broken.set_weights([np.full_like(weight, np.nan) for weight in broken.get_weights()])
    with pytest.raises(ValueError, match="embeddings must be finite"):
        models.adapt(broken, [photographs])
    rows = np.random.default_rng(3).normal(size=(8, 4)).astype("float32")
    rows[:4] = rows[0]
    with pytest.raises(ValueError, match="of masked faces must differ. Received: 4 masked faces"):
        models.adapt(as_they_are(4), [(rows, np.arange(8) < 4)])
    with pytest.raises(ValueError, match="at least two numbers"):
        models.adapt(as_they_are(1), [(rows[:, :1], np.arange(8) < 4)])


def test_hardly_any_shrinkage_leaves_finite_numbers() -> None:
    """128 numbers of which three differ, and rounding errors below 0 in the others."""
    rng = np.random.default_rng(4)
    rows = (rng.normal(size=(40, 3)) @ rng.normal(size=(3, 128))).astype("float32")
    model = models.adapt(as_they_are(128), [(rows, np.arange(40) < 20)], 1e-15)
    assert np.isfinite(model.get_weights()[-2]).all()
