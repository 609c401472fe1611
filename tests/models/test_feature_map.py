from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from scipy import linalg

from maskedface import models, synthetic
from maskedface.models.feature_map import unmapped

Batch = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def backbone(tiny_backbone: Path) -> keras.Model:
    return keras.models.load_model(tiny_backbone, compile=False)


def people(first: int, number: int, photos: int = 4, size: int = 64) -> Batch:
    """Drawn faces of some people, every second one with a mask, and who they are."""
    faces = [
        synthetic.draw_face(person, photo, photo % 2 == 1, size=size)
        for person in range(first, first + number)
        for photo in range(photos)
    ]
    return np.stack(faces), np.repeat(np.arange(number), photos)


@pytest.fixture(scope="module")
def fitted(backbone: keras.Model) -> keras.Model:
    model = models.map_join(backbone, 10)
    models.fit_map(model, [people(0, 12)])
    return model


def flat_map(model: keras.Model, faces: np.ndarray) -> np.ndarray:
    return models.predict(keras.Model(model.input, model.get_layer("map_flat").output), faces)


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_the_cosine_is_the_mean_of_the_embeddings_and_the_maps(
    backbone: keras.Model, fitted: keras.Model
) -> None:
    faces, _ = people(20, 3)
    embedding = unit(models.predict(backbone, faces))
    kernel, bias = fitted.get_layer("map_projection").get_weights()
    projected = unit(flat_map(fitted, faces) @ kernel + bias)
    found = models.predict(fitted, faces)
    assert found.shape == (12, embedding.shape[1] + 10) and found.dtype == np.float32
    cosines = (embedding @ embedding.T + projected @ projected.T) / 2
    np.testing.assert_allclose(found @ found.T, cosines, atol=1e-4)


def test_the_map_is_the_last_one_with_places_to_tell_apart(fitted: keras.Model) -> None:
    assert fitted.get_layer("map_flat").input is fitted.get_layer("layer3_conv").output


@pytest.fixture(scope="module")
def coarse() -> keras.Model:
    """A network whose map has 32 values."""
    keras.utils.set_random_seed(1)
    image = keras.Input((64, 64, 3))
    x = keras.layers.Conv2D(2, 9, 16, "same", name="layer1_conv")(image)
    return keras.Model(image, keras.layers.Flatten()(x), name="coarse")


@pytest.mark.parametrize(("network", "number"), [("backbone", 12), ("coarse", 50)])
def test_the_projection_solves_fishers_problem(
    network: str, number: int, request: pytest.FixtureRequest
) -> None:
    model = models.map_join(request.getfixturevalue(network), 10)
    faces, labels = people(0, number)
    models.fit_map(model, [(faces, labels)], shrinkage=0.3)
    features = flat_map(model, faces).astype("float64")
    assert (features.shape[1] < number) == (network == "coarse")
    means = np.stack([features[labels == label].mean(0) for label in range(number)])
    within = np.cov((features - means[labels]).T, bias=True)
    size = len(within)
    within = 0.7 * within + 0.3 * np.trace(within) / size * np.eye(size)
    apart = means - features.mean(0)
    values, vectors = linalg.eigh(apart.T @ apart, within)
    kernel, bias = model.get_layer("map_projection").get_weights()
    # Both span the same directions, whatever their signs and lengths.
    best = linalg.orth(vectors[:, ::-1][:, :10])
    ours = linalg.orth(kernel.astype("float64"))
    assert linalg.subspace_angles(best, ours).max() < 0.01
    np.testing.assert_allclose(features.mean(0) @ kernel + bias, 0, atol=1e-3 * abs(kernel).sum())
    # Within people the projections do not hang together, and all are of one length.
    spread = kernel.T @ within @ kernel
    np.testing.assert_allclose(spread / spread[0, 0], np.eye(10), atol=0.02)
    assert values[-1] > values[-10]


def test_batches_are_only_parts(backbone: keras.Model, fitted: keras.Model) -> None:
    faces, labels = people(0, 12)
    model = models.map_join(backbone, 10)
    order = np.random.default_rng(0).permutation(len(faces))
    models.fit_map(model, [(faces[part], labels[part]) for part in np.array_split(order, 5)])
    ours, theirs = (one.get_layer("map_projection").get_weights()[0] for one in (model, fitted))
    assert linalg.subspace_angles(ours.astype("float64"), theirs.astype("float64")).max() < 0.01


