"""Layers that change training images: what they draw is a function of (seed, epoch, element)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from maskedface import datasets, layers, synthetic
from maskedface.datasets import FaceIndex
from maskedface.datasets.augmentation import Augmentation

FACES = np.stack([synthetic.draw_face(person, 0, False, size=64) for person in range(6)])
ROWS, BARE = np.arange(6), np.zeros(6, bool)
MANY = np.arange(4000)
FLIP = {"mode": "horizontal"}


def of(*layers: Any, seed: int = 1, alignment: str = "arcface", size: int = 64) -> Augmentation:
    return Augmentation(layers, seed=seed, alignment=alignment, size=size)


def mask(probability: float = 0.6, **words: Any) -> layers.RandomMask:
    return layers.RandomMask(probability, ["surgical", "cloth"], variants=2, **words)


@keras.saving.register_keras_serializable(package="tests.augmentation")
class Noise(keras.layers.Layer):
    """Draws for itself, from two seed generators."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.generators = [keras.random.SeedGenerator(3), keras.random.SeedGenerator(3)]

    def call(self, images: Any, training: bool | None = None) -> Any:
        images = keras.ops.cast(images, "float32")
        one, two = (keras.random.normal(keras.ops.shape(images), seed=g) for g in self.generators)
        return images + one - two


def test_a_draw_is_a_function_of_seed_epoch_and_element() -> None:
    augmentation = of(mask(), layers.RandomFaceJitter(1.0), keras.layers.RandomFlip(**FLIP))
    order = np.random.default_rng(0).permutation(MANY)
    bare = np.zeros(len(MANY), bool)
    here = augmentation.draws(MANY, 5, bare)
    again = of(mask(), layers.RandomFaceJitter(1.0), keras.layers.RandomFlip(**FLIP))
    np.testing.assert_array_equal(again.draws(order, 5, bare), here[order])
    assert here.shape == (4000, augmentation.num_draws) and here.dtype == np.float32
    other = of(*augmentation.layers, seed=2)
    for there in (augmentation.draws(MANY, 6, bare), other.draws(MANY, 5, bare)):
        assert (there != here).mean() > 0.999


def test_draws_are_even_below_one_and_no_two_columns_alike() -> None:
    found = of(mask(), mask(), layers.RandomFaceJitter(1.0)).draws(MANY, 0, np.zeros(4000, bool))
    assert (found >= 0).all() and (found < 1).all()
    np.testing.assert_allclose(found.mean(0), 0.5, atol=0.02)
    assert (abs(np.corrcoef(found.T) - np.eye(found.shape[1])) < 0.06).all()


def test_an_image_is_changed_alike_alone_and_in_a_batch() -> None:
    augmentation = of(mask(), layers.RandomFaceJitter(1.0), keras.layers.RandomFlip(**FLIP))
    draws = augmentation.draws(ROWS, 2, BARE)
    here = np.asarray(augmentation.apply(FACES, draws, augmentation.batch_seed(2, 0)))
    alone = augmentation.apply(FACES[3:4], draws[3:4], augmentation.batch_seed(2, 9))
    np.testing.assert_array_equal(np.asarray(alone)[0], here[3])
    assert here.dtype == np.uint8 and (here != FACES).any(axis=(1, 2, 3)).all()


def test_masked_faces_are_given_no_mask() -> None:
    augmentation, masked = of(mask(1.0)), ROWS % 2 == 0
    draws = augmentation.draws(ROWS, 0, masked)
    np.testing.assert_array_equal(augmentation.lays(draws), ~masked)
    changed = np.asarray(augmentation.apply(FACES, draws, augmentation.batch_seed(0, 0))) != FACES
    np.testing.assert_array_equal(changed.any(axis=(1, 2, 3)), ~masked)


def test_the_share_of_masks_and_mirrors_is_what_was_asked() -> None:
    augmentation = of(keras.layers.RandomFlip(**FLIP), mask(0.3))
    draws = augmentation.draws(MANY, 0, np.zeros(4000, bool))
    assert augmentation.lays(draws).mean() == pytest.approx(0.3, abs=0.03)
    assert augmentation.mirrored(draws).mean() == pytest.approx(0.5, abs=0.03)


