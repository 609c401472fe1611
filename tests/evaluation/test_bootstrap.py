from __future__ import annotations

import numpy as np
import pytest

from maskedface import evaluation


def test_the_interval_widens_when_faces_of_a_person_go_together() -> None:
    rng = np.random.default_rng(0)
    by_person = np.repeat(rng.random(40) < 0.5, 10).astype(float)
    together = evaluation.bootstrap_interval(by_person, np.repeat(np.arange(40), 10).astype(str))
    apart = evaluation.bootstrap_interval(by_person, np.arange(400).astype(str))
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


def test_the_width_is_that_of_a_mean() -> None:
    values = np.repeat([0.0, 1.0], 200)
    low, high = evaluation.bootstrap_interval(values, [str(n) for n in range(400)])
    assert high - low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.05)
    assert (low + high) / 2 == pytest.approx(0.5, abs=0.005)


def test_a_constant_has_no_width() -> None:
    assert evaluation.bootstrap_interval(np.ones(5), list("aabbc")) == (1.0, 1.0)


def test_a_paired_difference_sees_what_two_intervals_hide() -> None:
    rng = np.random.default_rng(0)
    people = [str(n) for n in range(200)]
    base = (rng.random(200) < 0.5).astype(float)
    better = base.copy()
    better[np.flatnonzero(base == 0)[:12]] = 1
    found = evaluation.paired_difference(better, base, people)
    assert found["difference"] == pytest.approx(0.06) and found["low"] > 0
    assert (
        evaluation.bootstrap_interval(better, people)[0]
        < evaluation.bootstrap_interval(base, people)[1]
    )


def test_one_seed_gives_one_interval() -> None:
    values = np.random.default_rng(0).random(60)
    people = [str(n // 2) for n in range(60)]
    assert evaluation.bootstrap_interval(values, people) == evaluation.bootstrap_interval(
        values, people
    )
    assert evaluation.bootstrap_interval(values, people) != evaluation.bootstrap_interval(
        values, people, seed=1
    )


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        evaluation.bootstrap_interval(np.ones(2), ["ada"])
    with pytest.raises(ValueError, match="same shape"):
        evaluation.paired_difference(np.ones(2), np.ones(3), ["ada", "bo"])
