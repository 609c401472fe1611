"""Manifests of people and photographs that no test has, by which docs/experiments.md chose.

    python tools/hold_out.py few --data R --manifest aligned.csv --out few.csv
    python tools/hold_out.py val --data R --manifest aligned.csv --out val.csv
    python tools/hold_out.py held --data DATA --manifest DATA/mlfw/protocols/manifest.csv --out held.csv

Each file has a protocol of its name, with the parts `train` and `test`.

few: RMFRD's people with fewer than 8 masked images and images of both domains. `train` has 70 % of each
    person's unmasked images, `test` the others and every masked one.
val: the rows that the paper's protocol trains on (RMFRD's people with 8 masked images or more, 70 % by
    image, seed 0), split again by photograph, seed 1.
held: MLFW's open_set=train, a fifth of whose people is `test`; `train` has --people of the others, drawn by
    --seed. Paths are relative to DATA, which holds mlfw.
"""

from __future__ import annotations

from pathlib import Path

import _tool
from join_sets import PAPERS_RULE, few_masked, some_people

from maskedface import datasets
from maskedface.datasets import FaceIndex

Parts = tuple[FaceIndex, FaceIndex]


def few(rmfrd: FaceIndex) -> Parts:
    """Known unmasked images of people with few masked ones, and the images to ask about."""
    rows = few_masked(rmfrd).people_in_both()
    known, _ = datasets.split_by_image(rows, seed=0)
    train = known.where(lambda face: face.domain == "unmasked")
    paths = {face.path for face in train.faces}
    return train, rows.where(lambda face: face.path not in paths)


def val(rmfrd: FaceIndex) -> Parts:
    """The training rows of the paper's protocol, split by photograph."""
    rows = rmfrd.people_in_both().with_at_least(PAPERS_RULE, "masked")
    train, _ = datasets.split_by_image(rows, seed=0)
    return datasets.split_by_photo(datasets.with_photo_groups(train), seed=1)


def held(mlfw: FaceIndex, people: int | None, seed: int) -> Parts:
    """Some of MLFW's training people, and a fifth of all of them."""
    train, test = datasets.split_by_person(mlfw, 0.8, seed=1)
    return (train if people is None else some_people(train, people, seed)), test


def main() -> None:
    words = _tool.parser(__doc__)
    words.add_argument("name", choices=("few", "val", "held"))
    words.add_argument("--data", required=True, help="RMFRD's folder; of held, that of mlfw")
    words.add_argument("--manifest", required=True, help="RMFRD's, aligned; of held, MLFW's")
    words.add_argument("--people", type=int, help="of held, who are trained on (all)")
    words.add_argument("--seed", type=int, default=0, help="of --people (0)")
    words.add_argument("--out", required=True)
    args = words.parse_args()
    if args.name == "held":
        root = Path(args.data) / "mlfw"
        mlfw = datasets.read_split(args.manifest, "open_set", root=root, alignment="arcface")
        parts = held(mlfw["train"], args.people, args.seed)
    else:
        rmfrd = datasets.read_manifest(args.manifest, root=args.data)
        parts = (few if args.name == "few" else val)(rmfrd)
    train, test = (part.relative_to(args.data) for part in parts)
    protocols = {args.name: {"train": train, "test": test}}
    datasets.write_manifest(args.out, train + test, protocols)
    print(f"train: {train!r}\ntest: {test!r}")


if __name__ == "__main__":
    main()
