"""One function over many things, in threads: files with a progress bar, images, files read ahead."""

from __future__ import annotations

import collections
import functools
import itertools
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

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
    """Calls `read` on every item, in threads, twice as many as processors, at most 16 (Pillow
    decodes without Python's lock).

    Args:
        read: what to do with one item. The first error it raises ends the work and surfaces.
        items: its arguments.
        label: str, the words beside the progress bar.
        progress: whether a progress bar is drawn, on stderr.

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
    """Calls a function on every item, on all processors, in threads that stay from call to call.

    For what computes for milliseconds without the interpreter's lock, as LiteRT does: threads that ask for
    the lock every tenth of one wait for each other longer than they compute. In a process of which
    `use_one_thread` was asked, the caller's thread does it.

    Args:
        function: what to do with one item; it must not call `in_threads` itself. The first error that it
            raises surfaces.
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
    """Keeps `in_threads` to the caller's thread: for one of as many processes as there are processors."""
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
    """Reads files in threads, the next ones while the caller works on those before, in parts that a
    detector or network is given at once.

    In memory are a part, of 64 results or from 64 MiB on, and one result a processor, at most 8.

    Args:
        read: what to do with one item. The first error it raises surfaces, in its turn.
        items: its arguments.
        size: the bytes that a result takes.

    Yields:
        Lists of (item, what was read), one after the other, in the items' order.
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
