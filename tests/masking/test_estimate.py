from __future__ import annotations

import numpy as np
import pytest

from maskedface import geometry
from maskedface.masking import SEEMS_MASKED, masked_probability
from maskedface.masking.estimate import mask_features
from maskedface.masking.estimate_coefficients import COEFFICIENTS
from tests.faces import draw_face


def gray(image: np.ndarray) -> np.ndarray:
    return np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2).astype("uint8")


@pytest.mark.parametrize("shown", [np.asarray, gray])
def test_drawn_masks_are_seen(shown) -> None:  # type: ignore[no-untyped-def]
    right = [
        (masked_probability(shown(draw_face(person, 0, masked)), "arcface") >= SEEMS_MASKED)
        == masked
        for person in range(40)
        for masked in (False, True)
    ]
    assert np.mean(right) > 0.8


def test_points_place_a_face_as_its_alignment_does() -> None:
    face = draw_face(0, 0, True)
    around = np.pad(face, ((40, 20), (30, 50), (0, 0)), mode="edge")
    points = geometry.alignment_points("arcface", *face.shape[:2]) + np.array([30, 40])
    assert masked_probability(around, points) == pytest.approx(
        masked_probability(face, "arcface"), abs=0.02
    )


def test_there_is_a_coefficient_for_each_feature() -> None:
    assert mask_features(draw_face(0, 0, False), "arcface").shape == (len(COEFFICIENTS),)


@pytest.mark.parametrize("shape", [(1, 1, 3), (20, 300, 3)])
def test_any_image_gives_a_probability(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    assert 0 <= masked_probability(image, "") <= 1
