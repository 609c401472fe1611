from __future__ import annotations

import numpy as np
import pytest

from maskedface.masking import STYLES, MaskBank, MaskStyle
from maskedface.masking.patches import draw_patch
from maskedface.masking.sheet import Fit, Sheet, face_matrix
from maskedface.masking.styles import Style


def bank_of(styles: tuple[Style, ...], **values: int) -> np.ndarray:
    settings = {"size": 112, "variants": 6, "seed": 0, **values}
    return MaskBank.draw(styles, alignment="arcface", **settings).patches


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_a_mask_covers_nose_and_mouth_and_leaves_eyes_and_brows(style: MaskStyle) -> None:
    alpha = bank_of((style,))[..., 3]
    for x, y in ((56, 76), (56, 92), (44, 88), (68, 88), (56, 103)):
        assert (alpha[:, y, x] > 250).all()
    for x, y in ((38, 51), (73, 51), (38, 40), (73, 40), (5, 20), (107, 20)):
        assert (alpha[:, y, x] == 0).all()


def test_edges_are_smooth() -> None:
    alpha = bank_of((STYLES[0],))[0, :, 56, 3].astype(int)
    assert np.diff(alpha).max() < 200 and ((alpha > 30) & (alpha < 220)).sum() >= 2


def test_nose_line_width_and_place_vary() -> None:
    solid = bank_of((STYLES[0],), variants=24)[..., 3] > 200
    tops = solid[:, :, 56].argmax(axis=1)
    widths = solid[:, 80].sum(axis=1)
    lefts = solid[:, 80].argmax(axis=1)
    assert np.ptp(tops) >= 8 and np.ptp(widths) >= 8 and np.ptp(lefts) >= 8


def test_a_style_has_its_own_look_each_time() -> None:
    patches = bank_of((STYLES[0],))
    assert len({patch.tobytes() for patch in patches}) == len(patches)


def test_a_patch_does_not_depend_on_what_else_is_drawn() -> None:
    alone = bank_of((STYLES[3],), variants=2)
    assert (bank_of(STYLES[2:5], variants=3)[3:5] == alone).all()


def test_colors_are_already_multiplied_by_alpha() -> None:
    patches = bank_of(STYLES, variants=2).astype(int)
    assert (patches[..., :3] <= patches[..., 3:] + 1).all()


def test_a_patch_follows_the_faces_five_points() -> None:
    # Twice the size, shifted: the mask is found at the same face coordinates.
    matrix = face_matrix("arcface", 112, 112)
    larger = np.array([[2, 0, 0.5], [0, 2, 0.5]])
    small = draw_patch(STYLES[0], np.random.default_rng(0), matrix, 112, 112)
    large = draw_patch(STYLES[0], np.random.default_rng(0), larger, 224, 224)
    halved = large.reshape(112, 2, 112, 2, 4).mean(axis=(1, 3))
    assert np.abs(halved - small).mean() < 1.5


def test_every_pixel_finds_its_place_on_the_face_again() -> None:
    fit = Fit(nose=-3, flat=4, chin=5, width=1.05, tilt=0.05, turn=0.3, right=1)
    points = np.array([(x, y) for x in (-35.0, -5, 0, 20, 35) for y in (50.0, 60, 80, 112, 118)])
    placed = fit.place(points)
    found = np.stack(fit.unplace(*placed.T), 1)
    assert np.abs(found - points).max() < 0.02


def test_a_turned_head_narrows_the_far_side() -> None:
    sheet = Sheet(face_matrix("arcface", 112, 112), 112, 112, Fit(turn=0.4))
    left, middle, right = sheet.fit.place([(-38, 80), (0, 80), (38, 80)])[:, 0]
    assert right - middle < 0.8 * (middle - left)


@pytest.mark.parametrize(
    ("styles", "values"),
    [
        ((), {}),
        ((STYLES[0], STYLES[0]), {}),
        (STYLES[:1], {"size": 31}),
        (STYLES[:1], {"variants": 0}),
        (STYLES[:1], {"seed": -1}),
    ],
)
def test_bad_arguments_are_refused(styles: tuple[Style, ...], values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        bank_of(styles, **values)


def test_an_unknown_alignment_is_refused() -> None:
    with pytest.raises(ValueError, match="alignment must be one of"):
        MaskBank.draw(STYLES[:1], alignment="oval", size=112, variants=1)
