"""Some of the people to train on: as many as asked, the same by one seed, few among many."""

from __future__ import annotations

import pytest

from maskedface.datasets import FaceIndex


def test_a_smaller_number_is_among_a_larger_one(drawn: FaceIndex) -> None:
    from join_sets import some_people

    three, two = (some_people(drawn, count, 0) for count in (3, 2))
    assert len(two.people) == 2 and set(two.people) < set(three.people) < set(drawn.people)
    assert two.faces == tuple(face for face in drawn.faces if face.person in two.people)
    assert some_people(drawn, 2, 0).people == two.people
    assert {some_people(drawn, 2, seed).people for seed in range(8)} != {two.people}


@pytest.mark.parametrize("count", [0, 5])
def test_no_other_number_is_drawn(drawn: FaceIndex, count: int) -> None:
    from join_sets import some_people

    with pytest.raises(ValueError, match="people must be between 1 and 4. Received: people="):
        some_people(drawn, count, 0)
