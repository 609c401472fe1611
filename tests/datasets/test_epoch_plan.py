from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from maskedface import datasets, layers, synthetic
from maskedface.datasets import FaceIndex
from maskedface.datasets.augmentation import Augmentation
from maskedface.datasets.epoch_plan import EpochPlan
from maskedface.datasets.order import Sampling

LABELS, MASKED = np.repeat(np.arange(3), 4), np.arange(12) % 2 == 0
FACES = np.stack([synthetic.draw_face(row % 4, 0, False, size=64) for row in range(12)])
ROWS = np.arange(12)


def augmentation(*more: Any) -> Augmentation:
    masks = layers.RandomMask(0.7, variants=1)
    return Augmentation([masks, *more], alignment="arcface", size=64)


def plan_of(*more: Any, **words: Any) -> EpochPlan:
    return EpochPlan(LABELS, MASKED, augmentation(*more), **words)


def images(plan: EpochPlan, elements: np.ndarray, epoch: int) -> np.ndarray:
    faces = FACES[plan.rows(elements)]
    return np.asarray(plan.images(faces, plan.draws(elements, epoch), epoch, 0))


def test_only_unmasked_faces_are_given_masks() -> None:
    plan = plan_of()
    changed = (images(plan, ROWS, 0) != FACES).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(changed, plan.augmentation.lays(plan.draws(ROWS, 0)))
    assert changed.any() and not changed[MASKED].any()


def test_a_face_given_a_mask_counts_as_masked() -> None:
    plan = plan_of(with_domains=True)
    draws = plan.draws(ROWS, 3)
    targets = plan.targets(ROWS, draws)
    np.testing.assert_array_equal(targets.argmax(1), LABELS)
    np.testing.assert_array_equal(targets[:, -1] == 1, MASKED | plan.augmentation.lays(draws))
    assert (plan_of().targets(ROWS, draws) == LABELS).all()


def test_the_number_of_people_may_be_more_than_the_labels_name() -> None:
    plan = plan_of(with_domains=True, classes=7)
    assert plan.targets(ROWS, plan.draws(ROWS, 0)).shape == (12, 8)


def test_a_face_that_comes_up_again_is_masked_and_changed_anew() -> None:
    plan = plan_of(layers.RandomFaceJitter(1.0))
    again = [images(plan, ROWS + 12 * time, 0) for time in (0, 1)]
    assert (again[0] != again[1]).any(axis=(1, 2, 3)).all()
    first, second = plan.draws(ROWS, 0), plan.draws(ROWS + 12, 0)
    lays = plan.augmentation.lays
    assert (lays(first) != lays(second))[~MASKED].any()
    np.testing.assert_array_equal(plan.targets(ROWS + 12, second), LABELS)


# TensorFlow traces a pipeline.
@pytest.mark.long
@pytest.mark.parametrize("sampling", ["grouped", "balanced"])
def test_the_tensorflow_reader_follows_the_plan(drawn: FaceIndex, sampling: Sampling) -> None:
    parts = [
        layers.RandomMask(0.7, variants=1),
        keras.layers.RandomFlip("horizontal"),
        layers.RandomFaceJitter(1.0),
    ]
    plan = EpochPlan(
        drawn.labels(),
        drawn.masked,
        Augmentation(parts, seed=2, alignment="vggface2", size=64),
        sampling=sampling,
        with_domains=True,
    )
    chips = datasets.read_aligned_faces(drawn, size=64, alignment="vggface2")
    batches = datasets.as_tf_dataset(
        drawn,
        image_size=64,
        sampling=sampling,
        batch_size=10,
        initial_epoch=5,
        cache=chips,
        seed=2,
        augmentation=parts,
        with_domains=True,
    )
    shown = plan.elements(5)
    for number, (found, targets) in enumerate(batches.as_numpy_iterator()):
        part = shown[10 * number : 10 * number + 10]
        draws = plan.draws(part, 5)
        expected = plan.images(chips[plan.rows(part)], draws, 5, number)
        # Compiled as a part of the graph, a half may be rounded the other way.
        assert abs(found.astype(int) - expected).max() <= 1
        np.testing.assert_array_equal(targets, plan.targets(part, draws))
