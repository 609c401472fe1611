"""Models compared on a published protocol: pairs, gallery and probes, or the open set of a manifest."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from maskedface import datasets, evaluation, models
from maskedface.cli.recogniser import load_recognizer, print_table
from maskedface.datasets import PAIR_PROTOCOLS, FaceIndex
from maskedface.evaluation import EmbeddedFaces
from maskedface.masking import masked_templates
from maskedface.recognition import each
from maskedface.training.run import write_json

if TYPE_CHECKING:
    from maskedface.recognition import Recognizer

_SHOWN = 10  # missing files printed; --json has all


def run_protocol(args: argparse.Namespace) -> int:
    """Runs `maskedface evaluate --protocol`; see its help.

    Raises:
        ValueError: if words are missing or do not fit together, or the data are too few.
        FileNotFoundError: if a list, folder or model is missing.
    """
    if args.protocol not in PAIR_PROTOCOLS:
        if not args.manifest:
            raise ValueError(
                f"--protocol must be one of {PAIR_PROTOCOLS}, or come with --manifest. "
                f"Received: {args.protocol!r}"
            )
        reports = _open_set(args)
    elif not args.data:
        raise ValueError("--data must be given with --protocol. Received: no --data")
    elif args.list and len(args.list) == 2:
        reports = _lists(args)
    elif args.list and len(args.list) > 2:
        raise ValueError(f"--list must be one or two files. Received: {len(args.list)}")
    else:
        reports = _pairs(args)
    if args.json:
        write_json(args.json, reports)
    return 0


def _embed(recognizer: Recognizer, index: FaceIndex, detect: bool) -> tuple[np.ndarray, int]:
    """Embeddings in the rows' order, and for how many no face was found (the whole image is taken)."""
    if not detect:
        size = recognizer.embedder.input_shape[1]
        chips = datasets.read_chips(
            index, size=size, alignment=recognizer.alignment, progress=True
        )
        return models.predict(recognizer.embedder, chips), 0
    rows, whole = [], 0
    for path, faces, error in each(index.paths, recognizer.faces, "finding faces", progress=True):
        if not faces:
            raise ValueError(f"every face of a protocol must be readable. Received: {path!r}: {error}")
        # A protocol's image is about the face in its middle; others are bystanders.
        face = max(faces, key=lambda face: (face.box[2] - face.box[0]) * (face.box[3] - face.box[1]))
        rows.append(face.embedding)
        whole += face.aligned_by == "whole image"
    return np.stack(rows), whole


def _models(args: argparse.Namespace) -> dict[str, Recognizer]:
    found = {name: load_recognizer(name, fall_back="always") for name in args.runs}
    for name, recognizer in found.items():
        if args.detect and recognizer.gallery.masks:
            raise ValueError(
                "--detect must not come with a run that draws masks on those enrolled. "
                f"Received: {name!r} with enroll_masks={recognizer.gallery.masks}"
            )
    return found


def _print_missing(missing: Sequence[str], lost: int, what: str) -> None:
    if missing:
        print(f"{len(missing)} files are missing; {lost} {what} left out. The first:")
        for name in missing[:_SHOWN]:
            print(f"  {name.encode('utf-8', 'replace').decode()}")
        print("figures cannot be compared with published ones")


def _pairs(args: argparse.Namespace) -> dict[str, Any]:
    pairs = datasets.read_pairs(
        args.protocol, args.data, args.list[0] if args.list else None, alignment=args.alignment
    )
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
    for name, recognizer in _models(args).items():
        embeddings, whole = _embed(recognizer, pairs.index, args.detect)
        scores = evaluation.cosine_scores(embeddings, pairs.first, pairs.second)
        found: dict[str, Any] = {"faces_not_found": whole, "kinds": {}}
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
    _print_pairs(reports)
    return reports


def _print_pairs(reports: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=f"{reports['protocol']}: pairs (95 % interval over people)")
    columns = ("model", "faces", "genuine / impostors", "accuracy, folds", "EER")
    for column in (*columns, "TAR at FAR", "FAR too low to tell"):
        table.add_column(column)
    for name, found in reports["models"].items():
        for kind, report in found["kinds"].items():
            if "skipped" in report:
                table.add_row(name, kind, report["skipped"])
                continue
            accuracy = report.get("accuracy")
            table.add_row(
                name,
                kind,
                f"{report['genuine']} / {report['impostors']}",
                f"{_value(accuracy)} ± {accuracy['standard_error']:.3f}" if accuracy else "",
                _value(report["eer"]),
                ", ".join(f"{far:g}: {_value(tar)}" for far, tar in report["tar_at_far"].items()),
                ", ".join(f"{far:g}" for far in report["refused"]),
            )
        if found["faces_not_found"]:
            table.add_row(name, f"{found['faces_not_found']} faces not found: whole image taken")
    print_table(table)


