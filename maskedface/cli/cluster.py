"""Group the faces in unsorted photographs by person: a folder per person, and a page to name them.

  maskedface cluster PHOTOS --out people
  maskedface enroll --gallery friends.npz people

Writes people/, a folder per person ("person 001" has the most faces), which `enroll` accepts;
people.html, a page on which people are merged and named and faces are taken out; and people.json
with the results. The page saves a file with the names. This writes new folders from it:

  maskedface cluster --groups people-named.json --out named

Two groups become one person if their mean similarity reaches the threshold for the false match
rate --far; masked and unmasked faces have separate thresholds. A person on a single photograph gets
no folder until they are named. The page and the folders hold personal data: see docs/privacy.md.
Exit codes: 0 done; 1 done, but nobody is on two photographs; 2 a user error; 3 a photograph could
not be read, or was changed meanwhile (the others are done).
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from maskedface.cli import recognizing
from maskedface.cli.outputs import check_inputs, check_outputs
from maskedface.cli.tables import print_some, print_table
from maskedface.cli.values import add_count, rate
from maskedface.masking import SEEMS_MASKED

if TYPE_CHECKING:
    from maskedface.clustering import Clusters
    from maskedface.clustering.folders import Written

_LISTED = 40  # people in the table, and photographs in each list

# Options that say how faces are found and grouped.
_FINDING = (
    *("far", "strangers", "model", "model_alignment", "input_range", "channels", "input_size"),
    *("alignment", "engine", "engine_precision", "calibration"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    parser.add_argument(
        "photos",
        nargs="*",
        metavar="PHOTO|FOLDER",
        help="photographs, and folders of them at any depth",
    )
    group = parser.add_argument_group("grouping")
    group.add_argument(
        "--far",
        type=rate,
        metavar="RATE",
        help="false match rate: a lower one makes purer groups, and more of them; default: 0.05",
    )
    group.add_argument(
        "--groups",
        metavar="FILE",
        help="write folders from this .json file, saved by the page or the command",
    )
    recognizer = parser.add_argument_group("recognizer")
    recognizing.add_model(
        recognizer,
        "dlib's network or a finished run's folder, tested on unseen identities; default: dlib",
    )
    recognizer.add_argument(
        "--alignment",
        default="",
        help="the photographs are faces aligned to this (arcface, dlib, vggface2): search for none",
    )
    recognizer.add_argument(
        "--strangers",
        metavar="FOLDER",
        help="for a network without measured false match rates: a folder per person, to measure them on",
    )
    recognizing.add_engine(recognizer)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", required=True, metavar="DIR", help="the people's folders; absent or empty"
    )
    add_count(output, "--least", "photographs that an unnamed person is on, to get a folder", 2)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface cluster --help`."""
    if bool(args.photos) == bool(args.groups):
        raise ValueError(
            "photographs or --groups must be given, and not both. "
            f"Received: {len(args.photos)} photographs, --groups {args.groups}"
        )
    check_inputs(*args.photos, args.groups, args.strangers)
    out = args.out.rstrip("/\\") or args.out
    page, facts = f"{out}.html", f"{out}.json"
    from maskedface.clustering import write_people
    from maskedface.clustering.folders import check_absent

    inputs = [*args.photos, args.groups]
    check_outputs(page, *(() if args.groups else (facts,)), folder=out, inputs=inputs)
    check_absent(out)
    found = _read(args) if args.groups else _find(args)
    if not args.groups:
        found.save(facts)  # what took long: --groups goes on from it, whatever happens now
    written = write_people(found, out, page=page, least=args.least)
    _print(found, written, out, page)
    if found.errors or written.errors:
        return 3
    return 0 if written.people else 1


def _read(args: argparse.Namespace) -> Clusters:
    from maskedface.clustering import Clusters

    given = [f"--{name.replace('_', '-')}" for name in _FINDING if getattr(args, name)]
    if given:
        raise ValueError(
            "--groups must come without what finds and groups faces: they are grouped already. "
            f"Received: {', '.join(given)}"
        )
    return Clusters.load(args.groups)


def _find(args: argparse.Namespace) -> Clusters:
    from maskedface.clustering import cluster_photos, measure_rates
    from maskedface.clustering.photographs import FAR
    from maskedface.recognition import photo_files

    paths = photo_files(*args.photos)
    args.fall_back = "never"
    recognizer = recognizing.read_recognizer(args, None, len(paths))
    rates = measure_rates(recognizer, args.strangers) if args.strangers else None
    return cluster_photos(recognizer, paths, far=FAR if args.far is None else args.far, rates=rates)


def _print(found: Clusters, written: Written, out: str, page: str) -> None:
    rows = []
    for person, count in [*written.people.items()][:_LISTED]:
        faces = [face for face in found.faces if face.person == person]
        masked = sum(face.masked >= SEEMS_MASKED for face in faces)
        rows.append((person, count, masked, len({face.path for face in faces})))
    print_table(("person", "faces", "masked", "photographs"), rows)
    if len(written.people) > _LISTED:
        print(f"... and {len(written.people) - _LISTED} more people")
    alone = sum(person not in written.people for person in found.people)
    photos = {face.path for face in found.faces}
    print(
        f"faces: {len(found.faces)} on {len(photos)} photographs; people with a folder: "
        f"{len(written.people)}, only on the page: {alone}; photographs without a face: "
        f"{len(found.without_face)}"
    )
    for told, why in {**found.errors, **written.errors}.items():
        print_some([f"left out: {told}: {why}"], 1)
    if found.settings.get("source"):
        print(
            f"grouped at a false match rate of {found.settings['far']:g}, measured on "
            f"{found.settings['source']}"
        )
    print(f"look through, merge and name them: {page}")
    print(f"then: maskedface cluster --groups {os.path.basename(out)}-named.json --out named")
