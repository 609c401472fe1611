"""The words that say which images a command reads, shared by the commands that do."""

from __future__ import annotations

import argparse

from maskedface import datasets
from maskedface.datasets import FaceIndex


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --data, --domain, --manifest, --alignment and --min-masked."""
    group = parser.add_argument_group("images")
    group.add_argument("--data", metavar="DIR", help="folder in RMFRD's layout, or of people")
    group.add_argument(
        "--domain",
        choices=("masked", "unmasked"),
        help="--data holds one folder a person, all images of this domain",
    )
    group.add_argument(
        "--manifest", metavar="CSV", help="read the rows of this file; paths start from --data"
    )
    group.add_argument(
        "--alignment",
        default="",
        help="what the images are aligned to (arcface, dlib, vggface2); default: unknown",
    )
    group.add_argument(
        "--min-masked",
        type=int,
        metavar="N",
        help="only people with both domains and at least N masked images (the paper: 8)",
    )


def add_split_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --protocol, --validation, --split, --train-fraction and --split-seed."""
    group = parser.add_argument_group("split")
    group.add_argument("--protocol", metavar="COLUMN", help="the manifest's column with the parts")
    group.add_argument(
        "--validation",
        type=float,
        metavar="SHARE",
        help="test on this share of the protocol's training rows instead: of their people where its "
        "test shows other people, else of each person's photos; for choosing without the test rows",
    )
    group.add_argument(
        "--split",
        choices=("by_image", "by_photo", "by_person"),
        default="by_image",
        help="rule where no protocol is given; by_image is the paper's, and leaks photos; by_person "
        "tests on other people",
    )
    group.add_argument("--train-fraction", type=float, default=0.7, metavar="SHARE")
    group.add_argument("--split-seed", type=int, default=0, metavar="N")


def read_index(args: argparse.Namespace) -> FaceIndex:
    """The index that the words describe.

    Raises:
        ValueError: if neither --data nor --manifest is given, or nothing is left.
    """
    if args.manifest:
        index = datasets.read_manifest(args.manifest, root=args.data, alignment=args.alignment)
    elif not args.data:
        raise ValueError("--data or --manifest must be given. Received: neither")
    elif args.domain:
        index = datasets.people_folder(args.data, args.domain, alignment=args.alignment)
    else:
        index = datasets.rmfrd(args.data, alignment=args.alignment)
    return _selected(index, args)


def read_parts(args: argparse.Namespace) -> tuple[FaceIndex, FaceIndex]:
    """(train, test) as the words describe.

    Raises:
        ValueError: if the protocol has no parts "train" and "test", or nothing is left.
    """
    if not args.protocol:
        index = read_index(args)
        if args.split == "by_photo":
            index = datasets.with_photo_groups(index)
        split = getattr(datasets, args.split)
        train, test = split(index, train_fraction=args.train_fraction, seed=args.split_seed)
        return train, test
    if not args.manifest:
        raise ValueError("--protocol must come with --manifest. Received: --protocol alone")
    parts = datasets.read_split(
        args.manifest, args.protocol, root=args.data, alignment=args.alignment
    )
    if not {"train", "test"} <= set(parts):
        raise ValueError(
            f"--protocol must have the parts train and test. Received: parts {sorted(parts)}"
        )
    train, test = _selected(parts["train"], args), _selected(parts["test"], args)
    if args.validation is None:
        return train, test
    is_open = not set(train.people) & set(test.people)
    hold_out = datasets.by_person if is_open else datasets.by_photo
    return hold_out(train, train_fraction=1 - args.validation, seed=args.split_seed)


def _selected(index: FaceIndex, args: argparse.Namespace) -> FaceIndex:
    if args.min_masked is None:
        return index
    selected = index.people_in_both().with_at_least(args.min_masked, "masked")
    if not len(selected):
        raise ValueError(
            "--min-masked must leave at least one person. "
            f"Received: --min-masked {args.min_masked} for {len(index.people)} people"
        )
    return selected
