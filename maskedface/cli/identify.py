"""Identify the people in photographs, which need not be cropped or aligned.

  maskedface identify --gallery friends.npz PHOTO FOLDER --json who.json --pictures annotated

A face is named ("probably Ada") if its best score reaches the gallery's threshold, which
`maskedface enroll` calibrates if it can, else a default threshold measured on other people. Below
the threshold the answer is "perhaps Ada", if many photographs of one person are no more similar
than that, or "unknown".
Exit codes: 0 every face of every photograph has a name; 1 a face is unknown, or a photograph has no
face; 2 a user error; 3 a file could not be read, or its picture not written (the others are
processed).
--json is written every half minute and at the end, also if the command is interrupted: "complete"
says whether it covers all photographs.
"""

from __future__ import annotations

import argparse
import functools
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from maskedface.cli import recognizing
from maskedface.cli.outputs import check_inputs, check_outputs, try_picture
from maskedface.cli.tables import print_table
from maskedface.cli.values import add_count, score
from maskedface.masking import SEEMS_MASKED
from maskedface.names import shown
from maskedface.recognition.default_rates import FPIR
from maskedface.recognition.judging import is_masked
from maskedface.recognition.stores.address import local_file, shown_address
from maskedface.recognition.words import how_many

if TYPE_CHECKING:
    from maskedface.recognition import Identity, Recognizer
    from maskedface.recognition.batch import PhotoResult

_SAVED_EVERY = 30.0  # seconds: each save rewrites the whole file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    parser.add_argument(
        "photos",
        nargs="+",
        metavar="PHOTO|FOLDER",
        help="photographs, and folders that are searched recursively",
    )
    group = parser.add_argument_group("gallery")
    group.add_argument(
        "--gallery", required=True, metavar="FILE|ADDRESS", help="the enrolled people"
    )
    group.add_argument(
        "--threshold",
        type=score(2),
        metavar="SCORE",
        help="lowest score for a name, in [-1, 1], with a cohort in [-2, 2]; default: the "
        "gallery's, else one measured on other people",
    )
    recognizing.add_recognizer_arguments(parser)
    output = recognizing.add_output_arguments(parser)
    add_count(
        output, "--candidates", "length of each face's candidate list in JSON and --verbose", 3
    )
    output.add_argument("--pictures", metavar="DIR", help="write each photograph with names to DIR")


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface identify --help`."""
    check_inputs(local_file(args.gallery), *args.photos)
    from maskedface.atomic_file import is_stream
    from maskedface.recognition import identify_all, open_store, photo_files

    gallery = open_store(args.gallery).gallery()
    paths = photo_files(*args.photos)
    check_outputs(args.json, folder=args.pictures, inputs=(*paths, local_file(args.gallery)))
    recognizer = recognizing.read_recognizer(args, gallery, len(paths))
    rows: list[_Row] = []
    # A file is replaced each time, but a pipe would receive every copy.
    saved_every = _SAVED_EVERY if args.json and not is_stream(args.json) else float("inf")
    saved, complete = time.monotonic(), False
    try:
        for result in identify_all(
            recognizer, paths, candidates=args.candidates, threshold=args.threshold
        ):
            rows.append(_with_picture(result, args.pictures, len(rows) + 1))
            if time.monotonic() > saved + saved_every:
                _save(args, rows, complete=False)
                saved = time.monotonic()
        complete = True
    finally:
        if rows:
            _save(args, rows, complete=complete)
    _print(rows, args.verbose)
    _print_threshold(recognizer, args.threshold, rows)
    recognizing.keep_network(args, recognizer)
    if any(row.error for row in rows):
        return 3
    identities = [row.result.identities for row in rows]
    return 0 if all(found and all(one.person for one in found) for found in identities) else 1


class _Row(NamedTuple):
    """The result for one photograph, its picture's path, and the error if that was not written."""

    result: PhotoResult
    picture: str | None = None
    picture_error: str = ""

    @property
    def error(self) -> str:
        """What went wrong, or ""."""
        if self.result.error:
            return f"not read: {self.result.error}"
        return self.picture_error and f"picture not written: {self.picture_error}"

    def to_dict(self) -> dict[str, Any]:
        """The row as plain JSON values."""
        picture = {"picture": self.picture, "picture_error": self.picture_error}
        return {**self.result.to_dict(), **picture}


def _with_picture(result: PhotoResult, folder: str | None, number: int) -> _Row:
    from maskedface.recognition import draw_identities

    if folder is None or result.error:
        return _Row(result)
    draw = functools.partial(draw_identities, result.path, result.identities)
    return _Row(result, *try_picture(folder, number, result.path, draw))


def _save(args: argparse.Namespace, rows: list[_Row], *, complete: bool) -> None:
    from maskedface.atomic_file import write_json

    if args.json:
        photos = [row.to_dict() for row in rows]
        facts = {"gallery": shown_address(args.gallery), "complete": complete}
        write_json(args.json, {**facts, "photos": photos})


def _print(rows: list[_Row], verbose: bool) -> None:
    from rich.text import Text

    cells: list[tuple[object, ...]] = []
    for row in rows:
        if row.error:
            cells.append((row.result.path, "", Text(shown(row.error), "red")))
        elif not row.result.identities:
            cells.append((row.result.path, "", "no face found"))
        for number, one in enumerate(row.result.identities, 1):
            masked = "masked" if one.face.masked >= SEEMS_MASKED else ""
            numbers = _numbers(one) if verbose else ()
            cells.append((row.result.path, number, str(one), masked, *numbers))
    columns = ("photograph", "face", "person", "mask")
    more = ("mask, probability", "score", "threshold", "next", "FPIR", "FNMR", "found by")
    print_table((*columns, *(more if verbose else ())), cells)


def _numbers(one: Identity) -> tuple[str, ...]:
    first, *others = one.candidates
    likelihood = one.likelihood
    return (
        f"{one.face.masked:.2f}",
        f"{first.score:.3f}",
        "" if one.threshold is None else f"{one.threshold:.3f}",
        ", ".join(f"{other.person} {other.score:.3f}" for other in others),
        "" if one.false_positive_rate is None else f"{one.false_positive_rate:.2g}",
        "" if likelihood is None else f"{likelihood.false_non_match_rate:.2g}",
        one.face.aligned_by,
    )


def _print_threshold(recognizer: Recognizer, given: float | None, rows: list[_Row]) -> None:
    gallery, made = recognizer.gallery, recognizer.gallery.calibration
    found = [one for row in rows for one in row.result.identities]
    if given is not None:
        chosen = [made.for_probe(is_masked(one.face)) for one in found] if made else []
        above = f"FPIR is above {made.fpir:g}" if made else ""
        print(recognizing.given_threshold(given, max(chosen, default=None), above))
    elif made is not None:
        print(
            f"by the gallery's own thresholds: at most {how_many(made.fpir)} faces of strangers got a "
            f"name, chosen on {made.probes} photographs of {made.people} people "
            f"({shown(made.source)}; masked faces: {recognizing.masked_from(made)}) against "
            f"{made.gallery} enrolled"
        )
        if made.gallery != len(gallery):
            print(recognizing.changed_rate(gallery, made))
    elif any(one.threshold is not None for one in found):
        sources = {one.likelihood.source for one in found if one.likelihood is not None}
        print(
            f"by default thresholds, not calibrated on your people: at most {how_many(FPIR)} strangers get "
            f"a name; measured on {', '.join(sorted(sources))}"
        )
    if given is None and made is None and any(one.threshold is None for one in found):
        print(recognizing.no_threshold(recognizer, [one.face for one in found]))
