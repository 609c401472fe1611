from __future__ import annotations

import numpy as np
import pytest

from maskedface import datasets
from maskedface.datasets import EpochPlan, FaceIndex, augmented
from maskedface.datasets.order import Sampling
from maskedface.masking import RandomMask

LABELS, MASKED = np.repeat(np.arange(3), 4), np.arange(12) % 2 == 0
FACES = np.stack([datasets.draw_face(row % 4, 0, False, size=64) for row in range(12)])
ROWS = np.arange(12)


@pytest.fixture(scope="module")
def masks() -> RandomMask:
    return RandomMask(0.7, alignment="arcface", size=64, variants=1)


def test_only_unmasked_faces_are_given_masks(masks: RandomMask) -> None:
    plan = EpochPlan(LABELS, MASKED, masks=masks)
    found = plan.images(FACES.copy(), ROWS, np.zeros(12, bool), 0)
    changed = (found != FACES).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(changed, plan.choices(ROWS, 0) >= 0)
    assert changed.any() and not changed[MASKED].any()


def test_a_face_given_a_mask_counts_as_masked(masks: RandomMask) -> None:
    plan = EpochPlan(LABELS, MASKED, masks=masks, with_domains=True)
    targets = plan.targets(ROWS, 3)
    np.testing.assert_array_equal(targets.argmax(1), LABELS)
    np.testing.assert_array_equal(targets[:, -1] == 1, MASKED | (plan.choices(ROWS, 3) >= 0))
    assert (EpochPlan(LABELS, MASKED).targets(ROWS, 0) == LABELS).all()


def test_masks_come_first_then_mirrors_then_small_changes(masks: RandomMask) -> None:
    plan = EpochPlan(LABELS, MASKED, masks=masks, augment=0.5, seed=4)
    mirrored = np.arange(12) % 3 == 0
    expected = masks.lay(FACES, plan.choices(ROWS, 1))
    expected[mirrored] = expected[mirrored, :, ::-1]
    expected = augmented(expected, ROWS, seed=4, epoch=1, strength=0.5)
    np.testing.assert_array_equal(plan.images(FACES.copy(), ROWS, mirrored, 1), expected)


def test_a_face_that_comes_up_again_is_masked_and_changed_anew(masks: RandomMask) -> None:
    plan = EpochPlan(LABELS, MASKED, masks=masks, augment=1.0)
    again = [plan.images(FACES.copy(), ROWS + 12 * time, np.zeros(12, bool), 0) for time in (0, 1)]
    assert (again[0] != again[1]).any(axis=(1, 2, 3)).all()
    assert (plan.choices(ROWS, 0) != plan.choices(ROWS + 12, 0))[~MASKED].any()
    np.testing.assert_array_equal(plan.targets(ROWS + 12, 0), LABELS)


def test_a_face_that_comes_up_again_has_the_same_fixed_masks() -> None:
    masks = RandomMask(1.0, alignment="arcface", size=64, variants=2, fixed=2)
    plan = EpochPlan(LABELS, MASKED, masks=masks)
    for elements in (ROWS, ROWS + 12, ROWS + 24):
        own = masks.masks_of(ROWS)[ROWS, plan.views(elements, 4)]
        np.testing.assert_array_equal(plan.choices(elements, 4), np.where(MASKED, -1, own))


@pytest.mark.parametrize("sampling", ["grouped", "balanced"])
def test_the_tensorflow_reader_follows_the_plan(drawn: FaceIndex, sampling: Sampling) -> None:
    masks = RandomMask(0.7, alignment="vggface2", size=64, variants=1)
    words = {"seed": 2, "flip": True, "masks": masks, "augment": 1.0, "with_domains": True}
    plan = EpochPlan(
        drawn.labels(),
        np.array([face.domain == "masked" for face in drawn.faces]),
        sampling=sampling,
        **words,
    )
    chips = datasets.read_chips(drawn, size=64, alignment="vggface2")
    batches = datasets.as_tf_dataset(
        drawn,
        image_size=64,
        sampling=sampling,
        batch_size=10,
        initial_epoch=5,
        cache=chips,
        **words,
    )
    shown, mirrored = plan.elements(5)
    for number, (images, targets) in enumerate(batches.as_numpy_iterator()):
        part = slice(10 * number, 10 * number + 10)
        expected = plan.images(chips[plan.rows(shown[part])], shown[part], mirrored[part], 5)
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(targets, plan.targets(shown[part], 5))
