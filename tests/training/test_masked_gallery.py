"""What stands for a bare face in the gallery of masked probes?"""

from __future__ import annotations

import numpy as np

from maskedface.datasets import draw_face
from maskedface.training.masked_gallery import masked_gallery

FACES = np.stack([draw_face(person, 0, False, size=48) for person in range(3)])


def lower_half(faces: np.ndarray) -> np.ndarray:
    return faces[:, 24:].reshape(len(faces), -1).astype("float32")


def test_bare_faces_move_towards_masked_ones_and_masked_ones_stay() -> None:
    masked = np.array([False, True, False])
    plain = lower_half(FACES) / np.linalg.norm(lower_half(FACES), axis=1, keepdims=True)

    shown = masked_gallery(lower_half, FACES, masked, count=2, template="arcface", seed=0)

    assert np.allclose(np.linalg.norm(shown, axis=1), 1, atol=1e-5)
    assert np.allclose(shown[1], plain[1], atol=1e-6)
    assert (np.abs(shown - plain)[[0, 2]].max(axis=1) > 1e-3).all()


def test_without_a_bare_face_nothing_changes() -> None:
    masked = np.ones(3, bool)
    shown = masked_gallery(lower_half, FACES, masked, count=1, template="arcface", seed=0)
    assert np.allclose(shown, masked_gallery(lower_half, FACES, masked, count=2, template="arcface", seed=0))
