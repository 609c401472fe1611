"""The most alike of 10,000,000 people whose embeddings lie in a mapped file: ms a probe, and memory.

    python -m tools.benchmarks gallery                       # 5.1 GB of disk, 3 GB of memory
    python -m tools.benchmarks gallery --people 100000

The answers of some probes are compared with NumPy's product of all rows first. "cold" is the first probe
after the file's pages were dropped from memory (Linux alone).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from functools import partial
from typing import Any

import numpy as np

from ._frame import interleaved, megabytes, report, timed

_BLOCK = 100_000  # rows drawn, and compared by NumPy, at a time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own words."""
    parser.add_argument("--people", type=int, default=10_000_000)
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--probes", type=int, default=20, help="timed one by one in each round")
    parser.add_argument("--file", help="the rows (.npy), used again where they are there already")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Runs it, prints its table and returns what is to be kept."""
    from maskedface.evaluation import Templates
    from maskedface.recognition.search import ExactSearch

    with tempfile.TemporaryDirectory() as folder:
        path = args.file or os.path.join(folder, "rows.npy")
        if not os.path.exists(path):
            _draw(path, args)
        rows = np.load(path, mmap_mode="r")
        probes = _probes(rows, args.probes)
        start = time.perf_counter()
        ours = ExactSearch(Templates(rows), np.arange(len(rows), dtype="int32"))
        ours.best(probes[0], 10)
        built = time.perf_counter() - start
        print(f"{len(rows)} people, built in {built:.1f} s")
        for probe in probes[:2]:
            assert np.array_equal(ours.best(probe, 10)[0], _plain(rows, probe)), "answers differ"

        def warm() -> float:
            return 1000 * float(np.median([timed(partial(ours.best, p, 10)) for p in probes]))

        def cold() -> float:
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return 1000 * timed(lambda: ours.best(probes[0], 10))

        ways = {"warm": warm} | ({"cold": cold} if hasattr(os, "posix_fadvise") else {})
        made = report(interleaved(ways, args.rounds), "ms a probe", [])
        memory = {name: megabytes(name) for name in ("RssAnon", "VmHWM")}
    print(
        f"anonymous memory {memory['RssAnon']:.0f} MB, peak with mapped pages {memory['VmHWM']:.0f}"
    )
    return made | {"built_s": built, "memory_mb": memory}


def _draw(path: str, args: argparse.Namespace) -> None:
    """Writes rows as face embeddings are: a common part, and directions that vary less and less."""
    rng = np.random.default_rng(0)
    shape = args.people, args.features
    rows = np.lib.format.open_memmap(path, "w+", "float32", shape)
    scale = 1 / np.sqrt(1 + np.arange(args.features, dtype="float32") / 16)
    common = 1.5 * rng.standard_normal(args.features, dtype=np.float32)
    for start in range(0, args.people, _BLOCK):
        part = rows[start : start + _BLOCK]
        drawn = rng.standard_normal(part.shape, dtype=np.float32) * scale + common
        part[:] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    rows.flush()


def _probes(rows: np.ndarray, count: int) -> np.ndarray:
    """Near some of the rows."""
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(rows), count, replace=False)
    noise = rng.standard_normal((count, rows.shape[1]), dtype=np.float32)
    return np.asarray(rows[chosen] + np.float32(0.03) * noise)


def _plain(rows: np.ndarray, probe: np.ndarray) -> np.ndarray:
    unit = probe / np.linalg.norm(probe)
    starts = range(0, len(rows), _BLOCK)
    scores = np.concatenate([rows[start : start + _BLOCK] @ unit for start in starts])
    top = np.argpartition(scores, len(scores) - 10)[-10:]
    return np.asarray(top[np.argsort(-scores[top])])
