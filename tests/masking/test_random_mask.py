from __future__ import annotations

import numpy as np
import pytest

from maskedface.datasets import draw_face
from maskedface.masking import STYLES, RandomMask

SIZE = 64
ROWS = np.arange(4000)


@pytest.fixture(scope="module")
def mask() -> RandomMask:
    return RandomMask(0.6, STYLES[:4], 3, size=SIZE, variants=3)


def test_the_share_of_masks_and_of_each_style_is_what_was_asked(mask: RandomMask) -> None:
    choice = mask.choices(ROWS, 0)
    assert np.mean(choice >= 0) == pytest.approx(0.6, abs=0.03)
    counts = np.bincount(choice[choice >= 0], minlength=len(mask.bank))
    assert len(counts) == 12 and counts.min() > 150 and counts.max() < 250


def test_the_choice_is_a_function_of_seed_epoch_and_element(mask: RandomMask) -> None:
    again = RandomMask(0.6, STYLES[:4], 3, size=SIZE, variants=3)
    order = np.random.default_rng(0).permutation(ROWS)
    assert (again.choices(order, 5) == mask.choices(ROWS, 5)[order]).all()


def test_another_epoch_seed_or_element_is_another_draw(mask: RandomMask) -> None:
    other_seed = RandomMask(0.6, STYLES[:4], 4, size=SIZE, variants=3)
    here = mask.choices(ROWS, 0)
    for there in (mask.choices(ROWS, 1), other_seed.choices(ROWS, 0), np.roll(here, 1)):
        # By chance .4 * .4 are both bare and .6 * .6 / 12 wear the same: .19.
        assert np.mean(here == there) == pytest.approx(0.19, abs=0.03)


def test_probabilities_none_and_all_are_exact() -> None:
    none = RandomMask(0.0, STYLES[:1], size=SIZE, variants=1).choices(ROWS, 0)
    every = RandomMask(1.0, STYLES[:1], size=SIZE, variants=1).choices(ROWS, 0)
    assert (none == -1).all() and (every == 0).all()


def fixed(k: int) -> RandomMask:
    return RandomMask(0.6, STYLES[:4], 3, size=SIZE, variants=3, fixed=k)


def test_the_fixed_masks_of_an_image_differ_in_style_and_are_stable() -> None:
    masks = fixed(4).masks_of(ROWS)
    assert (np.sort(masks // 3, axis=1) == np.arange(4)).all()
    assert (fixed(2).masks_of(ROWS[::-1]) == masks[::-1, :2]).all()
    assert len(np.unique(masks[:, 0])) == 12


def test_as_many_fixed_masks_as_the_bank_has_are_all_of_it() -> None:
    masks = fixed(12).masks_of(ROWS[:20])
    assert (np.sort(masks, axis=1) == np.arange(12)).all()


def test_views_are_columns_drawn_alike_and_with_the_same_chance(mask: RandomMask) -> None:
    views = fixed(5).views(ROWS, 2)
    assert ((views >= 0) == (mask.choices(ROWS, 2) >= 0)).all()
    counts = np.bincount(views[views >= 0])
    assert len(counts) == 5 and counts.min() > 400


def test_an_image_wears_only_its_fixed_masks() -> None:
    few = fixed(2)
    for epoch in range(3):
        choice, own = few.choices(ROWS, epoch), few.masks_of(ROWS)
        assert ((choice[:, None] == own).any(axis=1) | (choice == -1)).all()


def test_parallel_maps_give_the_same_masks_as_numpy(mask: RandomMask) -> None:
    import tensorflow as tf

    faces = np.stack([draw_face(person, 0, False, size=SIZE) for person in range(12)])
    rows = np.arange(12)
    expected = mask(faces, rows, 7)
    batches = tf.data.Dataset.from_tensor_slices((faces, rows)).batch(5).repeat(4)
    batches = batches.map(
        lambda images, rows: mask(images, rows, 7), num_parallel_calls=4, deterministic=True
    )
    laid = np.concatenate([batch.numpy() for batch in batches]).reshape(4, *faces.shape)
    assert (laid == expected).all()


def test_the_epoch_may_be_a_tensor(mask: RandomMask) -> None:
    import tensorflow as tf

    faces = np.stack([draw_face(0, 0, False, size=SIZE)] * 6)
    epochs = tf.data.Dataset.range(3).map(
        lambda epoch: mask(tf.constant(faces), tf.range(6, dtype=tf.int64), epoch)
    )
    for epoch, laid in enumerate(epochs):
        assert (laid.numpy() == mask(faces, np.arange(6), epoch)).all()


def test_other_alignments_move_the_mask() -> None:
    from maskedface import geometry

    for alignment in geometry.ALIGNMENTS:
        mask = RandomMask(1.0, STYLES[:2], alignment=alignment, size=96, variants=2)
        points = geometry.alignment_points(alignment, 96, 96).round().astype(int)
        alpha = mask.bank.patches[..., 3]
        nose, left, right = points[2], points[3], points[4]
        for x, y in (nose + np.array([0, 4]), left, right):
            assert (alpha[:, y, x] > 250).all()
        assert (alpha[:, points[0, 1], points[0, 0]] == 0).all()


@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_a_bad_probability_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="probability must be in"):
        RandomMask(probability, STYLES[:1], size=SIZE, variants=1)


@pytest.mark.parametrize("k", [-1, 13])
def test_a_bad_number_of_fixed_masks_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match="fixed must be in"):
        fixed(k)


def test_images_of_no_common_alignment_are_masked_in_tensorflow_too(mask: RandomMask) -> None:
    import tensorflow as tf

    from maskedface import geometry

    faces = np.stack([draw_face(person, 0, False, size=SIZE) for person in range(4)])
    points = np.stack([geometry.alignment_points("arcface", SIZE, SIZE) + 2] * 4)
    found = mask(tf.constant(faces), tf.range(4, dtype=tf.int64), 1, tf.constant(points)).numpy()
    np.testing.assert_array_equal(found, mask(faces, np.arange(4), 1, points))
    assert (found != mask(faces, np.arange(4), 1)).any()
