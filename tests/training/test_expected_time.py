"""How long training will take, as it is said."""

from __future__ import annotations

import logging

import pytest

from maskedface.training import expected_time
from maskedface.training.expected_time import ExpectedTime, in_words


def said(caplog: pytest.LogCaptureFixture, epochs: int, steps: int, seen: int) -> list[str]:
    callback = ExpectedTime(epochs, steps)
    with caplog.at_level(logging.INFO, "maskedface"):
        for step in range(seen):
            callback.on_train_batch_end(step)
    return [record.getMessage() for record in caplog.records]


def test_it_is_said_once_from_the_steps_after_the_first(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A clock that is read twice: eight steps take 16 s, and 790 of 800 are left.
    times = iter([100.0, 116.0])
    monkeypatch.setattr(expected_time.time, "monotonic", lambda: next(times))
    assert said(caplog, epochs=8, steps=100, seen=300) == ["8 epochs: about 26 minutes here"]


def test_steps_that_are_one_call_are_all_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each call is an epoch of 50 steps: the second takes 5 s, and six of eight are left.
    times = iter([100.0, 105.0])
    monkeypatch.setattr(expected_time.time, "monotonic", lambda: next(times))
    callback = ExpectedTime(8, 50)
    with caplog.at_level(logging.INFO, "maskedface"):
        for _ in range(8):
            callback.on_train_batch_end(49)
    assert [record.getMessage() for record in caplog.records] == ["8 epochs: about 30 seconds here"]


def test_nothing_is_said_of_a_short_run(caplog: pytest.LogCaptureFixture) -> None:
    assert said(caplog, epochs=2, steps=10, seen=20) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (89, "89 seconds"), (600, "10 minutes"), (5400, "1.5 hours")],
)
def test_a_time_is_said_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
