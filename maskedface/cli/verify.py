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
from maskedface.cli.outputs import check_inputs, check_outputs, picture_kind, write_picture
from maskedface.cli.tables import print_table
from maskedface.cli.values import score
from maskedface.recognition.stores.address import local_file

if TYPE_CHECKING:
    from maskedface.recognition import Gallery, Verification

_VERDICTS = {True: "the same person", False: "different people", None: "no verdict"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's words to a parser."""
    parser.add_argument("photos", nargs=2, metavar="PHOTO")
    parser.add_argument(
        "--gallery", metavar="FILE|ADDRESS", help="take the model and threshold from it"
    )
    parser.add_argument(
        "--threshold", type=score(1), metavar="COSINE", help="the same from here on, in [-1, 1]"
    )
    parser.add_argument(
        "--picture", metavar="FILE", help="write both photographs there, with boxes"
    )
    recognizing.add_recognizer_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface verify --help`."""
    check_inputs(local_file(args.gallery), *args.photos)
    check_outputs(args.picture, args.json, inputs=(*args.photos, local_file(args.gallery)))
    if args.picture:
        picture_kind(args.picture)
    from maskedface.atomic_file import write_json
    from maskedface.recognition import open_store

    gallery = open_store(args.gallery).gallery() if args.gallery else None
    recognizer = recognizing.read_recognizer(args, gallery)
    result = recognizer.verify(*args.photos, threshold=args.threshold)
    if args.json:
        write_json(args.json, {**result.to_dict(), "photos": args.photos})
    rows = [
        (path, f"{face.masked:.2f}", face.aligned_by)
        for path, face in zip(args.photos, result.faces, strict=True)
    ]
    print_table(("photograph", "mask", "found by"), rows)
    threshold = _threshold(result, args.threshold is not None, gallery)
    print(f"{_VERDICTS[result.same]}: cosine {result.score:.3f}, {threshold}")
    if args.picture:
        _draw(args, result)
    return {True: 0, False: 1, None: 3}[result.same]


def _threshold(result: Verification, is_given: bool, gallery: Gallery | None) -> str:
    if result.threshold is None:
        return "no threshold (give --threshold, or a gallery that has one)"
    made = gallery.calibration if gallery is not None else None
    if is_given or made is None:
        return recognizing.given_threshold(result.threshold, made, "far")
    return f"threshold {result.threshold:.3f}: FAR {made.far:g} on faces of {made.people} people"


def _draw(args: argparse.Namespace, result: Verification) -> None:
    import numpy as np

    from maskedface.recognition.drawing import LabeledFace, draw_faces

    words = f"{_VERDICTS[result.same]} {result.score:.2f}"
    pictures = [
        draw_faces(path, [LabeledFace(face.box, words, bool(result.same))])
        for path, face in zip(args.photos, result.faces, strict=True)
    ]
    height = max(picture.shape[0] for picture in pictures)
    filled = [
        np.pad(picture, ((0, height - picture.shape[0]), (0, 0), (0, 0))) for picture in pictures
    ]
    write_picture(args.picture, np.concatenate(filled, axis=1))
