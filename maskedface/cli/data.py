"""Arguments that select a command's images, shared by all commands that read images."""

from __future__ import annotations

import argparse
import os
from collections import Counter

from maskedface import datasets
from maskedface.cli.values import add_count, rate
from maskedface.datasets import FaceIndex
from maskedface.datasets.splits import hold_out
from maskedface.names import did_you_mean, near_path, shown


def add_data_arguments(parser: argparse.ArgumentParser, *, landmarks: bool = True) -> None:
    """Adds --data, --domain, --manifest, --alignment, --landmarks, --min-masked and --without-people.

    Args:
        parser: the command's parser.
        landmarks: whether to add --landmarks; False for the command that detects them.
    """
    group = parser.add_argument_group("images")
    group.add_argument(
        "--data", metavar="DIR", help="folder in RMFRD's layout, or with one folder per person"
    )
    group.add_argument(
        "--domain",
        choices=("masked", "unmasked"),
        help="--data has one folder per person, and all images are of this domain",
    )
    group.add_argument(
        "--manifest",
        metavar="CSV",
        help="read the rows of this file; its paths are relative to --data",
    )
    group.add_argument(
        "--alignment",
        default="",
        help="alignment of the images (arcface, dlib, vggface2); default: unknown",
    )
    if landmarks:
        group.add_argument(
            "--landmarks",
            metavar="find|none|FILE",
            help="source of the landmarks: find detects them; FILE is a manifest written by "
            "maskedface align; none uses whole images, even aligned ones; default: find, if no row "
            "has landmarks or an alignment and the recipe needs aligned faces",
        )
    add_count(
        group,
        "--min-masked",
        "keep only people with both domains and at least N masked images (the paper: 8)",
    )
    group.add_argument(
        "--without-people",
        metavar="mfr2|NAME,NAME",
        help="exclude these people from training and test; mfr2: the four identities of MFR2 that "
        "are also in LFW and MLFW",
    )