def test_it_tells_unseen_people_apart_whose_masks_the_network_confuses(
    backbone: keras.Model,
) -> None:
    def accuracy(model: keras.Model) -> float:
        faces, labels = people(100, 40, photos=2)
        found = unit(models.predict(model, faces))
        return float(((found[1::2] @ found[::2].T).argmax(1) == labels[::2]).mean())

    model = models.map_join(backbone)
    models.fit_map(model, [people(0, 60)])
    assert accuracy(model) > 1.5 * accuracy(backbone) > 0


@pytest.fixture(scope="module")
def wide() -> keras.Model:
    """A network whose map is larger than what is kept of it."""
    keras.utils.set_random_seed(0)
    image = keras.Input((64, 64, 3))
    x = keras.layers.Conv2D(300, 7, 7, name="layer1_conv")(image)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x), name="wide")


def test_a_large_map_is_averaged_and_keeps_its_principal_channels(wide: keras.Model) -> None:
    model = models.map_join(wide, 5)
    assert model.get_layer("map_pool").output.shape == (None, 3, 3, 300)
    models.fit_map(model, [people(0, 8)])
    faces, _ = people(20, 8)
    conv = model.get_layer("map_channels")
    (kernel,) = conv.get_weights()
    np.testing.assert_allclose(kernel[0, 0].T @ kernel[0, 0], np.eye(256), atol=1e-4)
    before = models.predict(keras.Model(model.input, conv.input), faces)
    after = models.predict(keras.Model(model.input, conv.output), faces)
    # 147 numbers make a place: nothing is lost.
    np.testing.assert_allclose(
        np.linalg.norm(after, axis=-1), np.linalg.norm(before, axis=-1), rtol=1e-3
    )
    # A failure changes nothing, not the channels either.
    weights = model.get_weights()
    faces, labels = people(20, 1)
    with pytest.raises(ValueError, match="faces of at least two people"):
        models.fit_map(model, [(faces, labels)])
    for ours, theirs in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="batches must be readable twice"):
        models.fit_map(model, iter([people(0, 8)]))


def test_people_who_do_not_differ_and_channels_that_are_dead_do_no_harm() -> None:
    keras.utils.set_random_seed(0)
    image = keras.Input((64, 64, 3))
    x = keras.layers.Conv2D(8, 16, 16, activation="relu", name="layer1_conv")(image)
    net = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    conv = net.get_layer("layer1_conv")
    kernel, bias = conv.get_weights()
    bias[2:] = -1e6  # two channels of eight live
    conv.set_weights([kernel, bias])
    model = models.map_join(net, 60)
    faces, labels = people(0, 60, photos=2)
    models.fit_map(model, [(faces, labels)])
    (kernel, bias) = model.get_layer("map_projection").get_weights()
    lengths = np.linalg.norm(kernel, axis=0)
    assert np.isfinite(kernel).all() and 5 < (lengths > 0).sum() <= 32
    assert lengths[lengths > 0].min() > 1e-3 * lengths.max()
    # Two names of one person add no direction, and alone they have none.
    same = np.concatenate([faces[:4], faces[2:4]]), np.array([0, 0, 1, 1, 2, 2])
    models.fit_map(model, [same])
    (kernel, _) = model.get_layer("map_projection").get_weights()
    assert (np.linalg.norm(kernel, axis=0) > 0).sum() == 1
    with pytest.raises(ValueError, match="must differ between people"):
        models.fit_map(model, [(np.concatenate([faces[:2]] * 2), np.array([0, 0, 1, 1]))])


def test_values_far_from_zero_do_not_cancel(backbone: keras.Model) -> None:
    copy = keras.models.clone_model(backbone)
    copy.set_weights(backbone.get_weights())
    models.fit_map(plain := models.map_join(copy, 5), [people(0, 12)])
    conv = copy.get_layer("layer3_conv")
    conv.set_weights([conv.get_weights()[0], conv.get_weights()[1] + 1e4])
    models.fit_map(far := models.map_join(copy, 5), [people(0, 12)], shrinkage=0.1)
    assert np.isfinite(far.get_layer("map_projection").get_weights()[0]).all()
    assert plain.output_shape == far.output_shape


