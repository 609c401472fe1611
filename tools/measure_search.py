"""Measures what searches cost beside their trials: shared features, and memory.

    python tools/measure_search.py sharing   # trials with shared frozen features against each its own
    python tools/measure_search.py memory    # the process' memory after 5 and after 20 trials

Drawn people, random weights: neither changes what is measured. Searches are at random over the rate and
dropout of the paper's unmasked recipe (all frozen), which is one boundary.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile

import _tool

from maskedface import synthetic, tuning
from maskedface.datasets import FaceIndex
from maskedface.recipes import PAPER_UNMASKED

SIZE = 180  # the paper's
RECIPE = PAPER_UNMASKED.override(
    train_on={"masked": 1.0, "unmasked": 1.0}, test_on="masked", batch_size=64
)
SPACE = {
    "optimizer.learning_rate": {"min": 1e-4, "max": 1e-1, "sampling": "log"},
    "head.dropout": {"min": 0.0, "max": 0.8},
}


def main() -> int:
    """Runs one measurement and prints it.

    Returns:
        0; a bound that is not kept raises AssertionError.
    """
    parser = _tool.parser(__doc__)
    parser.add_argument("what", choices=("sharing", "memory"))
    parser.add_argument("--people", type=int, default=45)
    parser.add_argument("--photos", type=int, default=10, help="a person and domain")
    parser.add_argument("--trials", type=int, default=30, help="that a search has")
    parser.add_argument("--timed", type=int, default=30, help="shared ones that are run and timed")
    parser.add_argument("--own", type=int, default=2, help="own ones that are run and timed")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index = synthetic.draw_people(
            os.path.join(folder, "faces"), people=args.people, photos=args.photos, size=SIZE
        )
        print(f"{len(index)} images of {len(index.people)} people, ResNet50 at {SIZE} px")
        (sharing if args.what == "sharing" else memory)(index, folder, args)
    return 0


def sharing(index: FaceIndex, folder: str, args: argparse.Namespace) -> None:
    """Times trials of one search, and trials that each start with an empty cache."""
    own = [_seconds(index, f"{folder}/own-{n}", 1, seed=n)[0] for n in range(args.own)]
    first, *later = _seconds(index, f"{folder}/shared", args.timed, seed=0)
    alone = statistics.mean(own)
    shared = first + (args.trials - 1) * statistics.mean(later)
    print(f"each its own: {alone:.1f} s a trial ({', '.join(f'{s:.1f}' for s in own)})")
    print(
        f"shared: the first {first:.1f} s, {len(later)} later ones {statistics.mean(later):.1f} s"
    )
    print(f"{args.trials} trials: {shared:.0f} s shared, {args.trials * alone:.0f} s each its own")
    print(f"ratio {shared / (args.trials * alone):.3f}")
    assert shared <= args.trials * alone / 5


def memory(index: FaceIndex, folder: str, args: argparse.Namespace) -> None:
    """The resident set after each trial of one process."""
    found = _search(index, f"{folder}/memory", 20, seed=0)
    held = [record["memory_mib"] for record in found.trials]
    print("MiB after each trial:", ", ".join(f"{mib:.0f}" for mib in held))
    print(f"after 5: {held[4]:.0f}, after 20: {held[19]:.0f}, {held[19] / held[4]:.3f} times")
    assert held[19] <= 1.15 * held[4]


def _seconds(index: FaceIndex, folder: str, trials: int, seed: int) -> list[float]:
    found = _search(index, folder, trials, seed)
    seconds = [record["seconds"] for record in found.trials]
    shutil.rmtree(folder)
    return seconds


def _search(index: FaceIndex, folder: str, trials: int, seed: int) -> tuning.Search:
    return tuning.search(
        RECIPE,
        index,
        space=SPACE,
        search_dir=folder,
        algorithm="random",
        trials=trials,
        seed=seed,
        stop_hopeless=False,
    )


if __name__ == "__main__":
    sys.exit(main())
