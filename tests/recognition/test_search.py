from __future__ import annotations

import numpy as np
import pytest

from maskedface.evaluation import Templates
from maskedface.recognition.search import ExactSearch


def faces(count: int, features: int = 16, seed: int = 0, common: float = 0.0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, features)).astype("float32") + common
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def by_hand(rows: np.ndarray, person: np.ndarray, probe: np.ndarray, k: int) -> np.ndarray:
    scores = rows @ (probe / np.linalg.norm(probe)).astype("float32")
    best = np.array([scores[person == number].max() for number in range(person.max() + 1)])
    return np.argsort(-best, kind="stable")[:k]


@pytest.mark.parametrize("common", [0.0, 2.0])
@pytest.mark.parametrize("rows_each", [1, 3])
@pytest.mark.parametrize("k", [1, 10])
def test_bytes_give_the_answer_of_a_float32_product(k: int, rows_each: int, common: float) -> None:
    rows = faces(6000, common=common)
    person = np.arange(len(rows)) // rows_each
    search = ExactSearch(Templates(rows), person, quantise=True)
    assert search._bytes is not None
    for probe in (*faces(8, seed=1, common=common), *rows[:3]):
        numbers, scores = search.best(probe, k)
        assert numbers.tolist() == by_hand(rows, person, probe, k).tolist()
        exact = [(rows[person == number] @ probe).max() for number in numbers]
        np.testing.assert_allclose(scores, exact, atol=1e-6)


@pytest.mark.parametrize("quantise", [False, True])
def test_offsets_are_taken_off(quantise: bool) -> None:
    rows, person = faces(6000, common=1.0), np.arange(6000) // 2
    offsets = np.random.default_rng(4).normal(0.4, 0.1, 6000).astype("float32")
    search = ExactSearch(Templates(rows, None, offsets), person, quantise=quantise)
    for probe in faces(8, seed=1, common=1.0):
        numbers, scores = search.best(probe, 5)
        every = (rows @ probe - offsets).reshape(-1, 2).max(axis=1)
        assert numbers.tolist() == np.argsort(-every, kind="stable")[:5].tolist()
        np.testing.assert_allclose(scores, every[numbers], atol=1e-6)


def test_the_first_pass_leaves_few_to_compare() -> None:
    rows = faces(6000, 64)
    search = ExactSearch(Templates(rows), np.arange(6000), quantise=True)
    assert search._bytes is not None
    left = search._candidates(search._bytes, faces(1, 64, seed=1)[0], 1)
    assert 1 <= len(left) < 60


def test_rows_that_bytes_cannot_tell_apart_are_told_apart() -> None:
    # One far outlier stretches the steps; the others differ by far less than a step.
    rows = np.tile(faces(1), (5000, 1)) + 0.01 * faces(5000, seed=2)
    rows[-1] = -rows[0]
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("float32")
    search = ExactSearch(Templates(rows), np.arange(5000), quantise=True)
    for probe in rows[:5]:
        numbers, scores = search.best(probe, 1)
        assert scores[0] == pytest.approx((rows @ probe).max(), abs=1e-6)
        assert rows[numbers[0]] @ probe == pytest.approx(scores[0], abs=1e-6)


def test_equals_come_in_the_order_of_their_numbers() -> None:
    rows = np.repeat(faces(3), 2, axis=0)
    for quantise in (False, True):
        numbers, _ = ExactSearch(Templates(rows), np.arange(6), quantise=quantise).best(rows[2], 2)
        assert numbers.tolist() == [2, 3]
        alike = ExactSearch(Templates(np.tile(rows[:1], (9, 1))), np.arange(9), quantise=quantise)
        assert alike.best(rows[2], 2)[0].tolist() == [0, 1]


def test_a_wrong_probe_is_refused() -> None:
    search = ExactSearch(Templates(faces(3)), np.arange(3))
    with pytest.raises(ValueError, match="k must be at least 1"):
        search.best(faces(1)[0], 0)
    with pytest.raises(ValueError, match="probe of shape"):
        search.best(np.ones(5), 1)
    with pytest.raises(ValueError, match="finite"):
        search.best(np.full(16, np.nan), 1)
