"""What `maskedface enroll` says, writes and draws of what it did."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from maskedface.cli import recogniser
from maskedface.names import shown

if TYPE_CHECKING:
    from maskedface.recognition import FoundFace, Gallery

# (path, person, face or None, why it was left out)
Enrolled = tuple[str, str, "FoundFace | None", str]


def report(args: argparse.Namespace, enrolled: list[Enrolled], gallery: Gallery, said: str) -> int:
    """Prints and writes what was done, when the gallery is saved: nothing here undoes it.

    Args:
        args: the command's words.
        enrolled: a row a photograph.
        gallery: as it was saved.
        said: str, a line more to print.

    Returns:
        The exit code: 1 where a photograph was left out, or a file beside the gallery not written.
    """
    _print(enrolled, gallery)
    print(shown(said))
    failed = [error for *_, error in enrolled if error]
    try:
        if args.json:
            from maskedface.whole_file import write_json

            write_json(args.json, _facts(args, enrolled, gallery))
        if args.pictures:
            _draw(args.pictures, enrolled)
    except OSError as error:
        print(f"the gallery is saved, but not all that was asked for: {shown(str(error))}", file=sys.stderr)
        failed.append(str(error))
    return 1 if failed else 0


def _print(enrolled: list[Enrolled], gallery: Gallery) -> None:
    from rich.table import Table

    from maskedface.masking import SEEMS_MASKED

    table = Table()
    for column in ("person", "faces added", "in the gallery", "seem masked", "whole image"):
        table.add_column(column)
    for name in sorted({person for _, person, *_ in enrolled}):
        faces = [face for _, person, face, _ in enrolled if person == name and face is not None]
        table.add_row(
            recogniser.shown(name),
            str(len(faces)),
            str(gallery.people.get(name, 0)),
            str(sum(face.masked >= SEEMS_MASKED for face in faces)),
            str(sum(face.aligned_by == "whole image" for face in faces)),
        )
    if enrolled:
        recogniser.print_table(table)
    left_out = [(path, error) for path, _, _, error in enrolled if error]
    for path, error in left_out:
        print(f"left out: {shown(path)}: {shown(error)}")
    print(f"{len(gallery)} people enrolled, {len(left_out)} photographs left out")


def _draw(folder: str, enrolled: list[Enrolled]) -> None:
    from maskedface.datasets import read_image
    from maskedface.recognition import LabelledFace, draw_faces

    for number, (path, person, face, _) in enumerate(enrolled, 1):
        if face is not None:
            name = f"{number:04d}-{os.path.splitext(os.path.basename(path))[0]}.jpg"
            picture = draw_faces(read_image(path), [LabelledFace(face.box, person, True)])
            recogniser.write_picture(os.path.join(folder, name), picture)


def _facts(
    args: argparse.Namespace, enrolled: list[Enrolled], gallery: Gallery
) -> dict[str, Any]:
    photos = [
        {
            "path": path,
            "person": person,
            "error": error,
            "face": None if face is None else recogniser.face_facts(face),
        }
        for path, person, face, error in enrolled
    ]
    calibration = gallery.calibration and gallery.calibration.to_json()
    facts = {"gallery": args.gallery, "removed": args.remove, "photos": photos}
    return {**facts, "people": gallery.people, "calibration": calibration}
