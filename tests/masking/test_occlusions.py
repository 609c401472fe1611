from __future__ import annotations

import numpy as np
import pytest

from maskedface import geometry
from maskedface.masking import LOOSE_STYLES, OCCLUSIONS, STYLES, MaskBank, mask_photo
from maskedface.masking.patches import draw_patch
from maskedface.masking.sheet import face_matrix
from maskedface.masking.styles import Style

BY_NAME = {style.name: style for style in (*OCCLUSIONS, *LOOSE_STYLES)}
EYES, NOSE, MOUTH = ((38, 52), (73, 52)), ((56, 66),), ((45, 92), (56, 92), (67, 92))


def alpha_of(style: Style, variants: int = 24) -> np.ndarray:
    bank = MaskBank.draw([style], alignment="arcface", size=112, variants=variants)
    return bank.patches[..., 3]


def share_hidden(alpha: np.ndarray, places: tuple[tuple[int, int], ...]) -> float:
    return float(np.mean([alpha[:, y, x] > 128 for x, y in places]))


@pytest.mark.parametrize(
    ("name", "hidden", "seen"),
    [
        ("sunglasses", EYES, MOUTH),
        ("cap", ((56, 4), (40, 4), (72, 4)), (*EYES, *MOUTH)),
        ("beanie", ((56, 4), (40, 4), (72, 4)), (*EYES, *MOUTH)),
        ("under_nose", MOUTH, (*EYES, *NOSE)),
        ("scarf", MOUTH, EYES),
    ],
)
def test_each_hides_its_part_of_the_face(
    name: str, hidden: tuple[tuple[int, int], ...], seen: tuple[tuple[int, int], ...]
) -> None:
    alpha = alpha_of(BY_NAME[name])
    assert share_hidden(alpha, hidden) > 0.9
    assert share_hidden(alpha, seen) < 0.05


def test_a_hand_hides_some_of_the_lower_face_from_either_side() -> None:
    alpha = alpha_of(BY_NAME["hand"], 40) > 128
    shares = alpha[:, 40:112].mean(axis=(1, 2))
    assert (shares > 0.02).all() and (shares < 0.6).all()
    lefts = alpha[:, :, :56].sum(axis=(1, 2)) > alpha[:, :, 56:].sum(axis=(1, 2))
    assert 0.2 < lefts.mean() < 0.8


@pytest.mark.parametrize("style", BY_NAME.values(), ids=BY_NAME)
def test_each_one_looks_different_and_colors_are_multiplied_by_alpha(style: Style) -> None:
    patches = MaskBank.draw([style], alignment="arcface", size=64, variants=6).patches
    assert len({patch.tobytes() for patch in patches}) == 6
    assert (patches[..., :3].astype(int) <= patches[..., 3:].astype(int) + 1).all()


def test_the_temples_of_sunglasses_end_at_the_ears() -> None:
    matrix = face_matrix("arcface", 112, 112)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        patch = draw_patch(BY_NAME["sunglasses"], rng, matrix, 112, 112, turn=0.0)
        assert not patch[:, [0, 111], 3].any()


@pytest.mark.parametrize("style", [*BY_NAME.values(), STYLES[0]], ids=[*BY_NAME, "surgical"])
def test_on_a_photograph_it_is_drawn_whole(style: Style) -> None:
    # Where the box that is drawn in ends, nothing is left to draw.
    photo = np.full((500, 500, 3), 128, "uint8")
    points = geometry.alignment_points("arcface", 112, 112) + 190
    (left, right), (top, bottom) = getattr(style, "reach")  # noqa: B009
    for seed in range(6):
        changed = (mask_photo(photo, points, style, seed=seed) != photo).any(axis=2)
        rows, columns = (np.flatnonzero(changed.any(axis=axis)) - 190 for axis in (1, 0))
        assert top + 1 < rows.min() and rows.max() < bottom - 1
        assert left + 1 < columns.min() and columns.max() < right - 1


def test_a_hat_reaches_beyond_the_aligned_face_on_a_photograph() -> None:
    photo = np.full((300, 300, 3), 128, "uint8")
    points = geometry.alignment_points("arcface", 112, 112) + 90
    changed = (mask_photo(photo, points, BY_NAME["beanie"]) != photo).any(axis=2)
    assert changed[60:90, 120:170].mean() > 0.9  # above what an aligned image shows
    assert not changed[150:].any()  # below the eyes
