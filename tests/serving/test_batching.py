"""Which photographs that wait are looked at together."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from maskedface.serving.batching import Batcher, BusyError, Job, StoppingError


def jobs(count: int) -> list[Job]:
    return [Job(b"", "all", lambda found: found, time.monotonic() + 60) for _ in range(count)]


class Held:
    """A batcher whose first batch, of one photograph, is held until told."""

    def __init__(self, size: int = 8) -> None:
        self.go, self.began, self.sizes = threading.Event(), threading.Event(), list[int]()
        self.batcher = Batcher(self.work, size=size, room=20, watch=self.sizes.append)
        self.first = jobs(1)
        self.batcher.submit(self.first)
        assert self.began.wait(10)

    def work(self, batch: Sequence[Job]) -> list[int]:
        self.began.set()
        assert self.go.wait(10)
        return list(range(len(batch)))

    def sizes_of(self, count: int) -> list[int]:
        """The batches of so many photographs that wait."""
        waiting = jobs(count)
        self.batcher.submit(waiting)
        self.go.set()
        for job in waiting:
            job.result.result(10)
        self.batcher.close()
        return self.sizes[1:]


@pytest.mark.parametrize(
    ("waiting", "sizes"), [(1, [1]), (3, [3]), (4, [4]), (8, [4, 4]), (12, [6, 4, 2])]
)
def test_half_of_what_waits_is_left_for_the_next_batch(waiting: int, sizes: list[int]) -> None:
    assert Held().sizes_of(waiting) == sizes


def test_a_batch_is_no_larger_than_it_may_be() -> None:
    assert max(Held(size=2).sizes_of(7)) == 2


def test_photographs_past_the_queue_are_refused_all_or_none() -> None:
    held = Held()
    held.batcher.submit(jobs(15))
    with pytest.raises(BusyError, match="15 photographs are already waiting"):
        held.batcher.submit(jobs(6))
    assert held.batcher.waiting == 15
    held.go.set()
    held.batcher.close()


def test_nothing_is_taken_when_it_is_closed() -> None:
    held = Held()
    held.go.set()
    held.batcher.close()
    with pytest.raises(StoppingError):
        held.batcher.submit(jobs(1))


def test_a_photograph_that_nobody_waits_for_is_not_looked_at() -> None:
    held = Held()
    gone, there = jobs(2)
    gone.result.cancel()
    held.batcher.submit([gone, there])
    held.go.set()
    assert there.result.result(10) == 0
    held.batcher.close()
    assert held.sizes == [1, 1]
