"""The figures that adapted networks are compared by."""

from __future__ import annotations

import numpy as np
import pytest

NUMBERS = np.repeat(np.arange(30), 4)
PEOPLE = np.array([f"person {n:02d}" for n in NUMBERS])
MASKED = np.tile([False, False, True, True], 30)


def faces(shift: float) -> np.ndarray:
    """Faces of 30 people in 40 features; masked ones lie to one side."""
    rng = np.random.default_rng(0)
    found = rng.normal(size=(30, 40))[NUMBERS] + 0.3 * rng.normal(size=(len(PEOPLE), 40))
    found[:, 0] += shift * MASKED
    return found


def test_acceptance_counts_pairs_of_a_masked_and_an_unmasked_face() -> None:
    from measure_adaptation import acceptance

    own = np.eye(30)[NUMBERS]
    assert acceptance(own, MASKED, PEOPLE) == [1.0, 1.0]
    own[MASKED] = np.roll(np.eye(30), 1, axis=1)[NUMBERS[MASKED]]  # each like the next person
    assert acceptance(own, MASKED, PEOPLE) == [0.0, 0.0]


def test_rank_one_asks_with_faces_that_are_not_known() -> None:
    from measure_adaptation import rank_one

    known = np.tile([True, False, False, False], 30)
    own = np.eye(31)[NUMBERS]
    own[known & (NUMBERS == 0)] = np.eye(31)[30]  # enrolled with a face that is not theirs,
    own[known & (NUMBERS == 1), 0] = 0.5  # so the next person is nearer
    own[MASKED & (NUMBERS == 5)] = np.eye(31)[6]
    found = rank_one(own, MASKED, PEOPLE, known)
    assert found == pytest.approx([28 / 30, 29 / 30])


def test_adapting_takes_out_what_all_masked_faces_share() -> None:
    from measure_adaptation import acceptance, adapted, as_they_are

    mine = NUMBERS < 15
    parts = faces(20)[mine], MASKED[mine], faces(20)[~mine], MASKED[~mine]
    before, after = (
        acceptance(change(*parts), MASKED[mine], PEOPLE[mine]) for change in (as_they_are, adapted)
    )
    assert after[1] > before[1] + 0.2
    assert after[1] > 0.9


@pytest.mark.parametrize(("masked", "taken"), [(30, 10), (4, 4)])
def test_half_of_a_number_of_faces_is_masked_if_there_are_as_many(
    monkeypatch: pytest.MonkeyPatch, masked: int, taken: int
) -> None:
    import measure_adaptation

    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def adapt(network: object, parts: list[tuple[np.ndarray, np.ndarray]], weight: float) -> object:
        seen.extend(parts)
        return network

    monkeypatch.setattr(measure_adaptation.models, "adapt", adapt)
    others = faces(20)[:60]
    flags = np.arange(60) < masked
    measure_adaptation.adapted(others, flags, others, flags, number=20)
    ((kept, kinds),) = seen
    assert (len(kept), kinds.sum()) == (20, taken)
