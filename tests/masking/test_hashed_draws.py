from __future__ import annotations

import numpy as np
import pytest

from maskedface.masking.hashed_draws import fixed_masks

ROWS = np.arange(4000)
BANK = {"styles": 4, "variants": 3, "seed": 3}


def test_the_fixed_masks_of_an_image_differ_in_style_and_are_stable() -> None:
    masks = fixed_masks(ROWS, 4, **BANK)
    assert (np.sort(masks // 3, axis=1) == np.arange(4)).all()
    assert (fixed_masks(ROWS[::-1], 2, **BANK) == masks[::-1, :2]).all()
    assert len(np.unique(masks[:, 0])) == 12


def test_as_many_fixed_masks_as_the_bank_has_are_all_of_it() -> None:
    masks = fixed_masks(ROWS[:20], 12, **BANK)
    assert (np.sort(masks, axis=1) == np.arange(12)).all()


def test_another_seed_gives_other_masks() -> None:
    other = fixed_masks(ROWS, 1, **BANK | {"seed": 4})
    assert np.mean(other == fixed_masks(ROWS, 1, **BANK)) == pytest.approx(1 / 12, abs=0.02)


@pytest.mark.parametrize("count", [0, 13])
def test_a_count_that_the_bank_has_not_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=r"count must be in \[1, 12\]"):
        fixed_masks(ROWS, count, **BANK)
