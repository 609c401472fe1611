"""Who is enrolled and who asks where the cohort's rules are compared."""

from __future__ import annotations

import numpy as np
import pytest

from maskedface.evaluation import Cohort, EmbeddedFaces

PEOPLE = 25
COHORT = Cohort(np.eye(PEOPLE)[:5], 2)


def faces(photos: tuple[str, str, str, str]) -> EmbeddedFaces:
    """Everybody's two unmasked faces, a masked one, and another masked one that looks like the next
    person; each of the photograph that is named."""
    looks = np.stack([np.roll(np.eye(PEOPLE), shift, axis=1) for shift in (0, 0, 0, 1)], axis=1)
    return EmbeddedFaces(
        looks.reshape(-1, PEOPLE),
        np.repeat([f"person {n:02d}" for n in range(PEOPLE)], 4).tolist(),
        ["unmasked", "unmasked", "masked", "masked"] * PEOPLE,
        photos=[f"{photo}{n}" if photo else "" for n in range(PEOPLE) for photo in photos],
    )


@pytest.mark.parametrize(
    ("count", "number", "expected"),
    [("1", 1, 0), ("1", 2, 1), ("3", 3, 0), ("3", 4, 3), ("70 %", 10, 7), ("70 %", 2, 1)],
)
def test_one_face_is_left_to_ask_with(count: str, number: int, expected: int) -> None:
    from measure_cohort import enrolled

    assert enrolled(number, count, np.random.default_rng(0)) == expected


def test_a_random_number_leaves_one_too() -> None:
    from measure_cohort import enrolled

    rng = np.random.default_rng(0)
    assert {enrolled(3, "random", rng) for _ in range(40)} == {1, 2}


def test_every_rule_has_the_accuracy_of_masked_and_unmasked_faces() -> None:
    from measure_cohort import RULES, draw

    found = draw(faces(("", "", "", "")), COHORT, "1", seed=0)
    assert found.keys() == {"people", *RULES} and found["people"] == [PEOPLE]
    assert found["nothing"] == [0.5, 1.0]  # every second masked face looks like somebody else


def test_other_versions_of_an_enrolled_photograph_do_not_ask() -> None:
    from measure_cohort import draw

    versions = faces(("a", "b", "c", "d"))
    assert draw(versions, COHORT, "1", seed=0)["nothing"] == [0.5, 1.0]
    one, other = faces(("a", "b", "c", "a")), faces(("a", "b", "c", "b"))
    kept = [draw(some, COHORT, "1", seed=0)["nothing"][0] for some in (one, other)]
    # Of each person one of the two unmasked photographs is enrolled.
    assert all(0.5 < share < 1 for share in kept)


def test_too_few_people_make_no_row() -> None:
    from measure_cohort import draw

    assert draw(faces(("", "", "", "")), COHORT, "2", seed=0) == {}
