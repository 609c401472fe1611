"""Adapt a network to photographs of your own kind, whose people need not be known.

MODEL is "dlib", a .keras file or a finished run's folder.

  maskedface adapt dlib PHOTOS --out adapted.keras
  maskedface enroll --gallery friends.npz --model adapted.keras people

A network is less certain on photographs of another kind than it was trained on: another camera,
other people, worn masks in place of drawn ones. Some hundred of them, of any people but those to
be recognized, correct that; nothing is trained. Some should wear masks: with fewer than 20 masked
faces, or 5 % of all, masks are drawn on the others, too. At least 10, or 5 %, must wear none. Each
photograph counts with one face, its main one.
The file has no default thresholds: choose them on strangers (enroll --strangers).
Exit codes: 0 success; 1 success, but some photograph has no face or could not be read; 2 a user
error.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from maskedface.cli import data
from maskedface.cli.outputs import check_inputs, check_outputs
from maskedface.cli.recognizing import add_model_alignment
from maskedface.cli.tables import print_some

if TYPE_CHECKING:
    from maskedface.datasets import FaceIndex

_LISTED = 10  # images left out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    parser.add_argument("model", metavar="MODEL", help="dlib, a run folder or a .keras file")
    parser.add_argument(
        "photos",
        nargs="*",
        metavar="PHOTO|FOLDER",
        help="photographs, and folders of them at any depth; or --data or --manifest",
    )
    group = parser.add_argument_group("files")
    group.add_argument("--out", required=True, metavar="FILE", help="the .keras file to write")
    add_model_alignment(group)
    data.add_data_arguments(parser, landmarks=False)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface adapt --help`."""
    if not args.out.endswith(".keras"):
        raise ValueError(f"--out must end in .keras. Received: {args.out!r}")
    if bool(args.photos) == bool(args.data or args.manifest):
        raise ValueError(
            "photographs must be given, or --data or --manifest, and not both. "
            f"Received: {len(args.photos)} photographs, --data {args.data}, --manifest {args.manifest}"
        )
    check_inputs(*args.photos, None if args.model == "dlib" else args.model)
    check_outputs(args.out, inputs=[args.model, args.manifest])
    from maskedface.training.run import RECORD  # imports no Keras

    if os.path.exists(os.path.join(os.path.dirname(args.out), RECORD)):
        raise ValueError(f"--out must not be in a run's folder. Received: {args.out!r}")
    faces = _photographs(args) if args.photos else data.read_index(args)
    from maskedface import landmarks, training
    from maskedface.training.adapting import check_fit

    check_fit(args.model, faces)  # before faces are searched
    aligned = landmarks.align(faces, progress=True)
    faces, findings = aligned.index, aligned.findings
    adapted = training.adapt(args.model, faces, alignment=args.model_alignment, progress=True)
    adapted.save(args.out)
    drawn = f", {adapted.drawn} of them also with a drawn mask" if adapted.drawn else ""
    print(f"adapted to {adapted.masked} masked and {adapted.unmasked} unmasked faces{drawn}")
    if adapted.left_out:
        print(f"left out: {len(adapted.left_out)} images")
        whys = adapted.left_out | {
            path: one.problem for path, one in findings.items() if one.problem
        }
        print_some([f"{path}: {whys[path]}" for path in sorted(adapted.left_out)], _LISTED)
    print(f"{args.out}: give it as --model to enroll, identify, verify, or as a model to evaluate")
    return 1 if adapted.left_out else 0


def _photographs(args: argparse.Namespace) -> FaceIndex:
    """The photographs as rows; their people are unknown and not used."""
    from maskedface.datasets import Face, FaceIndex
    from maskedface.recognition import photo_files

    given = [
        f"--{word}" for word in ("domain", "min_masked", "without_people") if getattr(args, word)
    ]
    if given:
        raise ValueError(
            f"{given[0].replace('_', '-')} must come with --data or --manifest. Received: photographs"
        )
    # A photograph may be given twice, in a folder and by a link.
    paths = [*dict.fromkeys(map(os.path.realpath, photo_files(*args.photos)))]
    root = os.path.commonpath([os.path.dirname(path) for path in paths])
    names = (os.path.relpath(path, root).replace(os.sep, "/") for path in paths)
    rows = (Face(name, name, "unmasked", alignment=args.alignment) for name in names)
    return FaceIndex(root, rows)
