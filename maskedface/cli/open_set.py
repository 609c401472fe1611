"""Evaluates models on the open-set protocol of a manifest."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from maskedface import evaluation
from maskedface.cli import data
from maskedface.cli.embedding import models_and_faces
from maskedface.cli.tables import figure, print_table
from maskedface.evaluation.open_set import check_open_set
from maskedface.recognition import embed_index


def score_open_set(args: argparse.Namespace) -> dict[str, Any]:
    """Evaluates each model on a manifest's column, and prints the report.

    Raises:
        ValueError: if the column lacks a part, or has too few faces.
        FileNotFoundError: if a file, folder or model is missing.
    """
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
            rows.append(["  with the same photo unmasked in the gallery", *kept])
        for fpir in first[domain]["fnir"]:
            at = [m[domain]["fnir"][fpir] for m in models]
            cells = (f"{_spread(one)} (measured FPIR {one['fpir']['mean']:.3f})" for one in at)
            rows.append([f"{domain} probes: FNIR at FPIR {fpir:g}", *cells])
    for kind, pairs in first["pairs"].items():
        for far in pairs["at_far"]:
            at = [m["pairs"][kind]["at_far"][far] for m in models]
            cells = (f"{figure(one['tar'])} (measured FAR {one['far']['value']:.4f})" for one in at)
            rows.append([f"{kind} pairs: TAR at FAR {far:g}", *cells])
    title = (
        f"{first['enrolled']} of {first['people']} people enrolled, {first['draws']} draws; "
        "thresholds from other people"
    )
    print_table(("", *found), rows, title=title)


def _spread(found: dict[str, float]) -> str:
    return f"{found['mean']:.3f} ± {found['sd']:.3f}"
