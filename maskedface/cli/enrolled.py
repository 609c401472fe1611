"""What `maskedface enroll` prints, writes and draws after an update."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import TYPE_CHECKING

from maskedface.cli import recognizing
from maskedface.cli.outputs import try_picture
from maskedface.cli.tables import print_table
from maskedface.names import shown
from maskedface.recognition.stores.address import shown_address

if TYPE_CHECKING:
    from maskedface.recognition.gallery_update import Updated


def report(args: argparse.Namespace, done: Updated) -> int:
    """Reports an update. The gallery is already saved, and an error here does not undo it.

    Args:
        args: the command's parsed arguments.
        done: the result of the update.

    Returns:
        The exit code: 1 if a photograph was left out, no threshold could be chosen, or a file other
        than the gallery could not be written.
    """
    failed = _write(args, done)
    _print(done)
    if args.remove:
        print(f"removed: {len(args.remove)}")
    for error in failed:
        print(f"the gallery is saved, but another output is not: {shown(error)}", file=sys.stderr)
    return 1 if failed or done.is_missed or any(row.error for row in done.photos) else 0


def _write(args: argparse.Namespace, done: Updated) -> list[str]:
    """Writes JSON and pictures. Returns the error of each file that could not be written."""
    from maskedface.atomic_file import write_json
    from maskedface.recognition.drawing import LabeledFace, draw_faces

    failed, calibration = [], done.gallery.calibration
    if args.json:
        facts = {
            "gallery": shown_address(args.gallery),
            "removed": args.remove,
            "photos": [row.to_dict() for row in done.photos],
            "people": done.gallery.people,
            "calibration": calibration and calibration.to_dict(),
        }
        try:
            write_json(args.json, facts)
        except OSError as error:
            failed.append(str(error))
    for number, row in enumerate(done.photos if args.pictures else (), 1):
        if row.face is not None:
            box = LabeledFace(row.face.box, row.person, True)
            draw = functools.partial(draw_faces, row.path, [box])
            failed.append(try_picture(args.pictures, number, row.path, draw)[1])
    return [error for error in failed if error]


def _print(done: Updated) -> None:
    from maskedface.masking import SEEMS_MASKED

    gallery, rows = done.gallery, []
    for name in sorted({row.person for row in done.photos}):
        faces = [row.face for row in done.photos if row.person == name and row.face is not None]
        masked = sum(face.masked >= SEEMS_MASKED for face in faces)
        whole = sum(face.aligned_by == "whole image" for face in faces)
        rows.append((name, len(faces), gallery.people.get(name, 0), masked, whole))
    if rows:
        print_table(("person", "faces added", "in the gallery", "seem masked", "whole image"), rows)
    left_out = [row for row in done.photos if row.error]
    for row in left_out:
        print(f"left out: {shown(row.path or row.person)}: {shown(row.error)}")
    print(f"{len(gallery)} people enrolled, {len(left_out)} photographs left out")
    if done.reason or done.calibration:
        print(shown(_thresholds(done)))


def _thresholds(done: Updated) -> str:
    made, stay = done.calibration, done.gallery.calibration
    if made is not None:
        verify = ", ".join(f"{name} {at:.3f}" for name, at in made.verify.items() if at is not None)
        verify = f"; to verify (FAR {made.far:g}): {verify}" if verify else ""
        return (
            f"{made} (FPIR {made.fpir:g}) to name{verify}: from {made.probes} photographs of "
            f"{made.people} people, {made.source}; masked faces: {recognizing.masked_from(made)}; against "
            f"{made.gallery} enrolled"
        )
    if stay is None:
        return (
            f"the gallery is not calibrated: {done.reason}. identify uses default thresholds, if "
            "there are any, that were measured on other people; to calibrate it, give --strangers "
            "FOLDER or a larger --fpir"
        )
    told = f"thresholds unchanged, for {stay.gallery} people enrolled: {done.reason}"
    if len(done.gallery) == stay.gallery:
        return told
    rate = recognizing.changed_rate(done.gallery, stay)
    return f"{told}. {rate}. --strangers FOLDER calibrates again"
