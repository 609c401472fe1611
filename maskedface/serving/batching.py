"""Batches the photographs of concurrent requests: one bounded queue, processed by one thread."""

from __future__ import annotations

import concurrent.futures
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

# Seconds that the first of a batch waits for others: clients that were answered together ask again within
# it. A face takes several times as long.
_TOGETHER = 0.008
# Photographs from which on a batch waits for no others, and more than half of what waits are left for the
# next: while one half is looked at, those who asked for the other come again, so the processor never rests.
_FEW = 4


class BusyError(RuntimeError):
    """The queue is full."""


class GalleryError(RuntimeError):
    """The gallery cannot be read, or belongs to another model."""


class StoppingError(RuntimeError):
    """The service is stopping."""


@dataclass(eq=False)
class Job:
    """A photograph to process.

    Attributes:
        photo: bytes, an image file.
        kind: str, the kind of result.
        finish: a function applied to the result, in the processing thread.
        result: the future of the result.
        until: float, the deadline on the clock of `time.monotonic`.
    """

    photo: bytes
    kind: str
    finish: Callable[[Any], Any]
    until: float
    result: concurrent.futures.Future[Any] = field(default_factory=concurrent.futures.Future)


class Batcher:
    """A queue and its processing thread.

    Args:
        work: jobs -> the result or the exception for each.
        size: int >= 1, the maximum number of jobs in a batch.
        room: int >= 1, the maximum number of waiting jobs.
        watch: callable, called with the number of jobs in each batch.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Job]], Sequence[Any]],
        *,
        size: int,
        room: int,
        watch: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._work, self._size, self._room, self._watch = work, size, room, watch
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock, self._waiting, self._is_open = threading.Lock(), 0, True
        self._thread = threading.Thread(target=self._run, name="recognizer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The number of jobs in the queue."""
        return self._waiting

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queues all jobs or none.

        Raises:
            BusyError: if there is not enough room for all of them.
            StoppingError: if the queue is closed.
        """
        with self._lock:
            if not self._is_open:
                raise StoppingError("the service is stopping")
            if self._waiting + len(jobs) > self._room:
                raise BusyError(f"{self._waiting} photographs are already waiting")
            self._waiting += len(jobs)
            for job in jobs:
                self._jobs.put(job)

    def close(self) -> None:
        """Ends the thread after all waiting jobs."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            batch, is_last = self._next()
            if batch:
                self._watch(len(batch))
                self._answer(batch)
            if is_last:
                return

    def _next(self) -> tuple[list[Job], bool]:
        """The next batch of waiting jobs, and whether it is the last."""
        found: list[Job] = []
        job, is_last = self._jobs.get(), False
        until = time.monotonic() + _TOGETHER
        while True:
            if job is None:
                is_last = True
                break
            with self._lock:
                self._waiting -= 1
            # Either nobody waits for it any more, or it can no longer be canceled.
            if time.monotonic() < job.until and job.result.set_running_or_notify_cancel():
                found.append(job)
            try:
                if len(found) >= min(self._size, max(_FEW, self._waiting)):
                    break
                job = self._jobs.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
        return found, is_last

    def _answer(self, batch: list[Job]) -> None:
        try:
            answers = self._work(batch)
        except BaseException as error:
            if not isinstance(error, GalleryError):
                logging.getLogger("maskedface").exception("a batch failed")
            answers = [error] * len(batch)
        for job, answer in zip(batch, answers, strict=True):
            if isinstance(answer, BaseException):
                job.result.set_exception(answer)
                continue
            try:
                job.result.set_result(job.finish(answer))
            except Exception as error:
                job.result.set_exception(error)
