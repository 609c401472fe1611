"""Detect the five landmarks of every face once, and write them to a manifest.

  maskedface align --data RMFRD --out aligned.csv
  maskedface train --data RMFRD --landmarks aligned.csv ...

An interrupted run resumes where it stopped, and a finished one is reused until a file changes. A
contact sheet of the worst detections is written beside the manifest, for visual inspection.
Exit codes: 0 success; 1 some image has no face or could not be read; 2 a user error.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from maskedface.atomic_file import STANDARD_OUTPUT
from maskedface.cli import data
from maskedface.cli.outputs import check_outputs
from maskedface.cli.tables import print_some, print_table
from maskedface.cli.values import add_count

if TYPE_CHECKING:
    from maskedface.datasets import FaceIndex
    from maskedface.landmarks.finding import Aligned

_SHOWN = 5  # images listed per state


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    data.add_data_arguments(parser, landmarks=False)
    output = parser.add_argument_group("output")
    output.add_argument("--out", required=True, metavar="CSV", help="the manifest to write")
    output.add_argument(
        "--sheet",
        metavar="FILE|none",
        help="contact sheet of the 48 worst; default: NAME.worst.png beside --out",
    )
    output.add_argument(
        "--json", metavar="FILE", help="write counts and the images without a face to FILE"
    )
    add_count(output, "--processes", "worker processes; default: one per CPU core for many images")
    group = parser.add_argument_group("crops")
    group.add_argument(
        "--crops",
        metavar="DIR",
        help="write an aligned crop of each detected face and a manifest.csv to DIR",
    )
    group.add_argument(
        "--crops-alignment",
        default="arcface",
        metavar="NAME",
        help="alignment of the crops (arcface, dlib, vggface2); default: arcface",
    )
    add_count(group, "--crops-size", "height and width in pixels", 112)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface align --help`."""
    from maskedface import datasets

    sheet = _checked_outputs(args)
    index = data.read_index(args)
    protocols = _protocols(args, index)

    from maskedface import landmarks
    from maskedface.atomic_file import write_json
    from maskedface.landmarks.crops import check_crops

    if args.crops:
        check_crops(index, args.crops, alignment=args.crops_alignment, size=args.crops_size)
    aligned = landmarks.align(index, progress=True, processes=args.processes)
    datasets.write_manifest(args.out, aligned.index, protocols)
    counts = aligned.counts_by_domain
    rows = {_described(state): list(of.values()) for state, of in counts.items()}
    rows["all"] = [sum(numbers) for numbers in zip(*rows.values(), strict=True)] or [0, 0]
    cells = [(state, *numbers, sum(numbers)) for state, numbers in rows.items()]
    print_table(("face", "masked", "unmasked", "all"), cells, title="Images", title_style="bold")
    _print_lacking(aligned)
    summary: dict[str, Any] = {
        "images": len(index),
        "out": args.out,
        "states": counts,
        "not_found": sorted(p for p, f in aligned.findings.items() if f.state == "not found"),
        "unreadable": {p: f.problem for p, f in sorted(aligned.findings.items()) if f.problem},
        "excluded": [list(gone) for gone in index.excluded],
    }
    if sheet and aligned.findings:
        drawn = landmarks.draw_sheet(aligned, sheet)
        summary["sheet"] = sheet
        print(f"{sheet}: the {len(drawn)} worst, to look at")
    if args.crops:
        summary["crops"] = _write_crops(args, aligned.index, protocols)
    five = sum(face.landmarks is not None for face in aligned.index.faces)
    print(f"{args.out}: {len(index)} images, {five} of them with landmarks. Next:")
    print(f"  {shlex.join(['maskedface', 'train', *_source(args), '--landmarks', args.out])}")
    if args.json:
        write_json(args.json, summary)
    return 1 if summary["not_found"] or summary["unreadable"] else 0


def _checked_outputs(args: argparse.Namespace) -> str:
    """Refuses paths that cannot be written. Returns the contact sheet's path, "" for none."""
    sheet = f"{os.path.splitext(args.out)[0]}.worst.png" if args.sheet is None else args.sheet
    sheet = "" if sheet == "none" else sheet
    json = "" if args.json == STANDARD_OUTPUT else args.json
    for word, path, endings in (
        ("--out", args.out, (".csv",)),
        ("--sheet", sheet, (".png", ".jpg", ".jpeg")),
        ("--json", json, (".json",)),
    ):
        if path and not path.lower().endswith(endings):
            raise ValueError(f"{word} must end in {' or '.join(endings)}. Received: {path!r}")
    check_outputs(args.out, sheet, json, inputs=[args.manifest])
    return sheet


def _protocols(args: argparse.Namespace, index: FaceIndex) -> dict[str, dict[str, FaceIndex]]:
    """The manifest's protocol columns, restricted to the remaining rows."""
    from maskedface.datasets.manifest import read_protocols

    if not args.manifest:
        return {}
    left = {face.path for face in index.faces}
    read = read_protocols(args.manifest, root=args.data)
    return {
        column: {part: rows.where(lambda face: face.path in left) for part, rows in parts.items()}
        for column, parts in read.items()
    }


def _described(state: str) -> str:
    """A state as shown to users; the state of a detected face is its detector's name."""
    from maskedface.landmarks.finding import WITHOUT_DETECTOR

    if state in WITHOUT_DETECTOR:
        return state
    if state == "aligner":
        return "found by the aligner alone"
    finder, _, refined = state.partition("+")
    return f"found by {finder}" + (f", refined by the {refined}" if refined else "")


def _print_lacking(aligned: Aligned) -> None:
    from maskedface.landmarks.sheet import shortened

    for state in ("not found", "unreadable"):
        lacking = sorted((p, f) for p, f in aligned.findings.items() if f.state == state)
        if lacking:
            print(f"{len(lacking)} {state}")
            # A problem's text includes the file's name.
            names = [shortened(finding.problem or path, 1000) for path, finding in lacking]
            print_some(names, _SHOWN, " (--json names all)")


def _write_crops(
    args: argparse.Namespace, index: FaceIndex, protocols: Mapping[str, Mapping[str, FaceIndex]]
) -> dict[str, Any]:
    from maskedface.landmarks import write_crops

    alignment, size = args.crops_alignment, args.crops_size
    made = write_crops(
        index, args.crops, alignment=alignment, size=size, protocols=protocols, progress=True
    )
    manifest = os.path.join(args.crops, "manifest.csv")
    print(
        f"{manifest}: {len(made)} crops of {size} px, aligned as {alignment}, "
        f"{len(made.excluded)} images without a face; to train on them: --manifest "
        f"{shlex.quote(manifest)}"
    )
    return {
        "folder": args.crops,
        "alignment": alignment,
        "size": size,
        "images": len(made),
        "without": [list(gone) for gone in made.excluded],
    }


def _source(args: argparse.Namespace) -> list[str]:
    """The arguments with which another command reads the same rows."""
    words = []
    for name in ("data", "domain", "manifest", "alignment"):
        if getattr(args, name):
            words += [f"--{name}", getattr(args, name)]
    return words