def _lists(args: argparse.Namespace) -> dict[str, Any]:
    """c-RMFRD's gallery and probes: the gallery is unmasked if all its faces lie there, else masked."""
    if args.protocol != "c-rmfrd":
        raise ValueError(f"two lists must be c-rmfrd's. Received: --protocol {args.protocol}")
    gallery, probes, missing, lost = _read_lists(args)
    _print_missing(missing, lost, "faces")
    index = gallery + probes
    enrolled = {face.path for face in gallery.relative_to(index.root).faces}
    people = [face.person for face in index.faces]
    # match_probes compares "masked" with "unmasked": here they stand for probes and gallery.
    roles = ["unmasked" if face.path in enrolled else "masked" for face in index.faces]
    found: dict[str, Any] = {}
    for name, recognizer in _models(args).items():
        embeddings, whole = _embed(recognizer, index, args.detect)
        report = evaluation.identification_report(
            evaluation.match_probes(
                embeddings,
                people,
                roles,
                cohort=recognizer.gallery.cohort,
                templates=_templates(recognizer, index, embeddings),
            )
        )
        found[name] = {"faces_not_found": whole, **report}
        ranks = ", ".join(f"rank-{k} {_value(value)}" for k, value in report["rank"].items())
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
                    file, args.data, cast(datasets.face_index.Domain, domain), alignment=args.alignment
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


def _open_set(args: argparse.Namespace) -> dict[str, Any]:
    parts = datasets.read_split(
        args.manifest, args.protocol, root=args.data, alignment=args.alignment
    )
    if not {"train", "test"} <= set(parts):
        raise ValueError(
            f"--protocol must have the parts train and test. Received: parts {sorted(parts)}"
        )
    found = {}
    for name, recognizer in _models(args).items():
        embedded = {
            part: embedded_faces(recognizer, parts[part], args.detect) for part in ("train", "test")
        }
        found[name] = evaluation.open_set_report(
            embedded["train"],
            embedded["test"],
            enrolled=args.enrolled,
            draws=args.draws,
            fpirs=args.fpir,
            fars=args.far,
            cohort=recognizer.gallery.cohort,
        )
    _print_open_set(found)
    return {"protocol": args.protocol, "models": found}


def embedded_faces(recognizer: Recognizer, index: FaceIndex, detect: bool) -> EmbeddedFaces:
    """The faces as a recogniser embeds them, with what it enrols of each where masks are drawn on those."""
    embeddings, whole = _embed(recognizer, index, detect)
    if whole:
        print(f"{whole} of {len(index)} faces not found: whole image taken")
    people, domains, photos = zip(
        *((face.person, face.domain, face.photo) for face in index.faces), strict=True
    )
    enrolled = _templates(recognizer, index, embeddings)
    return EmbeddedFaces(embeddings, people, domains, photos, enrolled)


def _templates(
    recognizer: Recognizer, index: FaceIndex, embeddings: np.ndarray
) -> np.ndarray | None:
    """What is enrolled of each face, where masks are to be drawn on bare ones; else None."""
    if not recognizer.gallery.masks:
        return None
    bare = np.flatnonzero([face.domain == "unmasked" for face in index.faces])
    chips = datasets.read_chips(
        index.where(lambda face: face.domain == "unmasked"),
        size=recognizer.embedder.input_shape[1],
        alignment=recognizer.alignment,
    )
    found = embeddings.copy()
    found[bare], _ = masked_templates(
        lambda faces: models.predict(recognizer.embedder, faces),
        chips,
        embeddings[bare],
        count=recognizer.gallery.masks,
        alignment=recognizer.alignment,
    )
    return found


def _print_open_set(found: dict[str, Any]) -> None:
    from rich.table import Table

    first = next(iter(found.values()))
    table = Table(
        title=f"{first['enrolled']} of {first['people']} people enrolled, {first['draws']} draws; "
        "thresholds from other people"
    )
    for column in ("", *found):
        table.add_column(column)
    for domain in ("masked", "unmasked"):
        table.add_row(f"{domain} probes: rank-1", *(_spread(m[domain]["rank_1"]) for m in found.values()))
        if domain == "masked":
            label = "  own bare photo in the gallery too"
            kept = (_spread(m[domain]["rank_1_own_photo_kept"]) for m in found.values())
            table.add_row(label, *kept)
        for fpir in first[domain]["fnir"]:
            at = [m[domain]["fnir"][fpir] for m in found.values()]
            cells = (f"{_spread(one)} (FPIR found {one['fpir']['mean']:.3f})" for one in at)
            table.add_row(f"{domain} probes: FNIR at FPIR {fpir:g}", *cells)
    for kind, pairs in first["pairs"].items():
        for far in pairs["at_far"]:
            at = [m["pairs"][kind]["at_far"][far] for m in found.values()]
            cells = (f"{_value(one['tar'])} (FAR found {one['far']['value']:.4f})" for one in at)
            table.add_row(f"{kind} pairs: TAR at FAR {far:g}", *cells)
    print_table(table)


def _spread(figure: dict[str, float]) -> str:
    return f"{figure['mean']:.3f} ± {figure['sd']:.3f}"


def _value(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
