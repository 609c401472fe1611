"""What `maskedface enroll` says, writes and draws of what it did."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import TYPE_CHECKING

from maskedface.cli.outputs import try_picture
from maskedface.cli.tables import print_table
from maskedface.names import shown

if TYPE_CHECKING:
    from maskedface.recognition import Gallery
    from maskedface.recognition.enrollment import EnrolledPhoto


def report(
    args: argparse.Namespace,
    enrolled: list[EnrolledPhoto],
    gallery: Gallery,
    said: str,
    *,
    missed: bool = False,
) -> int:
    """Prints and writes what was done, when the gallery is saved: nothing here undoes it.

    Args:
        args: the command's words.
        enrolled: a row a photograph.
        gallery: as it was saved.
        said: str, a line more to print.
        missed: whether thresholds could not be chosen.

    Returns:
        The exit code: 1 where a photograph was left out, thresholds were missed, or a file beside the
        gallery not written.
    """
    failed = _write(args, enrolled, gallery)
    _print(enrolled, gallery)
    print(shown(said))
    for error in failed:
        print(
            f"the gallery is saved, but not all that was asked for: {shown(error)}", file=sys.stderr
        )
    return 1 if failed or missed or any(row.error for row in enrolled) else 0


def _write(args: argparse.Namespace, enrolled: list[EnrolledPhoto], gallery: Gallery) -> list[str]:
    """Writes JSON and pictures; says what could not be written."""
    from maskedface.atomic_file import write_json
    from maskedface.recognition.drawing import LabeledFace, draw_faces

    failed = []
    if args.json:
        facts = {
            "gallery": args.gallery,
            "removed": args.remove,
            "photos": [row.to_dict() for row in enrolled],
            "people": gallery.people,
            "calibration": gallery.calibration and gallery.calibration.to_dict(),
        }
        try:
            write_json(args.json, facts)
        except OSError as error:
            failed.append(str(error))
    for number, row in enumerate(enrolled if args.pictures else (), 1):
        if row.face is not None:
            box = LabeledFace(row.face.box, row.person, True)
            draw = functools.partial(draw_faces, row.path, [box])
            failed.append(try_picture(args.pictures, number, row.path, draw)[1])
    return [error for error in failed if error]


def _print(enrolled: list[EnrolledPhoto], gallery: Gallery) -> None:
    from maskedface.masking import SEEMS_MASKED

    rows = []
    for name in sorted({row.person for row in enrolled}):
        faces = [row.face for row in enrolled if row.person == name and row.face is not None]
        masked = sum(face.masked >= SEEMS_MASKED for face in faces)
        whole = sum(face.aligned_by == "whole image" for face in faces)
        rows.append((name, len(faces), gallery.people.get(name, 0), masked, whole))
    if rows:
        print_table(("person", "faces added", "in the gallery", "seem masked", "whole image"), rows)
    left_out = [row for row in enrolled if row.error]
    for row in left_out:
        print(f"left out: {shown(row.path or row.person)}: {shown(row.error)}")
    print(f"{len(gallery)} people enrolled, {len(left_out)} photographs left out")