def test_mirrored_images_are_turned_left_to_right_and_others_stay() -> None:
    augmentation = of(keras.layers.RandomFlip(**FLIP))
    draws = augmentation.draws(ROWS, 0, BARE)
    turned = augmentation.mirrored(draws)
    assert turned.any() and not turned.all()
    expected = np.where(turned[:, None, None, None], FACES[:, :, ::-1], FACES)
    before = FACES.copy()
    for images, part in ((FACES, draws), (tf.constant(FACES), tf.constant(draws))):
        found = augmentation.apply(images, part, augmentation.batch_seed(0, 0))
        np.testing.assert_array_equal(np.asarray(found), expected)
    np.testing.assert_array_equal(FACES, before)


def test_two_mirrors_turn_back() -> None:
    augmentation = of(keras.layers.RandomFlip(**FLIP), keras.layers.RandomFlip(**FLIP))
    draws = augmentation.draws(MANY, 0, np.zeros(4000, bool))
    np.testing.assert_array_equal(
        augmentation.mirrored(draws), (draws[:, 0] < 0.5) != (draws[:, 1] < 0.5)
    )
    assert not augmentation.is_mirror


def test_layers_come_in_their_order() -> None:
    one, two = of(mask(1.0), layers.RandomFaceJitter(1.0)), of(mask(1.0))
    draws = one.draws(ROWS, 0, BARE)
    masked = two.apply(FACES, draws[:, : two.num_draws], two.batch_seed(0, 0))
    expected = one.layers[1].transform(masked, draws[:, two.num_draws :])
    found = one.apply(FACES, draws, one.batch_seed(0, 0))
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


@pytest.mark.parametrize(
    ("layers_", "draws_all", "mirrors", "is_mirror"),
    [
        ([], True, False, True),
        ([keras.layers.RandomFlip("horizontal")], True, True, True),
        ([keras.layers.RandomFlip("vertical")], False, False, False),
        ([keras.layers.Rescaling(0.5)], True, False, False),
        ([layers.RandomFaceJitter(1.0)], True, False, False),
        ([Noise(), keras.layers.RandomFlip("horizontal")], False, True, False),
    ],
    ids=["none", "mirror", "Keras' own", "no draw", "jitter", "own"],
)
def test_it_is_known_what_layers_do(
    layers_: list[Any], draws_all: bool, mirrors: bool, is_mirror: bool
) -> None:
    found = of(*layers_)
    assert (found.draws_all, found.mirrors, found.is_mirror) == (draws_all, mirrors, is_mirror)


def test_a_mirror_of_ones_own_is_not_taken_for_keras_mirror() -> None:
    class Never(keras.layers.RandomFlip):
        def call(self, images: Any, training: bool = True) -> Any:
            return images

    found = of(Never("horizontal"))
    assert not found.is_mirror and found.num_draws == 0


def test_a_layer_without_an_alignment_has_that_of_the_images() -> None:
    given = mask()
    found = of(given, mask(alignment="dlib"))
    assert [layer.alignment for layer in found.layers] == ["arcface", "dlib"]
    assert given.alignment is None and not given.built


def test_of_a_sequential_model_its_layers_count() -> None:
    inner = keras.Sequential([mask(1.0), keras.Sequential([keras.layers.RandomFlip(**FLIP)])])
    found = of(inner, layers.RandomFaceJitter(1.0))
    kinds = [type(layer).__name__ for layer in found.layers]
    assert kinds == ["RandomMask", "RandomFlip", "RandomFaceJitter"]
    assert found.layers[0].alignment == "arcface" and found.mirrors


def test_a_layer_of_too_many_draws_is_refused() -> None:
    class Greedy(keras.layers.Layer):
        num_draws = 33

    with pytest.raises(ValueError, match="num_draws must be at most 32. Received: "):
        of(Greedy())


@pytest.mark.parametrize("size", [33, 64])
def test_it_is_the_same_in_a_graph(size: int) -> None:
    augmentation = of(mask(), layers.RandomFaceJitter(1.0), keras.layers.RandomFlip(**FLIP))
    draws, seed = augmentation.draws(ROWS, 0, BARE), augmentation.batch_seed(0, 0)
    eager = np.asarray(augmentation.apply(FACES, draws, seed))
    batches = tf.data.Dataset.from_tensors((FACES, draws, seed))
    batches = batches.map(augmentation.apply, num_parallel_calls=2)
    (found,) = list(batches)
    assert abs(found.numpy().astype(int) - eager).max() <= 1