@pytest.mark.parametrize("form", ["sequential", "nested", "nested in a sequential"])
def test_networks_of_any_form_are_joined(form: str, tmp_path: Path) -> None:
    layers = keras.layers
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    inner = keras.Model(image, layers.Conv2D(4, 5, 5, name="conv")(image), name="inner")
    pool = layers.GlobalAveragePooling2D()
    if form == "sequential":
        net = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(4, 5, 5), pool])
    elif form == "nested":
        image = keras.Input((32, 32, 3))
        net = keras.Model(image, pool(inner(layers.Rescaling(1 / 255)(image))))
    else:
        net = keras.Sequential([keras.Input((32, 32, 3)), inner, pool])
    model = models.map_join(net, 3)
    assert model.get_layer("map_flat").output.shape == (None, 6 * 6 * 4 // (2 * 2))
    faces, labels = people(0, 5, photos=2, size=32)
    models.fit_map(model, [(faces, labels)])
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", compile=False)
    found = models.predict(again, faces)
    np.testing.assert_allclose(found, models.predict(model, faces), atol=1e-6)
    np.testing.assert_allclose(found[:, :4] * 2**0.5, unit(models.predict(net, faces)), atol=1e-5)


def test_it_is_kept_in_a_file_and_taken_off_again(
    backbone: keras.Model, fitted: keras.Model, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "joined.keras")
    again = keras.models.load_model(tmp_path / "joined.keras", compile=False)
    faces, _ = people(20, 2)
    np.testing.assert_allclose(
        models.predict(again, faces), models.predict(fitted, faces), atol=1e-6
    )
    assert models.alignment_of(again) == "vggface2"
    plain = unmapped(again)
    np.testing.assert_allclose(
        models.predict(plain, faces), models.predict(backbone, faces), atol=1e-6
    )
    assert unmapped(backbone) is backbone


def test_keras_trains_it(backbone: keras.Model) -> None:
    copy = keras.models.clone_model(backbone)
    model = models.classifier(models.map_join(copy, 6), 3, head="cosine")
    before = model.get_layer("map_projection").get_weights()[0]
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*people(0, 3), epochs=1, verbose=0)
    assert (model.get_layer("map_projection").get_weights()[0] != before).any()


def test_a_network_without_a_map_or_one_vector_is_refused() -> None:
    layers = keras.layers
    image = keras.Input((64, 64, 3))
    pooled = keras.Model(image, layers.GlobalAveragePooling2D()(image))
    with pytest.raises(ValueError, match="backbone must have a feature map of at least 3 x 3"):
        models.map_join(pooled)
    conv = layers.Conv2D(2, 9, 9)(image)
    with pytest.raises(ValueError, match="one image -> one vector"):
        models.map_join(keras.Model(image, conv))
    with pytest.raises(ValueError, match="one image -> one vector"):
        models.map_join(keras.Sequential([layers.Conv2D(2, 9)]))
    first = layers.AveragePooling2D(2, data_format="channels_first")(conv)
    other = keras.Model(image, layers.GlobalAveragePooling2D()(first))
    with pytest.raises(ValueError, match="feature maps with the channels last"):
        models.map_join(other)


def test_a_network_is_not_joined_twice(fitted: keras.Model) -> None:
    with pytest.raises(
        ValueError, match="backbone must not be joined yet. Received: 'tiny', joined"
    ):
        models.map_join(fitted)


def test_what_cannot_be_fitted_is_refused(backbone: keras.Model, fitted: keras.Model) -> None:
    faces, labels = people(0, 3)
    before = fitted.get_layer("map_projection").get_weights()
    with pytest.raises(ValueError, match=r"model must be from models.map_join. Received: 'tiny'"):
        models.fit_map(backbone, [(faces, labels)])
    with pytest.raises(ValueError, match=r"shrinkage must be in \(0, 1\]. Received: shrinkage=0"):
        models.fit_map(fitted, [(faces, labels)], shrinkage=0)
    wrong = [labels[:-1], labels[:, None], labels.astype("float32"), labels.astype(str)]
    for bad in wrong:
        with pytest.raises(ValueError, match="labels must be one int for each face"):
            models.fit_map(fitted, [(faces, bad)])
    for some in (slice(0, 4), slice(0, None, 4)):  # one person; one face of each
        with pytest.raises(ValueError, match="faces of at least two people, and two faces"):
            models.fit_map(fitted, [(faces[some], labels[some])])
    with pytest.raises(ValueError, match="Received: 0 faces of 0 people"):
        models.fit_map(fitted, [])
    for value, message in ((np.inf, "feature map must be finite"), (0, "differ in nothing")):
        broken = keras.models.clone_model(fitted)
        conv = broken.get_layer("layer3_conv")
        conv.set_weights([np.zeros_like(conv.kernel), np.full_like(conv.bias, value)])
        with pytest.raises(ValueError, match=message):
            models.fit_map(broken, [(faces, labels)])
    with pytest.raises(ValueError, match="features must be at least 1. Received: features=0"):
        models.map_join(backbone, 0)
    for ours, theirs in zip(before, fitted.get_layer("map_projection").get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
