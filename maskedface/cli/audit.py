"""Read every image of a data set and report problems; nothing is changed.

maskedface audit --data RMFRD --picture audit.png --write-clean clean.csv
maskedface audit --data RMFRD --landmarks find --model dlib --json audit.json
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from maskedface.cli import data
from maskedface.cli.recognizing import add_model, network_words, refuse_network_words
from maskedface.cli.tables import print_some
from maskedface.names import shown

if TYPE_CHECKING:
    from maskedface.recognition.labels import Contradicted

_SHOWN = 5  # faces and people printed; --json lists all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    data.add_data_arguments(parser)
    group = parser.add_argument_group("report")
    group.add_argument("--json", metavar="FILE", help="write the full report to FILE")
    group.add_argument("--picture", metavar="FILE", help="draw the report as a PNG")
    group.add_argument(
        "--write-clean", metavar="CSV", help="write a manifest of the images that can be decoded"
    )
    group.add_argument(
        "--no-domain-check",
        action="store_true",
        help="skip the check for wrong masked/unmasked labels",
    )
    group = parser.add_argument_group("wrong identity labels")
    add_model(
        group,
        "compare every face with the person's other faces and with all other people's faces, using "
        "this network, which must not have been trained on these people",
    )
    group.add_argument(
        "--leave-out-contradicted",
        action="store_true",
        help="exclude faces whose identity label --model contradicts from --write-clean",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface audit --help`."""
    from maskedface import audit, datasets
    from maskedface.atomic_file import write_json

    if args.leave_out_contradicted and not (args.model and args.write_clean):
        raise ValueError(
            "--leave-out-contradicted must come with --model and --write-clean. "
            f"Received: --model {args.model}, --write-clean {args.write_clean}"
        )
    refuse_network_words(args, [args.model] if args.model else [])
    index = data.read_index(args)
    wanted = "whole"
    if args.model:
        from maskedface.training.lineage import refuse_people
        from maskedface.training.named_models import faces_of

        refuse_people(args.model, index.people)  # before any image is read
        wanted = faces_of(args.model)
    if args.landmarks or args.model:
        (index,) = data.placed(args, wanted, index)
    report = audit.audit_images(index, check_domains=not args.no_domain_check)
    print(report.to_text())
    clean, found = audit.usable(index, report), report.to_json()
    if args.model:
        from maskedface.recognition import Recognizer
        from maskedface.recognition.labels import contradicted_labels

        recognizer = Recognizer.load(args.model, **network_words(args, args.model))
        contradicted = contradicted_labels(recognizer, clean)
        _print_contradicted(args.model, contradicted)
        found["label_check"] = {"model": args.model, **contradicted.to_dict()}
        if args.leave_out_contradicted:
            clean = contradicted.without(clean)
    if args.json:
        write_json(args.json, found)
    if args.picture:
        from maskedface.audit.audit_picture import draw_audit

        draw_audit(report, args.picture)
    if args.write_clean:
        datasets.write_manifest(args.write_clean, clean)
        print(
            f"{args.write_clean}: {len(clean)} of {len(index)} images; use it with "
            f"--manifest {args.write_clean} --data {os.path.abspath(clean.root)}"
        )
    return 0


def _print_contradicted(model: str, found: Contradicted) -> None:
    rows, check = found.rows, found.check
    print(
        f"{len(rows)} faces, of {len(check.rows)} compared, have an identity label that "
        f"{shown(model)} contradicts: somebody else is more similar by {check.margin:g} standard "
        f"deviations ({check.margin * check.spread:.3f}) or more; inspect them before removing any"
    )
    lines = [
        f"{row['path']}  own {row['own_score']:.2f}, {row['other_person']} {row['other_score']:.2f}"
        for row in rows
    ]
    print_some(lines, _SHOWN)
    nearer = float((check.other > check.own).mean()) if len(check.rows) else 0.0
    print(
        f"share of each person's faces that are more similar to somebody else ({nearer:.3f} of all)"
    )
    people = sorted(check.disagreement().items(), key=lambda item: (-item[1], item[0]))
    print_some([f"{person}  {share:.2f}" for person, share in people[:_SHOWN]], _SHOWN)
