"""One function over many files: in threads, with a progress bar, few files in flight."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from maskedface.progress import track

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Tasks handed out at a time: enough to keep threads busy, few enough that Ctrl-C ends soon.
_CHUNK = 1024


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
