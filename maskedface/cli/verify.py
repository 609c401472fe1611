"""Say whether two photographs, of one person each, show the same one.

  maskedface verify ONE OTHER --gallery friends.npz      (its model and threshold; no one is looked up)
  maskedface verify ONE OTHER --model dlib --threshold 0.93

Exit codes: 0 the same person; 1 different people; 2 a user error, a photograph without exactly one face
among them; 3 no verdict, because there is no threshold.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from maskedface.cli import recognizing
from maskedface.cli.outputs import check_outputs, picture_kind, write_picture
from maskedface.cli.tables import print_table
from maskedface.cli.values import score
from maskedface.names import shown

if TYPE_CHECKING:
    from maskedface.recognition import Verification


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's words to a parser."""
    parser.add_argument("first", metavar="PHOTO")
    parser.add_argument("second", metavar="PHOTO")
    parser.add_argument("--gallery", metavar="FILE", help="take the model and threshold from it")
    parser.add_argument(
        "--threshold", type=score(1), metavar="COSINE", help="the same from here on, in [-1, 1]"
    )
    parser.add_argument(
        "--picture", metavar="FILE", help="write both photographs there, with boxes"
    )
    recognizing.add_recognizer_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface verify --help`."""
    from rich.table import Table

    from maskedface.atomic_file import write_json
    from maskedface.recognition import Gallery

    read = (args.first, args.second, args.gallery)
    check_outputs(args.picture, args.json, inputs=read)
    if args.picture:
        picture_kind(args.picture)
    gallery = Gallery.load(args.gallery) if args.gallery else None
    recognizer = recognizing.read_recognizer(args, gallery)
    result = recognizer.verify(args.first, args.second, threshold=args.threshold)
    if args.json:
        write_json(args.json, {**result.to_dict(), "photos": [args.first, args.second]})
    table = Table()
    for column in ("photograph", "mask", "found by"):
        table.add_column(column)
    for path, face in zip((args.first, args.second), result.faces, strict=True):
        table.add_row(recognizing.shown(path), f"{face.masked:.2f}", face.aligned_by)
    print_table(table)
    threshold = shown(_threshold(result, args, gallery))
    print(f"{_verdict(result)}: cosine {result.score:.3f}, {threshold}")
    if args.picture:
        _draw(args, result)
    return {True: 0, False: 1, None: 3}[result.same]


def _verdict(result: Verification) -> str:
    return {True: "the same person", False: "different people", None: "no verdict"}[result.same]


def _threshold(result: Verification, args: argparse.Namespace, gallery: object) -> str:
    if result.threshold is None:
        return "no threshold (give --threshold, or a gallery that has one)"
    made = getattr(gallery, "calibration", None)
    if args.threshold is not None or made is None:
        given = f"threshold {result.threshold:.3f}, as given"
        if made is None or made.verify is None or result.threshold >= made.verify:
            return given
        return f"{given}: below the gallery's {made.verify:.3f}, FAR is above {made.far:g}"
    return f"threshold {result.threshold:.3f}: FAR {made.far:g} on faces of {made.people} people"


def _draw(args: argparse.Namespace, result: Verification) -> None:
    import numpy as np

    from maskedface.recognition.drawing import LabeledFace, draw_faces

    words = f"{_verdict(result)} {result.score:.2f}"
    pictures = [
        draw_faces(path, [LabeledFace(face.box, words, bool(result.same))])
        for path, face in zip((args.first, args.second), result.faces, strict=True)
    ]
    height = max(picture.shape[0] for picture in pictures)
    filled = [
        np.pad(picture, ((0, height - picture.shape[0]), (0, 0), (0, 0))) for picture in pictures
    ]
    write_picture(args.picture, np.concatenate(filled, axis=1))
