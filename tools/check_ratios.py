"""Fails where start-up, listing or the pipeline has become much slower than a fixed baseline.

    python tools/check_ratios.py             # as .ci/run does: fails past 3 times the recorded ratios
    python tools/check_ratios.py --record    # measures and writes tools/ratios.json

Each figure is a ratio to ordinary work of the same kind, timed in turn with it, so that a slow or busy
machine changes both: the command line and the imports to a bare interpreter, listing to `os.walk`, the
pipeline to decoding the same files by Pillow. Medians over the rounds. What the benchmarks measure
(`python -m tools.benchmarks`) takes minutes and other programs; this takes half of one.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import _tool

RECORDED = Path(__file__).with_name("ratios.json")
ALLOWED = 3.0  # times the recorded ratio
_IMAGES = 400


def main() -> int:
    """Measures the ratios and compares or records them.

    Returns:
        The exit code: 1 where one is too high.
    """
    parser = _tool.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--record", action="store_true", help="write them to tools/ratios.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ratios = measured(ways(Path(folder)), args.rounds)
    if args.record:
        RECORDED.write_text(
            json.dumps({k: round(v, 2) for k, v in ratios.items()}, indent=2) + "\n"
        )
        print(f"{RECORDED}: {ratios}")
        return 0
    slow = too_slow(ratios, json.loads(RECORDED.read_text()))
    for line in slow:
        print(line, file=sys.stderr)
    return 1 if slow else 0


def too_slow(ratios: dict[str, float], recorded: dict[str, float]) -> list[str]:
    """A line for each ratio that is more than ALLOWED times its recorded one, or is in one table alone."""
    lines = [f"{name} is recorded or measured alone" for name in ratios.keys() ^ recorded.keys()]
    for name in ratios.keys() & recorded.keys():
        print(f"{name}: {ratios[name]:.2f} times its baseline, recorded {recorded[name]:.2f}")
        if ratios[name] > ALLOWED * recorded[name]:
            lines.append(
                f"{name} must take at most {ALLOWED:g} times {recorded[name]:.2f} of its baseline. "
                f"Received: {ratios[name]:.2f}"
            )
    return lines


def measured(
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]], rounds: int
) -> dict[str, float]:
    """The median of (seconds of ours / seconds of the baseline beside it), each pair once a round."""
    ratios: dict[str, list[float]] = {name: [] for name in pairs}
    for number in range(rounds + 1):
        for name, (ours, baseline) in pairs.items():
            first, second = _tool.timed(ours), _tool.timed(baseline)
            if number:  # the first round fills caches
                ratios[name].append(first / second)
    return {name: statistics.median(values) for name, values in ratios.items()}


def ways(folder: Path) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """{name: (ours, its baseline)}."""
    from PIL import Image

    from maskedface import datasets, synthetic

    index = synthetic.draw_people(folder, people=20, photos=_IMAGES // 40, size=112)

    def python(*words: str) -> None:
        subprocess.run([sys.executable, *words], check=True, capture_output=True, cwd=_tool.ROOT)

    def pipeline() -> None:
        for _ in datasets.as_tf_dataset(index, image_size=112, batch_size=32):
            pass

    def pillow() -> None:
        for path in index.paths:
            with Image.open(path) as image:
                image.load()

    def listing() -> None:
        for _ in range(10):
            datasets.rmfrd(folder)

    def walking() -> None:
        for _ in range(10):
            list(os.walk(folder))

    def bare() -> None:
        python("-c", "")

    return {
        "start-up": (lambda: python("-m", "maskedface", "--help"), bare),
        "import datasets": (lambda: python("-c", "from maskedface.datasets import rmfrd"), bare),
        "import recognizer": (
            lambda: python("-c", "from maskedface.recognition import Gallery, Recognizer"),
            bare,
        ),
        "scan": (listing, walking),
        "pipeline": (pipeline, pillow),
    }


if __name__ == "__main__":
    sys.exit(main())