def add_split_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --protocol, --validation, --split, --train-fraction and --split-seed."""
    group = parser.add_argument_group("split")
    group.add_argument(
        "--protocol", metavar="COLUMN", help="the manifest's column that names the parts"
    )
    group.add_argument(
        "--validation",
        type=rate,
        metavar="SHARE",
        help="test on this share of the protocol's training rows instead, held out by person if "
        "the test part has unseen identities, else by photo; for model selection without the test "
        "rows",
    )
    group.add_argument(
        "--split",
        choices=("by_image", "by_photo", "by_person"),
        default="by_image",
        help="how to split without --protocol; by_image is the paper's, and lets one photo be in "
        "both parts; by_person tests on unseen identities",
    )
    group.add_argument("--train-fraction", type=rate, default=0.7, metavar="SHARE")
    add_count(
        group, "--split-seed", "seed that selects the test rows, people or photos", 0, least=0
    )


def read_index(args: argparse.Namespace) -> FaceIndex:
    """The index that the arguments select, before --landmarks is applied (`placed`).

    Raises:
        ValueError: if neither --data nor --manifest is given, or no row remains.
    """
    if args.manifest:
        index = datasets.read_manifest(args.manifest, root=args.data, alignment=args.alignment)
    elif not args.data:
        raise ValueError("--data or --manifest must be given. Received: neither")
    elif args.domain:
        index = datasets.people_folder(args.data, args.domain, alignment=args.alignment)
    else:
        index = datasets.rmfrd(args.data, alignment=args.alignment)
    if index.excluded:
        counts = Counter(reason for _, reason in index.excluded)
        reasons = shown(", ".join(f"{count} {reason}" for reason, count in counts.most_common()))
        print(f"{len(index.excluded)} files excluded (maskedface audit lists them): {reasons}")
    return selected(index, args)


def read_parts(args: argparse.Namespace) -> tuple[FaceIndex, FaceIndex]:
    """(train, test) as the arguments select them, before --landmarks is applied (`placed`).

    Raises:
        ValueError: if the protocol has no parts "train" and "test", or no row remains.
    """
    if not args.protocol:
        index = read_index(args)
        if args.split == "by_photo":
            index = datasets.with_photo_groups(index)
        split = getattr(datasets, f"split_{args.split}")
        train, test = split(index, train_fraction=args.train_fraction, seed=args.split_seed)
        return train, test
    parts = _protocol(args, "train", "test")
    others = {name: len(rows) for name, rows in parts.items() if name not in ("train", "test")}
    unused = len(datasets.read_manifest(args.manifest, root=args.data, check_files=False))
    unused -= sum(map(len, parts.values()))
    if others or unused:
        named = ", ".join(f"{count} of {name!r}" for name, count in others.items())
        print(
            f"--protocol {args.protocol}: rows not used: {named or 'none of other parts'}, "
            f"{unused} of no part"
        )
    train, test = selected(parts["train"], args), selected(parts["test"], args)
    if args.validation is None:
        return train, test
    return hold_out(train, test, args.validation, seed=args.split_seed)


def protocol_parts(args: argparse.Namespace, *names: str) -> list[FaceIndex]:
    """The parts of --protocol that have these names, filtered by `selected`.

    Raises:
        ValueError: if the protocol, a column of --manifest, lacks one of these parts.
    """
    parts = _protocol(args, *names)
    return [selected(parts[name], args) for name in names]


def _protocol(args: argparse.Namespace, *names: str) -> dict[str, FaceIndex]:
    if not args.manifest:
        raise ValueError("--protocol must come with --manifest. Received: --protocol alone")
    parts = datasets.read_split(
        args.manifest, args.protocol, root=args.data, alignment=args.alignment
    )
    if not {*names} <= {*parts}:
        raise ValueError(
            f"--protocol must have the parts {' and '.join(names)}. Received: {sorted(parts)}"
        )
    return parts


def placed(args: argparse.Namespace, faces: str, *parts: FaceIndex) -> tuple[FaceIndex, ...]:
    """Adds landmarks to rows as --landmarks says, and prints a summary line.

    Args:
        args: the command's parsed arguments.
        faces: "aligned" or "whole", the faces that the model needs (`faces_of` of
            `training.named_models`). Without --landmarks, aligned faces are detected if no row of
            any part has landmarks or an alignment.
        parts: indexes with one root; no path may be in two of them.

    Returns:
        The parts, in order, with the rows' landmarks.

    Raises:
        ValueError: if --landmarks is neither a known value nor a file, or the file has none of
            these paths.
    """
    from maskedface.datasets.face_places import as_whole_images, is_placed

    word, joined = args.landmarks, sum(parts[1:], parts[0])
    if word not in (None, "find", "none") and not os.path.isfile(word):
        near = did_you_mean(word, ("find", "none")) or near_path(word)
        raise ValueError(f"--landmarks must be find, none or a file. Received: {word!r}{near}")
    if word is None and faces == "aligned" and not any(map(is_placed, joined.faces)):
        word = "find"
    if word == "find":
        from maskedface.landmarks import find_landmarks

        joined = find_landmarks(joined, progress=True)
    elif word == "none":
        joined = as_whole_images(joined)
    elif word is not None:
        joined = datasets.apply_landmarks(joined, word)
    five = sum(face.landmarks is not None for face in joined.faces)
    stated = sum(map(is_placed, joined.faces)) - five
    origin = {None: "", "none": "", "find": " found now"}.get(word, f" from {word}")
    print(
        f"faces: {five} of {len(joined)} located by landmarks{origin}, {stated} by a stated "
        f"alignment; {len(joined) - five - stated} images used whole"
    )
    row = {face.path: face for face in joined.faces}
    return tuple(
        FaceIndex(part.root, [row[face.path] for face in part.faces], part.excluded)
        for part in parts
    )


def selected(index: FaceIndex, args: argparse.Namespace) -> FaceIndex:
    """The rows that --without-people and --min-masked keep.

    Raises:
        ValueError: if no row remains.
    """
    if args.without_people is not None:
        names = args.without_people
        kept = index.without(datasets.MFR2_PEOPLE if names == "mfr2" else names.split(","))
        print(
            f"--without-people: {len(index) - len(kept)} images of "
            f"{len(index.people) - len(kept.people)} people left out"
        )
        if not len(kept):
            raise ValueError(
                f"--without-people must leave at least one person. Received: {names!r}"
            )
        index = kept
    if args.min_masked is None:
        return index
    kept = index.people_in_both().with_at_least(args.min_masked, "masked")
    if not len(kept):
        raise ValueError(
            "--min-masked must leave at least one person. "
            f"Received: --min-masked {args.min_masked} for {len(index.people)} people"
        )
    return kept
