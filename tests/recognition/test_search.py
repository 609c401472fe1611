"""Who is most alike among many: the answer is that of a product with every row."""

from __future__ import annotations

import numpy as np
import pytest

from maskedface.evaluation import Templates
from maskedface.recognition.enrolled import Enrolled


def faces(count: int, seed: int = 0, common: float = 0.0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 16)).astype("float32") + common
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def enrolled(rows: np.ndarray, rows_each: int = 1, offsets: np.ndarray | None = None) -> Enrolled:
    person = np.arange(len(rows)) // rows_each
    return Enrolled(templates=Templates(rows, None, offsets), person=person)


@pytest.mark.parametrize("with_offsets", [False, True])
@pytest.mark.parametrize("rows_each", [1, 3])
@pytest.mark.parametrize("k", [1, 10])
def test_the_best_row_of_each_person_counts(k: int, rows_each: int, with_offsets: bool) -> None:
    rows = faces(6000, common=1.0)
    offsets = np.random.default_rng(4).normal(0.4, 0.1, 6000).astype("float32")
    people = enrolled(rows, rows_each, offsets if with_offsets else None)
    for probe in (*faces(8, seed=1, common=1.0), *rows[:3]):
        numbers, scores = people.nearest(3 * probe, k)
        every = rows @ probe - (offsets if with_offsets else 0)
        best = every.reshape(-1, rows_each).max(axis=1)
        assert numbers.tolist() == np.argsort(-best, kind="stable")[:k].tolist()
        np.testing.assert_allclose(scores, best[numbers], atol=1e-6)


def test_no_more_people_are_given_than_there_are() -> None:
    assert sorted(enrolled(faces(3)).nearest(faces(1, seed=1)[0], 9)[0].tolist()) == [0, 1, 2]


def test_equals_come_in_the_order_of_their_numbers() -> None:
    rows = np.repeat(faces(3), 2, axis=0)
    assert enrolled(rows).nearest(rows[2], 2)[0].tolist() == [2, 3]
    alike = enrolled(np.tile(rows[:1], (9, 1)))
    assert alike.nearest(rows[2], 2)[0].tolist() == [0, 1]


def test_a_wrong_probe_is_refused() -> None:
    people = enrolled(faces(3))
    with pytest.raises(ValueError, match="k must be at least 1"):
        people.nearest(faces(1)[0], 0)
    with pytest.raises(ValueError, match="probe of shape"):
        people.nearest(np.ones(5), 1)
    with pytest.raises(ValueError, match="finite"):
        people.nearest(np.full(16, np.nan), 1)
