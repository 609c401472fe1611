from __future__ import annotations

import numpy as np

from maskedface import datasets
from maskedface.datasets import augmented

FACES = np.stack([datasets.draw_face(person, 0, False, size=64) for person in range(6)])
ROWS = np.arange(6)


def test_a_change_is_a_function_of_seed_epoch_and_element() -> None:
    here = augmented(FACES, ROWS, seed=1, epoch=2)
    alone = augmented(FACES[3:4], ROWS[3:4], seed=1, epoch=2)
    np.testing.assert_array_equal(alone[0], here[3])
    for there in (augmented(FACES, ROWS, seed=1, epoch=3), augmented(FACES, ROWS, seed=2, epoch=2)):
        assert (there != here).any(axis=(1, 2, 3)).all()


def test_strength_zero_changes_nothing_and_more_changes_more() -> None:
    np.testing.assert_array_equal(augmented(FACES, ROWS, seed=0, epoch=0, strength=0), FACES)
    change = [
        abs(augmented(FACES, ROWS, seed=0, epoch=0, strength=s).astype(int) - FACES).mean()
        for s in (0.1, 1.0)
    ]
    assert 0 < change[0] < change[1]


def test_a_point_moves_no_farther_than_stated() -> None:
    image = np.zeros((1, 200, 200, 3), "uint8")
    image[:, 98:102, 98:102] = 255  # about the middle, which neither turn nor zoom moves
    for element in range(40):
        found = augmented(image, np.array([element]), seed=0, epoch=0)[0, ..., 0]
        bright = np.argwhere(found > found.min() / 2 + found.max() / 2).mean(axis=0)
        assert abs(bright - 99.5).max() < 0.04 * 200 + 1


def test_faces_given_are_left_as_they_are() -> None:
    before = FACES.copy()
    augmented(FACES, ROWS, seed=0, epoch=0)
    np.testing.assert_array_equal(FACES, before)
