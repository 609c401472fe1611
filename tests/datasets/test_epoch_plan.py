from __future__ import annotations

import numpy as np
import pytest

from maskedface import datasets
from maskedface.datasets import EpochPlan, FaceIndex, augmented
from maskedface.masking import RandomMask

LABELS, MASKED = np.repeat(np.arange(3), 4), np.arange(12) % 2 == 0
FACES = np.stack([datasets.draw_face(row % 4, 0, False, size=64) for row in range(12)])
ROWS = np.arange(12)


@pytest.fixture(scope="module")
def masks() -> RandomMask:
    return RandomMask(0.7, template="arcface", size=64, variants=1)


def test_only_unmasked_faces_are_given_masks(masks: RandomMask) -> None:
    plan = EpochPlan(LABELS, MASKED, masks=masks)
    found = plan.images(FACES.copy(), ROWS, np.zeros(12, bool), 0)
    changed = (found != FACES).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(changed, plan.choices(ROWS, 0) >= 0)
    assert changed.any() and not changed[MASKED].any()


def test_a_face_given_a_mask_counts_as_masked(masks: RandomMask) -> None:
    plan = EpochPlan(LABELS, MASKED, masks=masks, with_domains=True)
    targets = plan.targets(ROWS, 3)
    np.testing.assert_array_equal(targets[:, 0], LABELS)
    np.testing.assert_array_equal(targets[:, 1] == 1, MASKED | (plan.choices(ROWS, 3) >= 0))
    assert (EpochPlan(LABELS, MASKED).targets(ROWS, 0) == LABELS).all()


def test_masks_come_first_then_mirrors_then_small_changes(masks: RandomMask) -> None:
    plan = EpochPlan(LABELS, MASKED, masks=masks, augment=0.5, seed=4)
    mirrored = np.arange(12) % 3 == 0
    expected = masks.lay(FACES, plan.choices(ROWS, 1))
    expected[mirrored] = expected[mirrored, :, ::-1]
    expected = augmented(expected, ROWS, seed=4, epoch=1, strength=0.5)
    np.testing.assert_array_equal(plan.images(FACES.copy(), ROWS, mirrored, 1), expected)


def test_the_tensorflow_reader_follows_the_plan(drawn: FaceIndex) -> None:
    masks = RandomMask(0.7, template="vggface2", size=64, variants=1)
    words = {"seed": 2, "flip": True, "masks": masks, "augment": 1.0, "with_domains": True}
    plan = EpochPlan(
        drawn.labels(),
        np.array([face.domain == "masked" for face in drawn.faces]),
        sampling="grouped",
        **words,
    )
    chips = datasets.read_chips(drawn, size=64, template="vggface2")
    batches = datasets.as_tf_dataset(
        drawn, image_size=64, sampling="grouped", batch_size=10, initial_epoch=5, cache=chips, **words
    )
    rows, mirrored = plan.rows(5)
    for number, (images, targets) in enumerate(batches.as_numpy_iterator()):
        part = slice(10 * number, 10 * number + 10)
        expected = plan.images(chips[rows[part]], rows[part], mirrored[part], 5)
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(targets, plan.targets(rows[part], 5))
