"""The 10 most alike of 1,000,000 people: ms a probe, ours against NumPy's float32 product."""

from __future__ import annotations

import argparse
import functools
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from ._frame import interleaved, report, timed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own words."""
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--probes", type=int, default=20, help="timed one by one in each round")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Runs it, prints its table and returns what is to be kept."""
    from maskedface.evaluation import Templates
    from maskedface.recognition.search import ExactSearch

    rng = np.random.default_rng(0)
    rows = rng.standard_normal((args.people, args.features), dtype=np.float32)
    # As face embeddings are: a common part, and directions that vary less and less.
    rows *= 1 / np.sqrt(1 + np.arange(args.features, dtype="float32") / 16)
    rows += 1.5 * rng.standard_normal(args.features, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    probes = rows[: args.probes] + 0.03 * rng.standard_normal(
        (args.probes, args.features), dtype=np.float32
    )
    ours = ExactSearch(Templates(rows), np.arange(args.people))
    ours.best(probes[0], 10)

    def plain(probe: np.ndarray) -> np.ndarray:
        scores = rows @ (probe / np.linalg.norm(probe))
        top = np.argpartition(scores, len(scores) - 10)[-10:]
        return np.asarray(top[np.argsort(-scores[top])])

    for probe in probes:
        assert np.array_equal(ours.best(probe, 10)[0], plain(probe)), "the answers differ"

    def each(find: Callable[[np.ndarray], Any]) -> list[float]:
        return [1000 * timed(functools.partial(find, probe)) for probe in probes]

    ways: dict[str, Callable[[], float]] = {
        "NumPy float32": lambda: statistics.median(each(plain)),
        "ours": lambda: statistics.median(each(lambda p: ours.best(p, 10))),
        "ours, fastest probe": lambda: min(each(lambda p: ours.best(p, 10))),
    }
    return report(interleaved(ways, args.rounds), "ms", ["NumPy float32"])
