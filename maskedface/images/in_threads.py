"""Thread pools: reading files with a progress bar, CPU-bound work, and prefetching."""

from __future__ import annotations

import collections
import functools
import itertools
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from PIL import Image

from maskedface.progress import track

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Tasks handed out at a time: enough to keep threads busy, few enough that Ctrl-C ends soon.
_CHUNK = 1024

_PART, _PART_BYTES = 64, 1 << 26  # results that `read_ahead` hands out at once, and their bytes


def read_many(
    read: Callable[[_Item], _Result],
    items: Sequence[_Item],
    *,
    label: str,
    progress: bool = True,
) -> list[_Result]:
    """Calls `read` on every item, in two threads per processor, at most 16 (Pillow releases the GIL
    while it decodes).

    Args:
        read: callable, applied to each item. The first exception it raises stops the work and is
            raised here.
        items: its arguments.
        label: str, the text of the progress bar.
        progress: whether to show a progress bar on stderr.

    Returns:
        `[read(item) for item in items]`, in that order.
    """
    threads = min(16, 2 * (os.cpu_count() or 1))
    # Warning filters are global, and threads that change them (`open_image` does) can leave them
    # changed: this puts them back. Pillow's remarks on odd metadata would also tear the bar.
    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        warnings.simplefilter("ignore")
        starts = range(0, len(items), _CHUNK)
        chunks = (pool.map(read, items[start : start + _CHUNK]) for start in starts)
        results = itertools.chain.from_iterable(chunks)
        return list(track(results, label, len(items), shown=progress))


def in_threads(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Calls a function on every item, on all processors, in a persistent thread pool.

    Suited for functions that compute for milliseconds without the GIL, as LiteRT does: threads that
    acquire the GIL every tenth of a millisecond wait for each other longer than they compute. After
    `use_one_thread`, the calling thread does all the work.

    Args:
        function: callable, applied to each item; it must not call `in_threads` itself. The first
            exception that it raises is raised here.
        items: its arguments.

    Returns:
        `[function(item) for item in items]`, in that order.
    """
    threads = min(_most, os.cpu_count() or 1)
    if threads == 1 or len(items) < 2:
        return [function(item) for item in items]
    # A forked child has none of its parent's threads.
    return list(_pool(os.getpid(), threads).map(function, items))


def use_one_thread() -> None:
    """Restricts `in_threads` to the calling thread, for use in one of several worker processes."""
    global _most
    _most = 1


_most = 1 << 30


@functools.lru_cache(1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "maskedface")


def read_ahead(
    read: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    size: Callable[[_Result], int],
) -> Generator[list[tuple[_Item, _Result]]]:
    """Prefetches files in threads while the caller processes earlier ones, in batches for a
    detector or network.

    Memory holds one batch, which ends at 64 results or once it reaches 64 MiB, and one prefetched
    result per processor, at most 8.

    Args:
        read: callable, applied to each item. The first exception it raises is raised here, when its
            item is reached.
        items: its arguments.
        size: callable, the size of a result in bytes.

    Yields:
        Lists of (item, result), in the order of the items.
    """
    ahead = min(8, os.cpu_count() or 1)
    part: list[tuple[_Item, _Result]] = []
    waiting: collections.deque[tuple[_Item, Future[_Result]]] = collections.deque()
    rest, held = iter(items), 0
    pool = ThreadPoolExecutor(ahead, "maskedface-read")
    try:
        # As in `read_many`; others' warnings are theirs.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            while True:
                for item in itertools.islice(rest, ahead - len(waiting)):
                    waiting.append((item, pool.submit(read, item)))
                if not waiting:
                    break
                item, coming = waiting.popleft()
                part.append((item, coming.result()))
                held += size(part[-1][1])
                if len(part) == _PART or held >= _PART_BYTES:
                    for item in itertools.islice(rest, ahead - len(waiting)):
                        waiting.append((item, pool.submit(read, item)))
                    yield part
                    part, held = [], 0
            if part:
                yield part
    finally:
        pool.shutdown(cancel_futures=True)


def held_bytes(result: np.ndarray | str) -> int:
    """The bytes that an image holds, for `read_ahead`; 0 for the reason that there is none."""
    return 0 if isinstance(result, str) else result.nbytes
