from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from maskedface import geometry
from maskedface.masking import STYLES, mask_photo
from maskedface.masking.masked_photos import _turn
from tests.faces import draw_face

ALIGNMENT = geometry.alignment_points("arcface", 112, 112)


def photo(zoom: int, left: int = 60, top: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """A drawn face in a larger picture, and its five points."""
    face = Image.fromarray(draw_face(0, 0, False, size=112))
    face = face.resize((112 * zoom, 112 * zoom), Image.Resampling.BILINEAR)
    image = np.full((112 * zoom + 2 * top, 112 * zoom + 2 * left, 3), 90, "uint8")
    image[top : top + 112 * zoom, left : left + 112 * zoom] = np.asarray(face)
    return image, (ALIGNMENT + 0.5) * zoom - 0.5 + (left, top)


@pytest.mark.parametrize("zoom", [1, 3, 6])
def test_the_mask_lies_on_the_face_whatever_its_size(zoom: int) -> None:
    image, points = photo(zoom)
    changed = np.abs(mask_photo(image, points, STYLES[0]).astype(int) - image).max(axis=-1) > 8

    def at(x: float, y: float) -> bool:
        column, row = np.rint((np.array([x, y]) + 0.5) * zoom - 0.5 + (60, 40)).astype(int)
        return bool(changed[row, column])

    assert all(at(x, y) for x, y in ((56, 80), (56, 95), (36, 85), (76, 85)))
    assert not any(at(x, y) for x, y in ((38, 51), (73, 51), (56, 20), (0, 0)))


def test_a_tilted_face_gets_a_tilted_mask() -> None:
    image, points = photo(2)
    sideways = np.ascontiguousarray(np.rot90(image))
    turned = np.stack([points[:, 1], image.shape[1] - 1 - points[:, 0]], 1)
    upright = mask_photo(image, points, STYLES[1], seed=2).astype(int)
    laid = mask_photo(sideways, turned, STYLES[1], seed=2).astype(int)
    assert np.abs(np.rot90(laid, -1) - upright).mean() < 1


def test_the_seed_says_which_mask() -> None:
    image, points = photo(1)
    first, again, other = (mask_photo(image, points, STYLES[0], seed=seed) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_a_face_at_the_rim_or_outside_is_no_error() -> None:
    image, points = photo(1)
    assert mask_photo(image, points + np.array([70, 60]), STYLES[0]).shape == image.shape
    for away in (5000.0, -5000.0):
        assert (mask_photo(image, points + away, STYLES[0]) == image).all()


def test_the_nose_says_where_the_head_is_turned() -> None:
    assert _turn(ALIGNMENT) == pytest.approx(0, abs=1e-6)
    right = ALIGNMENT + np.array([(0, 0), (0, 0), (12.5, 0), (0, 0), (0, 0)])
    assert _turn(right) == pytest.approx(np.arcsin(0.5), abs=1e-6)
    assert _turn(3 * right + 7) == pytest.approx(np.arcsin(0.5), abs=1e-6)


def test_bad_arguments_are_refused() -> None:
    image, points = photo(1)
    with pytest.raises(ValueError, match="image must have shape"):
        mask_photo(image[..., 0], points, STYLES[0])
    with pytest.raises(ValueError, match="must both have shape"):
        mask_photo(image, points[:4], STYLES[0])
