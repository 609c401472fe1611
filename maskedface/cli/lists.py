"""Models compared on published lists: of pairs, or of gallery and probes."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from maskedface import datasets, evaluation
from maskedface.cli.embedding import models_and_faces, names
from maskedface.cli.every_pair import differences, score_every_pair
from maskedface.cli.tables import print_table
from maskedface.datasets import FaceIndex
from maskedface.names import shown
from maskedface.recognition import embed_index
from maskedface.training.lineage import refuse_people

_SHOWN = 10  # missing files printed; --json has all


def score_pairs(args: argparse.Namespace) -> dict[str, Any]:
    """The report of each model on a list of pairs, which is printed too.

    Raises:
        ValueError: if a model was trained on people of the list, and as `datasets.read_pairs`.
        FileNotFoundError: if a list, folder or model is missing.
    """
    pairs = datasets.read_pairs(
        args.protocol, args.data, args.list[0] if args.list else None, alignment=args.alignment
    )
    for name in names(args):
        refuse_people(name, pairs.index.people)
    _print_missing(pairs.missing, pairs.lost, "pairs")
    reports: dict[str, Any] = {
        "protocol": args.protocol,
        "pairs": len(pairs.same),
        "missing": pairs.missing,
        "lost_pairs": pairs.lost,
        "models": {},
    }
    domains = np.array([face.domain for face in pairs.index.faces])
    people = np.array([face.person for face in pairs.index.faces], object)
    kinds = np.array(
        [
            "-".join(sorted(pair))
            for pair in zip(domains[pairs.first], domains[pairs.second], strict=True)
        ]
    )
    embedded = {}
    placed = models_and_faces(args, pairs.index, with_cohort=False)
    for name, recognizer, (index,), lacking in placed:
        faces = embed_index(recognizer, index, templates=False, progress=True)
        embedded[name] = faces.embeddings
        scores = evaluation.cosine_scores(embedded[name], pairs.first, pairs.second)
        found: dict[str, Any] = {"faces_not_found": lacking, "kinds": {}}
        for kind in ("all", *sorted(set(kinds))):
            rows = np.full(len(kinds), True) if kind == "all" else kinds == kind
            same = pairs.same[rows]
            if same.all() or not same.any():
                found["kinds"][kind] = {"skipped": f"{len(same)} pairs, all of one kind"}
                continue
            found["kinds"][kind] = evaluation.verification_report(
                scores[rows],
                same,
                (people[pairs.first[rows]].tolist(), people[pairs.second[rows]].tolist()),
                folds=pairs.folds if kind == "all" else None,
            )
        reports["models"][name] = found
    every = score_every_pair(embedded, pairs.index, args.against or args.runs[0])
    for name, of_kind in every.items():
        reports["models"][name]["every_pair"] = of_kind
    _print_pairs(reports)
    for line in differences(every):
        print(line)
    return reports


def _print_pairs(reports: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=f"{reports['protocol']}: pairs (95 % interval over people)")
    columns = ("model", "faces", "genuine / impostors", "accuracy, folds", "EER")
    for column in (*columns, "TAR at FAR", "FAR too low to tell"):
        table.add_column(column)
    for name, found in reports["models"].items():
        every = {f"every {kind} pair": report for kind, report in found["every_pair"].items()}
        for kind, report in (found["kinds"] | every).items():
            if "skipped" in report:
                table.add_row(name, kind, report["skipped"])
                continue
            accuracy = report.get("accuracy")
            table.add_row(
                name,
                kind,
                f"{report['genuine']} / {report['impostors']}",
                f"{shown_value(accuracy)} ± {accuracy['standard_error']:.3f}" if accuracy else "",
                shown_value(report["eer"]),
                ", ".join(
                    f"{far:g}: {shown_value(tar)}" for far, tar in report["tar_at_far"].items()
                ),
                ", ".join(f"{far:g}" for far in report["refused"]),
            )
        if found["faces_not_found"]:
            table.add_row(name, f"{found['faces_not_found']} faces not found: images taken whole")
    print_table(table)


def rank_lists(args: argparse.Namespace) -> dict[str, Any]:
    """The report of each model on c-RMFRD's gallery and probes, which is printed too: the gallery is
    unmasked if all its faces lie there, else masked.

    Raises:
        ValueError: as `score_pairs`, and if the protocol has no such lists.
        FileNotFoundError: as `score_pairs`.
    """
    if args.protocol != "c-rmfrd":
        raise ValueError(f"two lists must be c-rmfrd's. Received: --protocol {args.protocol}")
    gallery, probes, missing, lost = _read_lists(args)
    for name in names(args):
        refuse_people(name, {*gallery.people, *probes.people})
    _print_missing(missing, lost, "faces")
    index = gallery + probes
    enrolled = {face.path for face in gallery.relative_to(index.root).faces}
    # match_probes compares "masked" with "unmasked": here they stand for probes and gallery.
    roles = ["unmasked" if face.path in enrolled else "masked" for face in index.faces]
    found: dict[str, Any] = {}
    for name, recognizer, (placed,), lacking in models_and_faces(args, index):
        faces = dataclasses.replace(embed_index(recognizer, placed, progress=True), domains=roles)
        report = evaluation.identification_report(evaluation.match_probes(faces))
        found[name] = {"faces_not_found": lacking, **report}
        ranks = ", ".join(f"rank-{k} {shown_value(value)}" for k, value in report["rank"].items())
        print(
            f"{name}: {report['probes']} {probes.faces[0].domain} probes among {report['gallery']} "
            f"{gallery.faces[0].domain} people: {ranks}"
        )
    return {"protocol": args.protocol, "missing": missing, "models": found}


def _read_lists(
    args: argparse.Namespace,
) -> tuple[FaceIndex, FaceIndex, tuple[str, ...], int]:
    """The direction whose files are there: the lists themselves do not name it."""
    counts = {}
    for domains in (("unmasked", "masked"), ("masked", "unmasked")):
        try:
            parts = [
                datasets.read_face_list(
                    file,
                    args.data,
                    cast(datasets.face_index.Domain, domain),
                    alignment=args.alignment,
                )
                for file, domain in zip(args.list, domains, strict=True)
            ]
        except ValueError:
            continue
        missing = tuple(sorted(parts[0][1] + parts[1][1]))
        counts[len(missing)] = (parts[0][0], parts[1][0], missing, len(missing))
    if not counts:
        raise ValueError(
            "--data must hold RMFRD's two AFDB folders with faces of the lists. "
            f"Received: {args.data!r} with none"
        )
    return counts[min(counts)]


def _print_missing(missing: Sequence[str], lost: int, what: str) -> None:
    if missing:
        print(f"{len(missing)} files are missing; {lost} {what} left out. The first:")
        for name in missing[:_SHOWN]:
            print(f"  {shown(name)}")
        print("figures cannot be compared with published ones")


def shown_value(figure: dict[str, float]) -> str:
    """A figure with its interval."""
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
