"""What `maskedface enroll` says, writes and draws of what it did."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from maskedface.cli import recognizing
from maskedface.cli.outputs import picture_path, write_picture
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
    failed = []
    if args.json:
        from maskedface.atomic_file import write_json

        try:
            write_json(args.json, _facts(args, enrolled, gallery))
        except OSError as error:
            failed.append(str(error))
    for number, row in enumerate(enrolled if args.pictures else (), 1):
        try:
            _draw(args.pictures, number, row)
        except (ValueError, OSError) as error:
            failed.append(str(error))
    return failed


def _print(enrolled: list[EnrolledPhoto], gallery: Gallery) -> None:
    from rich.table import Table

    from maskedface.masking import SEEMS_MASKED

    table = Table()
    for column in ("person", "faces added", "in the gallery", "seem masked", "whole image"):
        table.add_column(column)
    for name in sorted({row.person for row in enrolled}):
        faces = [row.face for row in enrolled if row.person == name and row.face is not None]
        table.add_row(
            recognizing.shown(name),
            str(len(faces)),
            str(gallery.people.get(name, 0)),
            str(sum(face.masked >= SEEMS_MASKED for face in faces)),
            str(sum(face.aligned_by == "whole image" for face in faces)),
        )
    if enrolled:
        print_table(table)
    left_out = [row for row in enrolled if row.error]
    for row in left_out:
        print(f"left out: {shown(row.path or row.person)}: {shown(row.error)}")
    print(f"{len(gallery)} people enrolled, {len(left_out)} photographs left out")


def _draw(folder: str, number: int, row: EnrolledPhoto) -> None:
    from maskedface.recognition.drawing import LabeledFace, draw_faces

    if row.face is not None:
        picture = draw_faces(row.path, [LabeledFace(row.face.box, row.person, True)])
        write_picture(picture_path(folder, number, row.path), picture)


def _facts(
    args: argparse.Namespace, enrolled: list[EnrolledPhoto], gallery: Gallery
) -> dict[str, Any]:
    photos = [row.to_dict() for row in enrolled]
    calibration = gallery.calibration and gallery.calibration.to_dict()
    facts = {"gallery": args.gallery, "removed": args.remove, "photos": photos}
    return {**facts, "people": gallery.people, "calibration": calibration}
