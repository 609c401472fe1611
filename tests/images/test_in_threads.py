"""Files read ahead, in parts and in order; work in threads that stay."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from maskedface.images import in_threads
from maskedface.images.in_threads import read_ahead


def slow_first(number: int) -> np.ndarray:
    """The earlier, the slower: threads end in another order than they began in."""
    time.sleep(0.02 if number % 4 == 0 else 0)
    return np.full(10, number, "uint8")


def test_parts_hold_every_item_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_threads, "_PART", 8)
    parts = list(read_ahead(slow_first, range(30), size=lambda found: found.nbytes))
    assert [len(part) for part in parts] == [8, 8, 8, 6]
    together = [pair for part in parts for pair in part]
    assert [item for item, _ in together] == list(range(30))
    assert all((found == item).all() for item, found in together)
    assert list(read_ahead(slow_first, [], size=len)) == []


def test_large_results_make_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_threads, "_PART_BYTES", 25)
    parts = list(read_ahead(slow_first, range(7), size=lambda found: found.nbytes))
    assert [len(part) for part in parts] == [3, 3, 1]


def test_no_more_is_read_than_a_part_and_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_threads, "_PART", 4)
    read: list[int] = []

    def note(number: int) -> int:
        read.append(number)
        return number

    parts = read_ahead(note, range(1000), size=lambda _: 1)
    next(parts)
    time.sleep(0.1)
    assert len(read) <= 4 + 8
    parts.close()


def test_an_error_surfaces_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_threads, "_PART", 2)

    def fail(number: int) -> int:
        if number == 5:
            raise OSError("gone")
        return number

    parts = read_ahead(fail, range(9), size=lambda _: 1)
    assert [next(parts), next(parts)] == [[(0, 0), (1, 1)], [(2, 2), (3, 3)]]
    with pytest.raises(OSError, match="gone"):
        next(parts)


def test_a_process_of_many_works_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_threads.os, "cpu_count", lambda: 4)
    names = in_threads.in_threads(lambda _: threading.current_thread().name, range(8))
    assert threading.current_thread().name not in names
    monkeypatch.setattr(in_threads, "_most", 1)
    names = in_threads.in_threads(lambda _: threading.current_thread().name, range(8))
    assert {*names} == {threading.current_thread().name}
