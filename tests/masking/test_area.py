from __future__ import annotations

import numpy as np
import pytest

from maskedface import geometry, masking


def test_the_area_covers_the_mouth_and_not_the_eyes() -> None:
    area = masking.mask_area("arcface", 64, variants=1)
    assert area.shape == (64, 64) and area.min() >= 0 and area.max() <= 1
    points = geometry.alignment_points("arcface", 64, 64).round().astype(int)
    left_eye, right_eye, _, left_mouth, right_mouth = [area[y, x] for x, y in points]
    assert max(left_eye, right_eye) < 0.1 and min(left_mouth, right_mouth) > 0.9


def test_one_masks_area_is_its_alpha() -> None:
    area = masking.mask_area("dlib", 48, styles=masking.STYLES[:1], variants=1, seed=3)
    bank = masking.MaskBank.draw(masking.STYLES[:1], alignment="dlib", size=48, variants=1, seed=3)
    assert np.array_equal(area, bank.patches[0, ..., 3] / 255)


def test_an_unknown_alignment_is_refused() -> None:
    with pytest.raises(ValueError, match="alignment must be one of"):
        masking.mask_area("oval", 64)
