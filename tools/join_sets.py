"""One manifest of several data sets: "More people to train on" in docs/experiments.md.

    python tools/join_sets.py --data DATA --lfw lfw.csv --rmfrd aligned.csv --out pool.csv

`lfw.csv` and `aligned.csv` are manifests of `maskedface align`. The protocol `open_set` of the file:
`train` has MLFW's and LFW's training people, one name one person, and RMFRD's people with fewer than 8
masked images; `test` is MLFW's. With `--people 500`, `train` has 500 of these people, drawn by
`--seed`; those of a smaller number are among those of a larger one of the same seed.
"""

from __future__ import annotations

from pathlib import Path

import _tool
import numpy as np

from maskedface import datasets
from maskedface.datasets import FaceIndex

PAPERS_RULE = 8  # masked images a person of RMFRD's 40 test people


def few_masked(index: FaceIndex) -> FaceIndex:
    """The people of RMFRD who are in no test: fewer than 8 masked images, or images of one domain."""
    tested = index.people_in_both().with_at_least(PAPERS_RULE, "masked")
    return index.without(tested.people)


def some_people(index: FaceIndex, count: int, seed: int) -> FaceIndex:
    """The rows of `count` people, of the first of a random order."""
    if not 1 <= count <= len(index.people):
        raise ValueError(
            f"people must be between 1 and {len(index.people)}. Received: people={count}"
        )
    order = np.random.default_rng(seed).permutation(index.people)
    drawn = {*order[:count].tolist()}
    return index.where(lambda face: face.person in drawn)


def main() -> None:
    parser = _tool.parser(__doc__)
    parser.add_argument("--data", required=True, help="folder that holds mlfw, lfw and rmfrd")
    parser.add_argument("--lfw", required=True, help="LFW's aligned manifest, of DATA/lfw")
    parser.add_argument("--rmfrd", required=True, help="RMFRD's aligned manifest, of DATA/rmfrd")
    parser.add_argument("--people", type=int, help="of train (all)")
    parser.add_argument("--seed", type=int, default=0, help="of --people (0)")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    data = Path(args.data)
    mlfw = datasets.read_split(
        data / "mlfw/protocols/manifest.csv", "open_set", root=data / "mlfw", alignment="arcface"
    )
    lfw = datasets.read_split(args.lfw, "open_set", root=data / "lfw")
    rmfrd = datasets.read_manifest(args.rmfrd, root=data / "rmfrd")
    train, test = mlfw["train"] + lfw["train"] + few_masked(rmfrd), mlfw["test"]
    if args.people is not None:
        train = some_people(train, args.people, args.seed)
    train, test = train.relative_to(data), test.relative_to(data)
    datasets.write_manifest(args.out, train + test, {"open_set": {"train": train, "test": test}})
    print(f"train: {train!r}\ntest: {test!r}")


if __name__ == "__main__":
    main()
