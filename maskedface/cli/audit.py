"""Read every image of a data set once and report what is wrong with it; nothing is changed.

  maskedface audit --data RMFRD --picture audit.png --write-clean clean.csv
"""

from __future__ import annotations

import argparse

from maskedface.cli import data


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's words to a parser."""
    data.add_data_arguments(parser)
    parser.add_argument("--json", metavar="FILE", help="write the whole report there")
    parser.add_argument("--picture", metavar="FILE", help="draw it as a PNG there")
    parser.add_argument(
        "--write-clean", metavar="CSV", help="write a manifest of the images that can be decoded"
    )
    parser.add_argument(
        "--no-domain-check", action="store_true", help="do not look for wrong masked/unmasked labels"
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface audit --help`."""
    import json
    import os

    from maskedface import datasets

    index = data.read_index(args)
    if args.landmarks:  # the audit itself needs none
        (index,) = data.placed(args, "whole", index)
    report = datasets.audit(index, check_domains=not args.no_domain_check)
    print(report.to_text())
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(report.to_json(), file, indent=2)
    if args.picture:
        datasets.draw_audit(report, args.picture)
    if args.write_clean:
        clean = datasets.usable(index, report)
        datasets.write_manifest(args.write_clean, clean)
        root = os.path.abspath(clean.root)
        print(
            f"{args.write_clean}: {len(clean)} of {len(index)} images; use it with "
            f"--manifest {args.write_clean} --data {root}"
        )
    return 0