OWN = {
    "Keras' own": lambda: keras.layers.RandomContrast(0.5, value_range=(0, 255), seed=1),
    "two generators": Noise,
    "without a seed": lambda: keras.layers.RandomTranslation(0.3, 0.3),
}
SMALL = {"image_size": 40, "alignment": "dlib", "batch_size": 5, "shuffle": True}


def batches(index: FaceIndex, layer: Any, epochs: int = 1, **words: Any) -> list[np.ndarray]:
    read = datasets.as_tf_dataset(index, augmentation=[layer], **SMALL, **words)
    return [images for _ in range(epochs) for images, _ in read.as_numpy_iterator()]


@pytest.mark.parametrize("kind", OWN)
def test_a_layer_that_draws_for_itself_gives_the_same_batches_again(
    drawn: FaceIndex, kind: str
) -> None:
    first, second = (batches(drawn, OWN[kind](), epochs=2, seed=3) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    layer = OWN[kind]()
    batches(drawn, layer)  # whatever the layer has drawn before
    np.testing.assert_array_equal(batches(drawn, layer, seed=3)[0], first[0])


@pytest.mark.parametrize("kind", OWN)
def test_a_layer_that_draws_for_itself_goes_on_where_it_was(drawn: FaceIndex, kind: str) -> None:
    three = batches(drawn, OWN[kind](), epochs=3)
    steps = len(three) // 3
    later = batches(drawn, OWN[kind](), initial_epoch=2)
    for one, other in zip(later, three[2 * steps :], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", OWN)
def test_a_layer_that_draws_for_itself_draws_anew_each_batch_and_epoch(kind: str) -> None:
    augmentation = of(OWN[kind](), OWN[kind]())
    draws = augmentation.draws(ROWS, 0, BARE)
    found = [
        np.asarray(augmentation.apply(FACES, draws, augmentation.batch_seed(epoch, step)))
        for epoch, step in ((0, 0), (0, 1), (1, 0), (0, 0))
    ]
    np.testing.assert_array_equal(found[0], found[3])
    assert (found[0] != found[1]).any() and (found[0] != found[2]).any()


def test_generators_of_one_layer_and_of_two_do_not_draw_alike() -> None:
    augmentation = of(Noise())
    images = np.asarray(augmentation.apply(FACES, np.zeros((6, 0)), augmentation.batch_seed(0, 0)))
    assert (images != FACES).any()  # else both would have drawn the same


def test_images_and_arrays_are_read_alike(drawn: FaceIndex) -> None:
    """`training` reads arrays where a batch is split between devices."""
    from maskedface.datasets.epoch_plan import EpochPlan

    chips = datasets.read_aligned_faces(drawn, size=40, alignment="dlib")
    masked = drawn.masked
    own = [mask(), Noise(), keras.layers.RandomFlip(**FLIP)]
    plan = EpochPlan(drawn.labels(), masked, of(*own, alignment="dlib", size=40, seed=0))
    shown = datasets.as_tf_dataset(drawn, augmentation=own, cache=chips, **SMALL)
    elements = plan.elements(0)
    for step, (images, labels) in enumerate(shown.as_numpy_iterator()):
        part = elements[5 * step : 5 * step + 5]
        draws = plan.draws(part, 0)
        found = plan.images(chips[plan.rows(part)], draws, 0, step)
        np.testing.assert_allclose(images, found, atol=1)
        np.testing.assert_array_equal(labels, plan.targets(part, draws))


def test_two_data_sets_of_one_layer_that_draws_for_itself_do_not_meet(drawn: FaceIndex) -> None:
    noise = Noise()
    alone = list(datasets.as_tf_dataset(drawn, augmentation=[noise], **SMALL).as_numpy_iterator())
    pair = [datasets.as_tf_dataset(drawn, augmentation=[noise], **SMALL) for _ in range(2)]
    for (images, _), *both in zip(alone, *(p.as_numpy_iterator() for p in pair), strict=True):
        for seen, _ in both:
            np.testing.assert_array_equal(seen, images)
