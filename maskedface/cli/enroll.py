"""Add people to a gallery from photographs, or remove people; calibrate the gallery's thresholds.

  maskedface enroll --gallery friends.npz --model dlib FOLDER           (one folder per person)
  maskedface enroll --gallery friends.npz --person Ada a.jpg b.jpg
  maskedface enroll --gallery friends.npz --remove Ada
  maskedface enroll --gallery new.npz --from friends.npz --model RUN    (with another network)

A photograph must show one face, or one far larger than the others; others are left out and listed.
Thresholds are chosen for --fpir and --far on photographs of strangers: those of --strangers; else
those of the folder that the gallery's thresholds came from, if it still exists; else the faces
enrolled by this command, each compared with everybody else. At least 1 / FPIR photographs are
needed, of which near-duplicates count once. Masked faces have thresholds of their own, from
photographs of worn masks if there are at least 1 / FPIR, else from masks drawn on the others. Do not
report results on any of them.
A gallery remembers its photographs: their paths, or with --remember crops the faces themselves.
--from builds another gallery from these; a photograph that is missing or has changed is left out
and listed.
Exit codes: 0 success; 1 success, but a photograph was left out, a picture was not written, or no
threshold could be chosen on strangers; 2 a user error, nothing was written.
"""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from maskedface.cli import recognizing
from maskedface.cli.outputs import check_inputs, check_outputs
from maskedface.cli.values import add_count, add_wait, rate
from maskedface.recognition.stores.address import is_one, local_file, shown_address

if TYPE_CHECKING:
    from maskedface.recognition import Gallery

# seconds: the lock is held while a change is applied and saved, not while faces are read
_PATIENCE = 60.0
# The arguments that are passed on to `GalleryUpdate` under the same names.
_UPDATE = (
    *("photos", "person", "remove", "existing", "keep", "masks", "remember"),
    *("strangers", "fpir", "far", "wait"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    parser.add_argument(
        "photos",
        nargs="*",
        metavar="FOLDER|PHOTO",
        help="folders with one folder per person, or with --person photographs",
    )
    _add_people_arguments(parser.add_argument_group("people"))
    gallery = parser.add_argument_group("gallery")
    _add_gallery_arguments(gallery)
    add_wait(gallery, _PATIENCE)
    _add_threshold_arguments(parser.add_argument_group("thresholds"))
    recognizing.add_recognizer_arguments(parser)
    output = recognizing.add_output_arguments(parser, verbose=False)
    output.add_argument(
        "--pictures", metavar="DIR", help="write each photograph with the face's box to DIR"
    )


def _add_people_arguments(group: argparse._ActionsContainer) -> None:
    group.add_argument("--person", metavar="NAME", help="name of the person on all photographs")
    group.add_argument(
        "--remove",
        action="append",
        default=[],
        metavar="NAME",
        help="remove this person; may be repeated",
    )
    group.add_argument(
        "--from",
        dest="made_from",
        metavar="FILE|ADDRESS",
        help="enroll the people of this gallery from the photographs that it remembers",
    )
    group.add_argument(
        "--existing",
        choices=("refuse", "add", "replace"),
        default="refuse",
        help="what to do with people who are already enrolled; default: refuse, which is an error",
    )


def _add_gallery_arguments(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--gallery", required=True, metavar="FILE", help="the gallery; created if it does not exist"
    )
    group.add_argument(
        "--keep",
        choices=("mean", "all"),
        help="of a new gallery: store one mean template per person (default), or all their "
        "embeddings",
    )
    group.add_argument(
        "--remember",
        choices=("paths", "crops", "nothing"),
        help="what to store about each photograph, for rebuilding the gallery with another "
        "network: its path (default of a new gallery), the face crop too, or nothing, also for "
        "those already enrolled",
    )
    add_count(
        group,
        "--masks",
        "of a new gallery: also enroll each unmasked face with N drawn masks, so that a network "
        "trained without masks recognizes masked probes (10 works well; default: the run's recipe, "
        "else 0)",
        least=0,
        most=100,
    )


def _add_threshold_arguments(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--strangers", metavar="FOLDER", help="people not in the gallery, one folder per person"
    )
    parser.add_argument(
        "--fpir",
        type=rate,
        metavar="RATE",
        help="false positive identification rate: share of strangers' faces that may get a name; "
        "default: the gallery's, else 0.01",
    )
    parser.add_argument(
        "--far",
        type=rate,
        metavar="RATE",
        help="false accept rate: share of pairs of strangers that may pass verify; default: the "
        "gallery's, else 0.001",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface enroll --help`."""
    _check_words(args)
    check_inputs(*args.photos, local_file(args.made_from), args.strangers)
    inputs = [local_file(args.gallery), *args.photos, local_file(args.made_from)]
    check_outputs(args.json, folder=args.pictures, inputs=inputs)
    from maskedface.cli.enrolled import report
    from maskedface.recognition import Recognizer, open_store
    from maskedface.recognition.gallery_update import GalleryUpdate

    opened: list[Recognizer] = []

    def recognizer(gallery: Gallery | None) -> Recognizer:
        opened.append(recognizing.read_recognizer(args, gallery, _count(args, gallery)))
        return opened[-1]

    update = GalleryUpdate(
        path=args.gallery,
        recognizer=recognizer,
        made_from=open_store(args.made_from).gallery() if args.made_from else None,
        **{name: getattr(args, name) for name in _UPDATE},
    )
    code = report(args, update.apply())
    for one in opened:
        recognizing.keep_network(args, one)
    return code


def _count(args: argparse.Namespace, gallery: Gallery | None) -> float:
    """Number of faces to embed; infinite if strangers or another gallery are embedded, too."""
    from maskedface.recognition import photo_files

    many = args.strangers or args.made_from or (gallery and gallery.calibration)
    if many or gallery is None:
        return math.inf
    return len(photo_files(*args.photos)) * (1 + gallery.masks)


def _check_words(args: argparse.Namespace) -> None:
    if not (args.photos or args.remove or args.strangers or args.made_from or args.remember):
        raise ValueError(
            "photographs, --from, --remove or --strangers must be given. Received: none"
        )
    if args.gallery == "-":
        raise ValueError("--gallery must be a file, as it is both read and written. Received: '-'")
    if not args.made_from:
        return
    if is_one(args.made_from, args.gallery):
        raise ValueError(
            "--from must be another gallery than --gallery. "
            f"Received: {shown_address(args.made_from)!r} for both"
        )
    others = [args.photos, args.person, args.alignment, args.pictures, args.fall_back != "never"]
    if any(others):
        raise ValueError(
            "--from must come without photographs, --person, --alignment, --fall-back and "
            "--pictures: the other gallery states its people and how their faces were found. "
            f"Received: --from {shown_address(args.made_from)!r} and more"
        )
