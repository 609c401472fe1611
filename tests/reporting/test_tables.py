from __future__ import annotations

from maskedface import layers, recipes
from maskedface.reporting.tables import trained_on


def test_what_is_drawn_on_faces_is_said_with_its_share() -> None:
    plain = recipes.COSINE_MARGIN
    drawn = plain.override(augmentation=[layers.RandomMask(0.4), layers.RandomOcclusion(0.2)])
    assert "drawn" not in trained_on(plain, 100)
    assert "masks drawn on 40%, occlusions drawn on 20%," in trained_on(drawn, 100)
    assert "occlusions drawn on 50%" in trained_on(
        plain.override('augmentation=["RandomOcclusion"]'), 100
    )
