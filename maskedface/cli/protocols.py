"""Models compared on a published protocol, or on the open set of a manifest."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from maskedface import evaluation
from maskedface.atomic_file import write_json
from maskedface.cli import data
from maskedface.cli.embedding import models_and_faces
from maskedface.cli.lists import rank_lists, score_pairs
from maskedface.cli.tables import figure, print_table
from maskedface.datasets.pairs import PAIR_PROTOCOLS
from maskedface.evaluation.open_set import check_open_set
from maskedface.recognition import embed_index


def run_protocol(args: argparse.Namespace) -> int:
    """Runs `maskedface evaluate --protocol`; see its help.

    Raises:
        ValueError: if words are missing or do not fit together, or the data are too few.
        FileNotFoundError: if a list, folder or model is missing.
    """
    is_pairs = args.protocol in PAIR_PROTOCOLS and len(args.list or ()) < 2
    if args.against and not is_pairs:
        raise ValueError(
            "--against must come with a list of pairs, or without --protocol; name models beside each "
            f"other. Received: --against {args.against} with --protocol {args.protocol}"
        )
    if args.protocol not in PAIR_PROTOCOLS:
        if not args.manifest:
            raise ValueError(
                f"--protocol must be one of {PAIR_PROTOCOLS}, or come with --manifest. "
                f"Received: {args.protocol!r}"
            )
        reports = _open_set(args)
    elif args.without_people is not None:
        raise ValueError(
            "--without-people must come with a manifest's column: published lists stay whole. "
            f"Received: --protocol {args.protocol}"
        )
    elif not args.data:
        raise ValueError("--data must be given with --protocol. Received: no --data")
    elif args.list and len(args.list) == 2:
        reports = rank_lists(args)
    elif args.list and len(args.list) > 2:
        raise ValueError(f"--list must be one or two files. Received: {len(args.list)}")
    else:
        reports = score_pairs(args)
    if args.json:
        write_json(args.json, reports)
    return 0


def _open_set(args: argparse.Namespace) -> dict[str, Any]:
    rows = data.protocol_parts(args, "train", "test")
    words = {
        "enrolled": args.enrolled, "draws": args.draws, "fpirs": args.fpir, "fars": args.far
    }  # fmt: skip
    check_open_set(
        *(evaluation.EmbeddedFaces.of(part.faces, np.empty((len(part), 0))) for part in rows),
        **words,
    )
    found = {}
    for name, recognizer, placed, lacking in models_and_faces(
        args, args.runs, *rows, mirror=args.mirror
    ):
        embedded = (embed_index(recognizer, part, progress=True) for part in placed)
        report = evaluation.open_set_report(*embedded, **words)
        found[name] = {"faces_not_found": lacking, **report}
    _print_open_set(found)
    return {"protocol": args.protocol, "models": found}


def _print_open_set(found: dict[str, Any]) -> None:
    first, models = next(iter(found.values())), found.values()
    rows: list[list[str]] = []
    for domain in ("masked", "unmasked"):
        label = f"{domain} probes: rank-1"
        rows.append([label, *(_spread(m[domain]["rank_1"]) for m in models)])
        if domain == "masked":
            kept = (_spread(m[domain]["rank_1_own_photo_kept"]) for m in models)
            rows.append(["  own bare photo in the gallery too", *kept])
        for fpir in first[domain]["fnir"]:
            at = [m[domain]["fnir"][fpir] for m in models]
            cells = (f"{_spread(one)} (FPIR found {one['fpir']['mean']:.3f})" for one in at)
            rows.append([f"{domain} probes: FNIR at FPIR {fpir:g}", *cells])
    for kind, pairs in first["pairs"].items():
        for far in pairs["at_far"]:
            at = [m["pairs"][kind]["at_far"][far] for m in models]
            cells = (f"{figure(one['tar'])} (FAR found {one['far']['value']:.4f})" for one in at)
            rows.append([f"{kind} pairs: TAR at FAR {far:g}", *cells])
    title = (
        f"{first['enrolled']} of {first['people']} people enrolled, {first['draws']} draws; "
        "thresholds from other people"
    )
    print_table(("", *found), rows, title=title)


def _spread(found: dict[str, float]) -> str:
    return f"{found['mean']:.3f} ± {found['sd']:.3f}"
