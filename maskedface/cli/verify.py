"""Decide whether two photographs, of one person each, show the same person.

  maskedface verify ONE OTHER
  maskedface verify ONE OTHER --gallery friends.npz      (only its model and threshold are used)
  maskedface verify ONE OTHER --model RUN --threshold 0.93

Without --threshold or a gallery's threshold a default one is used, which was measured on other
people: for dlib's network when the library was built, for a run on its test people. The answer is
"cannot tell" if strangers look this similar too often to call them one person, and photographs of
one person look this different too often to call them different people.
Exit codes: 0 the same person; 1 different people; 2 a user error, or a photograph without exactly
one face; 3 cannot tell, or there is no threshold.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from maskedface.cli import recognizing
from maskedface.cli.outputs import check_inputs, check_outputs, picture_kind, write_picture
from maskedface.cli.tables import print_table
from maskedface.cli.values import score
from maskedface.recognition.judging import is_masked
from maskedface.recognition.stores.address import local_file
from maskedface.recognition.words import how_many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maskedface.recognition import Recognizer, Verification

_VERDICTS = {
    "same": "the same person",
    "different": "different people",
    "cannot tell": "cannot tell",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    parser.add_argument("photos", nargs=2, metavar="PHOTO", help="a photograph of one person")
    group = parser.add_argument_group("threshold")
    group.add_argument(
        "--gallery", metavar="FILE|ADDRESS", help="the gallery whose model and threshold to use"
    )
    group.add_argument(
        "--threshold",
        type=score(1),
        metavar="COSINE",
        help="lowest score of the same person, in [-1, 1]; default: the gallery's, else one "
        "measured on other people",
    )
    recognizing.add_recognizer_arguments(parser)
    output = recognizing.add_output_arguments(parser)
    output.add_argument(
        "--picture", metavar="FILE", help="write both photographs with boxes to FILE"
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface verify --help`."""
    check_inputs(local_file(args.gallery), *args.photos)
    check_outputs(args.picture, args.json, inputs=(*args.photos, local_file(args.gallery)))
    if args.picture:
        picture_kind(args.picture)
    from maskedface.atomic_file import write_json
    from maskedface.recognition import open_store

    gallery = open_store(args.gallery).gallery() if args.gallery else None
    recognizer = recognizing.read_recognizer(args, gallery, len(args.photos))
    result = recognizer.verify(*args.photos, threshold=args.threshold)
    if args.json:
        write_json(args.json, {**result.to_dict(), "photos": args.photos})
    print(result)
    print(_threshold(result, recognizer))
    if args.verbose:
        _print_numbers(args.photos, result)
    if args.picture:
        _draw(args, result)
    recognizing.keep_network(args, recognizer)
    return {True: 0, False: 1, None: 3}[result.same]


def _threshold(result: Verification, recognizer: Recognizer) -> str:
    """A message about the source of the threshold, or what to do if there is none."""
    made = recognizer.gallery.calibration
    if result.threshold is None:
        return recognizing.no_threshold(recognizer, result.faces)
    if result.threshold_from == "given":
        chosen = made.for_pair(*map(is_masked, result.faces)) if made else None
        above = f"FAR is above {made.far:g}" if made else ""
        return recognizing.given_threshold(result.threshold, chosen, above)
    if result.threshold_from == "gallery" and made is not None:
        return (
            f"by the gallery's own thresholds: at most {how_many(made.far)} pairs of {made.people} "
            "strangers pass it"
        )
    return recognizing.default_threshold(result.likelihood)


def _print_numbers(photos: Sequence[str], result: Verification) -> None:
    rows = [
        (path, f"{face.masked:.2f}", face.aligned_by)
        for path, face in zip(photos, result.faces, strict=True)
    ]
    print_table(("photograph", "mask", "found by"), rows)
    threshold = "none" if result.threshold is None else f"{result.threshold:.3f}"
    print(f"cosine {result.score:.3f}, threshold {threshold}")
    recognizing.print_likelihood(result.likelihood)


def _draw(args: argparse.Namespace, result: Verification) -> None:
    import numpy as np

    from maskedface.recognition.drawing import LabeledFace, draw_faces

    words = _VERDICTS[result.verdict]
    pictures = [
        draw_faces(path, [LabeledFace(face.box, words, bool(result.same))])
        for path, face in zip(args.photos, result.faces, strict=True)
    ]
    height = max(picture.shape[0] for picture in pictures)
    filled = [
        np.pad(picture, ((0, height - picture.shape[0]), (0, 0), (0, 0))) for picture in pictures
    ]
    write_picture(args.picture, np.concatenate(filled, axis=1))
