"""Evaluates models on published lists: of pairs, or of gallery and probes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from maskedface import datasets
from maskedface.cli.embedding import models_and_faces
from maskedface.cli.tables import change, figure, print_some, print_table
from maskedface.datasets.face_lists import read_gallery_and_probes
from maskedface.evaluation.identification import gallery_report
from maskedface.evaluation.pair_lists import FAR, pair_list_reports
from maskedface.recognition import embed_index
from maskedface.training.lineage import refuse_people

_SHOWN = 10  # missing files printed; --json lists all


def score_pairs(args: argparse.Namespace) -> dict[str, Any]:
    """Evaluates each model on a list of pairs, and prints the report.

    Raises:
        ValueError: if a model was trained on people of the list, or as `datasets.read_pairs` does.
        FileNotFoundError: if a list, folder or model is missing.
    """
    file = args.list[0] if args.list else None
    pairs = datasets.read_pairs(args.protocol, args.data, file, alignment=args.alignment)
    # The model of --against comes last, unless it is among the others.
    names = list(dict.fromkeys([*args.runs, *([args.against] if args.against else [])]))
    for name in names:
        refuse_people(name, pairs.index.people)
    _print_missing(pairs.missing, f"{pairs.lost} pairs")
    embedded, lacking = {}, {}
    for name, recognizer, (index,), lost in models_and_faces(
        args, names, pairs.index, mirror=args.mirror, with_cohort=False
    ):
        embedded[name] = embed_index(recognizer, index, templates=False, progress=True)
        lacking[name] = lost
    found = pair_list_reports(embedded, pairs, baseline=args.against or args.runs[0])
    for name, report in found.items():
        report["faces_not_found"] = lacking[name]
    _print_pairs(args.protocol, found)
    return {
        "protocol": args.protocol,
        "pairs": len(pairs.same),
        "missing": pairs.missing,
        "lost_pairs": pairs.lost,
        "models": found,
    }


def _print_pairs(protocol: str, models: dict[str, Any]) -> None:
    rows: list[Sequence[object]] = []
    changes = []
    for name, found in models.items():
        every = {f"every {kind} pair": report for kind, report in found["every_pair"].items()}
        for kind, report in (found["kinds"] | every).items():
            if "skipped" in report:
                rows.append((name, kind, report["skipped"]))
                continue
            accuracy, tars = report.get("accuracy"), report["tar_at_far"].items()
            rows.append(
                (
                    name,
                    kind,
                    f"{report['genuine']} / {report['impostors']}",
                    f"{figure(accuracy)} ± {accuracy['standard_error']:.3f}" if accuracy else "",
                    figure(report["eer"]),
                    ", ".join(f"{far:g}: {figure(tar)}" for far, tar in tars),
                    ", ".join(f"{far:g}" for far in report["refused"]),
                )
            )
            if shift := report.get("difference"):
                told = f"{name} minus {shift['against']}, TAR at FAR {FAR:g} of {kind}"
                changes.append(f"{told}: {change(shift)}")
        if found["faces_not_found"]:
            rows.append((name, f"{found['faces_not_found']} faces not found: images taken whole"))
    columns = ("model", "faces", "genuine / impostors", "accuracy, folds", "EER", "TAR at FAR")
    title = f"{protocol}: pairs (95 % interval over people)"
    print_table((*columns, "FAR too low to measure"), rows, title=title)
    for line in changes:
        print(line)


def rank_lists(args: argparse.Namespace) -> dict[str, Any]:
    """Evaluates each model on c-RMFRD's gallery and probes, and prints the report.

    Raises:
        ValueError: as `score_pairs`, or if the protocol has no such lists.
        FileNotFoundError: as `score_pairs`.
    """
    if args.protocol != "c-rmfrd":
        raise ValueError(
            f"--protocol must be c-rmfrd for two lists. Received: --protocol {args.protocol}"
        )
    files = args.list[0], args.list[1], args.data
    gallery, probes, missing = read_gallery_and_probes(*files, alignment=args.alignment)
    index = gallery + probes
    for name in args.runs:
        refuse_people(name, index.people)
    _print_missing(missing, f"{len(missing)} faces")
    enrolled = {face.path for face in gallery.relative_to(index.root).faces}
    is_enrolled = [face.path in enrolled for face in index.faces]
    found: dict[str, Any] = {}
    for name, recognizer, (placed,), lacking in models_and_faces(
        args, args.runs, index, mirror=args.mirror
    ):
        faces = embed_index(recognizer, placed, progress=True)
        report = gallery_report(faces, is_enrolled)
        found[name] = {"faces_not_found": lacking, **report}
        ranks = ", ".join(f"rank-{k} {figure(value)}" for k, value in report["rank"].items())
        print(
            f"{name}: {report['probes']} {probes.faces[0].domain} probes among {report['gallery']} "
            f"{gallery.faces[0].domain} people: {ranks}"
        )
    return {"protocol": args.protocol, "missing": missing, "models": found}


def _print_missing(missing: Sequence[str], lost: str) -> None:
    if missing:
        print(f"{len(missing)} files are missing; {lost} left out. The first:")
        print_some(missing, _SHOWN, " (--json names all)")
        print("the results are not comparable with published ones")
