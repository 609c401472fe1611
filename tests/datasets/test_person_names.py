from __future__ import annotations

import pytest

from maskedface.datasets.person_names import same_people


@pytest.mark.parametrize("other", ["BenAffleck", "ben-affleck", "BEN AFFLECK"])
def test_a_person_is_the_same_however_they_are_spelt(other: str) -> None:
    assert same_people([other, "Ben"], ["Ben_Affleck"]) == (other,)


def test_a_person_is_the_same_in_both_forms_of_unicode() -> None:
    assert same_people(["Jose\u0301"], ["Jos\u00e9"]) == ("Jose\u0301",)
