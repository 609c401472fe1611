"""Say who the people in photographs are; photographs need be neither cropped nor aligned.

  maskedface identify --gallery friends.npz PHOTO FOLDER --json who.json --pictures annotated

With --masked-gallery FILE, the same people enrolled with a network trained for masks, faces that seem to
wear one are compared with that gallery, and bare faces as ever:

  maskedface identify --gallery friends.npz --masked-gallery friends-masked.npz PHOTO

A person is named from the gallery's threshold on (`maskedface enroll` chooses it), else "unknown".
Exit codes: 0 every face of every photograph has a name; 1 a face is unknown, or a photograph shows none;
2 a user error; 3 a file could not be read (the others are done).
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from maskedface.cli import recogniser
from maskedface.names import shown

if TYPE_CHECKING:
    from maskedface.recognition import ByMask, FoundFace, PhotoResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's words to a parser."""
    parser.add_argument("photos", nargs="+", metavar="PHOTO|FOLDER")
    parser.add_argument("--gallery", required=True, metavar="FILE", help="whom to recognise")
    recogniser.add_masked_gallery(parser)
    parser.add_argument(
        "--threshold", type=float, metavar="SCORE", help="name from here on; default: the gallery's"
    )
    parser.add_argument("--candidates", type=int, default=3, metavar="N", help="shown for each face")
    parser.add_argument("--pictures", metavar="DIR", help="write each photograph there, with names")
    recogniser.add_recogniser_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface identify --help`."""
    from maskedface.datasets import read_image
    from maskedface.recognition import ByMask, Gallery, draw_identities, identify_all, photo_files
    from maskedface.whole_file import write_json

    gallery = Gallery.load(args.gallery)
    paths = photo_files(*args.photos)
    recognizer = recogniser.read_both(args, recogniser.read_recognizer(args, gallery))
    results = []
    for result in identify_all(
        recognizer, paths, candidates=args.candidates, threshold=args.threshold
    ):
        results.append(result)
        if args.pictures and not result.error:
            name = f"{len(results):04d}-{os.path.splitext(os.path.basename(result.path))[0]}.jpg"
            picture = draw_identities(read_image(result.path), result.identities)
            recogniser.write_picture(os.path.join(args.pictures, name), picture)
    _print(results)
    pair = recognizer if isinstance(recognizer, ByMask) else None
    if pair is not None:
        print("faces that seem masked:")
        _print_threshold(pair.masked.gallery, None)
        print("all others:")
    _print_threshold(gallery, args.threshold)
    if args.json:
        galleries = {"gallery": args.gallery, "masked_gallery": args.masked_gallery}
        write_json(args.json, galleries | {"photos": [_facts(one, args, pair) for one in results]})
    return _exit_code(results)


def _exit_code(results: list[PhotoResult]) -> int:
    if any(result.error for result in results):
        return 3
    named = all(r.identities and all(one.person for one in r.identities) for r in results)
    return 0 if named else 1


def _print(results: list[PhotoResult]) -> None:
    from rich.table import Table

    table = Table()
    for column in ("photograph", "face", "person", "score", "next", "mask", "found by"):
        table.add_column(column)
    for path, identities, error in results:
        name = recogniser.shown(path)
        if error:
            table.add_row(name, "", f"[red]not read: {recogniser.shown(error)}")
        elif not identities:
            table.add_row(name, "", "no face found")
        for number, one in enumerate(identities, 1):
            first, *others = one.candidates
            table.add_row(
                name,
                str(number),
                recogniser.shown(one.person) or f"unknown ({recogniser.shown(first.person)}?)",
                f"{first.score:.3f}",
                ", ".join(f"{recogniser.shown(c.person)} {c.score:.3f}" for c in others),
                f"{one.face.masked:.2f}",
                one.face.aligned_by,
            )
    recogniser.print_table(table)


def _print_threshold(gallery: Any, given: float | None) -> None:
    made = gallery.calibration
    if given is not None:
        print(f"threshold {given:.3f}, as given")
    elif made is None:
        print("no threshold: nobody is named. `maskedface enroll --strangers DIR` chooses one")
    else:
        print(
            f"threshold {made.identify:.3f}: FPIR {made.fpir:g} on {made.probes} faces of "
            f"{made.people} people ({shown(made.source)}) against {made.gallery} enrolled"
        )
        if made.gallery != len(gallery):
            print(f"{len(gallery)} are enrolled now: the rate has changed with them")


def _facts(
    result: PhotoResult, args: argparse.Namespace, pair: ByMask | None
) -> dict[str, Any]:
    def gallery(face: FoundFace) -> str:
        in_masked = pair is not None and pair.meant_for(face) is pair.masked
        return str(args.masked_gallery if in_masked else args.gallery)

    return {
        "path": result.path,
        "error": result.error,
        "faces": [
            {
                "person": one.person or None,
                "gallery": gallery(one.face),
                "threshold": one.threshold,
                "candidates": [candidate._asdict() for candidate in one.candidates],
                **recogniser.face_facts(one.face),
            }
            for one in result.identities
        ],
    }
