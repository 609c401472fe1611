"""Whether the rates that thresholds keep on other strangers are counted right."""

from __future__ import annotations

import numpy as np
import pytest

PEOPLE, PHOTOS = 120, 6
ASKED = 0.1


def people_alike_under_masks(likeness: float) -> tuple[np.ndarray, ...]:
    """Three unmasked and three masked photographs of each person; all masked faces share a direction."""
    from measure_gallery_thresholds import Faces

    rng = np.random.default_rng(0)
    own = np.repeat(rng.normal(size=(PEOPLE, 32)), PHOTOS, axis=0)
    masked = np.tile(np.arange(PHOTOS) >= PHOTOS // 2, PEOPLE)
    bare = own + 0.5 * rng.normal(size=own.shape)
    mask = likeness * np.eye(32)[0]
    covered = bare + mask
    bare[masked] += mask
    people = np.array([f"person {number // PHOTOS:03d}" for number in range(len(own))])
    photos = np.array([f"photo {number}" for number in range(len(own))])
    # A template with drawn masks lies between a face and a masked face.
    return Faces(people, photos, masked, bare, bare + 0.5 * mask * ~masked[:, None], covered)


def rates(likeness: float) -> dict[str, np.ndarray]:
    from measure_gallery_thresholds import found

    faces = people_alike_under_masks(likeness)
    draws = [found(faces, None, [ASKED], np.random.default_rng(seed)) for seed in range(4)]
    return {how: np.mean([draw[ASKED, how] for draw in draws], axis=0) for _, how in draws[0]}


def test_masked_strangers_who_are_alike_are_named_too_often_by_an_unmasked_threshold() -> None:
    made = rates(6.0)
    assert made["unmasked, one"][0] == pytest.approx(ASKED, abs=0.05)
    assert made["unmasked, one"][1] > 3 * ASKED
    for how in ("drawn masks, two", "masked too, two"):
        assert made[how][:2] == pytest.approx([ASKED, ASKED], abs=0.05)
        assert made[how][2] == made["unmasked, one"][2]  # unmasked faces keep their threshold
    # One threshold for both kinds: unmasked people pay for the masked ones.
    assert made["masked too, one"][2] > made["masked too, two"][2] + 0.05


def test_without_any_effect_of_masks_all_thresholds_are_about_the_same() -> None:
    made = rates(0.0)
    assert {
        how for how, found in made.items() if found[:2] == pytest.approx([ASKED, ASKED], abs=0.05)
    } >= {"unmasked, one", "masked too, one", "masked too, two"}


def test_where_nobody_wears_a_mask_masked_rates_are_not_made_up() -> None:
    from measure_gallery_thresholds import Faces, found

    faces = people_alike_under_masks(0.0)
    unmasked = Faces(*(values[~faces.masked] for values in faces))
    shares = found(unmasked, None, [ASKED], np.random.default_rng(0))[ASKED, "drawn masks, two"]
    assert np.isnan(shares).tolist() == [False, True, False, True]
