"""What the benchmarks share: ways that are timed in turn, and their table."""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import _tool  # this checkout is found, and TensorFlow is quiet

if TYPE_CHECKING:
    from maskedface.engines.engine import Precision

ROOT, timed, megabytes = _tool.ROOT, _tool.timed, _tool.megabytes
SIZE, PEOPLE, SHARE = 180, 77, 0.7  # the paper's
_ENGINES: tuple[tuple[str, Precision], ...] = (
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
    ("openvino", "int8"),
    ("onnx", "int8"),
)


def engine_ways() -> list[tuple[str, Precision]]:
    """The engines and precisions that this processor computes."""
    from maskedface import engines

    return [way for way in _ENGINES if not engines.ENGINES[way[0]].why_not(way[1])]


def interleaved(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Runs each way once a round, in turn."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            times[name].append(way())
            print(f"  round {number + 1}: {name} {times[name][-1]:.4g}", flush=True)
    return times


def report(times: dict[str, list[float]], unit: str, against: list[str]) -> dict[str, Any]:
    """Prints medians, spreads and how many times each way's figure goes into those of `against`."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        others = [other for other in against if other in medians and other != name]
        ratios = ", ".join(f"{medians[other] / medians[name]:.2f}x {other}" for other in others)
        print(
            f"{name}: {medians[name]:.4g} {unit} [{min(values):.4g}, {max(values):.4g}]; {ratios}"
        )
    return {"unit": unit, "times": times, "medians": medians}


def random_faces(count: int, size: int = SIZE) -> np.ndarray:
    """uint8 noise, shape (count, size, size, 3)."""
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def all_in_turn(
    args: argparse.Namespace,
    runs: dict[str, tuple[int, Callable[[], Any]]],
    unit: str,
    against: str,
) -> dict[str, Any]:
    """Times ways of doing something to so many faces each, after a first time that is not timed."""
    for _, run in runs.values():
        run()
    ways = {name: functools.partial(_each, count, run) for name, (count, run) in runs.items()}
    return report(interleaved(ways, args.rounds), unit, [against])


def _each(count: int, run: Callable[[], Any]) -> float:
    return 1000 * timed(run) / count


def add_images(parser: argparse.ArgumentParser, count: int = 2000) -> None:
    """Adds --images."""
    parser.add_argument("--images", type=int, default=count)
