from __future__ import annotations

import numpy as np
import pytest

from maskedface import evaluation

PEOPLE = ["ada", "ada", "ada", "bo", "bo"]
DOMAINS = ["masked", "unmasked", "masked", "masked", "unmasked"]
PHOTOS = ["a1", "a1", "a2", "b1", "b2"]


def pairs(**changes: object) -> set[tuple[int, int, bool]]:
    first, second, same = evaluation.draw_pairs(
        **{"people": PEOPLE, "domains": DOMAINS, "photos": PHOTOS, **changes}  # type: ignore[arg-type]
    )
    found = list(zip(first.tolist(), second.tolist(), same.tolist(), strict=True))
    assert len(found) == len(set(found))
    return set(found)


def test_pairs_of_two_domains_leave_out_the_same_photo() -> None:
    assert pairs() == {(2, 1, True), (3, 4, True), (0, 4, False), (2, 4, False), (3, 1, False)}


def test_pairs_of_one_domain_come_in_one_order() -> None:
    assert pairs(kinds=("masked", "masked")) == {(0, 2, True), (0, 3, False), (2, 3, False)}


def test_unknown_photos_leave_nothing_out() -> None:
    assert (0, 1, True) in pairs(photos=None)


def test_the_limit_draws_impostors_and_keeps_every_genuine_pair() -> None:
    people = [f"p{n // 4}" for n in range(400)]
    arguments = (people, ["masked", "unmasked"] * 200, [str(n) for n in range(400)])
    first, second, same = evaluation.draw_pairs(*arguments, limit=1000)
    assert same.sum() == 400 and (~same).sum() == 1000
    names = np.array(people)
    np.testing.assert_array_equal(names[first] == names[second], same)
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) == 1400
    again = evaluation.draw_pairs(*arguments, limit=1000)
    other = evaluation.draw_pairs(*arguments, limit=1000, seed=1)
    assert (again[0] == first).all() and (other[0] != first).any()


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        pairs(people=["ada"])
    with pytest.raises(ValueError, match="no photo may be ''"):
        pairs(photos=[""] * 5)
    with pytest.raises(ValueError, match="limit must be at least 1"):
        pairs(limit=0)
    with pytest.raises(ValueError, match="genuine and impostor pairs of"):
        pairs(people=["ada"] * 5)
