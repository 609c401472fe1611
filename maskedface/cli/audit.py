"""Read every image of a data set once and report what is wrong with it; nothing is changed.

maskedface audit --data RMFRD --picture audit.png --write-clean clean.csv
maskedface audit --data RMFRD --landmarks find --model dlib --json audit.json
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from maskedface.cli import data
from maskedface.cli.recognizing import add_model_alignment

if TYPE_CHECKING:
    from maskedface.datasets import FaceIndex


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's words to a parser."""
    data.add_data_arguments(parser)
    parser.add_argument("--json", metavar="FILE", help="write the whole report there")
    parser.add_argument("--picture", metavar="FILE", help="draw it as a PNG there")
    parser.add_argument(
        "--write-clean", metavar="CSV", help="write a manifest of the images that can be decoded"
    )
    parser.add_argument(
        "--no-domain-check",
        action="store_true",
        help="do not look for wrong masked/unmasked labels",
    )
    group = parser.add_argument_group("wrong people")
    group.add_argument(
        "--model",
        metavar="dlib|RUN|FILE.keras",
        help="compare every face with its person's others and with everybody else's by this network, "
        "which must not have been trained on these people",
    )
    add_model_alignment(group)
    group.add_argument(
        "--leave-out-contradicted",
        action="store_true",
        help="leave the faces out of --write-clean whose person --model contradicts",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface audit --help`."""
    from maskedface import audit
    from maskedface.atomic_file import write_json

    if args.leave_out_contradicted and not (args.model and args.write_clean):
        raise ValueError(
            "--leave-out-contradicted must come with --model and --write-clean. "
            f"Received: --model {args.model}, --write-clean {args.write_clean}"
        )
    index = data.read_index(args)
    if args.model:
        from maskedface.training.lineage import refuse_people

        refuse_people(args.model, index.people)  # before anything is read
    if args.landmarks or args.model:
        wanted = data.wanted_by_model(args.model) if args.model else "whole"
        (index,) = data.placed(args, wanted, index)
    report = audit.audit_images(index, check_domains=not args.no_domain_check)
    print(report.to_text())
    clean, found = audit.usable(index, report), report.to_json()
    if args.model:
        from maskedface.cli.label_check import contradicted_labels

        contradicted = contradicted_labels(args.model, args.model_alignment, clean)
        print(contradicted.to_text())
        found["label_check"] = contradicted.to_json()
        if args.leave_out_contradicted:
            clean = contradicted.without(clean)
    if args.json:
        write_json(args.json, found)
    if args.picture:
        from maskedface.audit.audit_picture import draw_audit

        draw_audit(report, args.picture)
    if args.write_clean:
        _write_clean(args.write_clean, clean, len(index))
    return 0


def _write_clean(file: str, clean: FaceIndex, images: int) -> None:
    import os

    from maskedface import datasets

    datasets.write_manifest(file, clean)
    print(
        f"{file}: {len(clean)} of {images} images; use it with "
        f"--manifest {file} --data {os.path.abspath(clean.root)}"
    )
