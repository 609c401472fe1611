"""One manifest of several data sets: what `masked_best_pool` of docs/results.md is trained on.

    python tools/join_sets.py --data DATA --lfw lfw.csv --rmfrd aligned.csv --out pool.csv

`lfw.csv` and `aligned.csv` are manifests of `maskedface align`. The protocol `open_set` of the file:
`train` has MLFW's and LFW's training people, one name one person, and RMFRD's people with fewer than 8
masked images; `test` is MLFW's.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from maskedface import datasets
from maskedface.datasets import FaceIndex

PAPERS_RULE = 8  # masked images a person of RMFRD's 40 test people


def few_masked(index: FaceIndex) -> FaceIndex:
    """The people of RMFRD who are in no test: fewer than 8 masked images, or images of one domain."""
    tested = index.people_in_both().with_at_least(PAPERS_RULE, "masked")
    return index.without(tested.people)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="folder that holds mlfw, lfw and rmfrd")
    parser.add_argument("--lfw", required=True, help="LFW's aligned manifest, of DATA/lfw")
    parser.add_argument("--rmfrd", required=True, help="RMFRD's aligned manifest, of DATA/rmfrd")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    data = Path(args.data)
    mlfw = datasets.read_split(
        data / "mlfw/protocols/manifest.csv", "open_set", root=data / "mlfw", alignment="arcface"
    )
    lfw = datasets.read_split(args.lfw, "open_set", root=data / "lfw")
    rmfrd = datasets.read_manifest(args.rmfrd, root=data / "rmfrd")
    train, test = mlfw["train"] + lfw["train"] + few_masked(rmfrd), mlfw["test"]
    train, test = train.relative_to(data), test.relative_to(data)
    datasets.write_manifest(args.out, train + test, {"open_set": {"train": train, "test": test}})
    print(f"train: {train!r}\ntest: {test!r}")


if __name__ == "__main__":
    main()
