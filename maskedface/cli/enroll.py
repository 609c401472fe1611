"""Add people's photographs to a gallery, or remove people; choose the gallery's thresholds.

  maskedface enroll --gallery friends.npz --model dlib FOLDER            (a folder a person in it)
  maskedface enroll --gallery friends.npz --person Ada a.jpg b.jpg
  maskedface enroll --gallery friends.npz --remove Ada
  maskedface enroll --gallery new.npz --from friends.npz --model RUN     (the same people, another network)

A photograph must show one face, or one far larger than the others; others are left out and listed.
Thresholds are chosen for --fpir and --far on photographs of strangers: those of --strangers, else of the
folder that the gallery's thresholds come from, if it is there still, else on the faces enrolled by this
command (with --masks under a drawn mask too), each against everybody else. 1 / FPIR photographs are needed
at least, of which near-identical ones count once. Report figures on none of them.
A gallery remembers its photographs: where they lie, or with --remember crops the faces themselves. --from
makes another of them; a photograph that is gone, or is another one now, is left out and listed.
Exit codes: 0 done; 1 done, but a photograph was left out, a picture not written, or no threshold could be
chosen on strangers; 2 a user error, nothing was written.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from maskedface.cli import recognizing, thresholds
from maskedface.cli.outputs import check_outputs
from maskedface.cli.thresholds import add_threshold_arguments
from maskedface.cli.values import add_wait, count
from maskedface.locks import locked

if TYPE_CHECKING:
    from maskedface.recognition import Gallery
    from maskedface.recognition.enrollment import EnrolledPhoto, Probes

_PATIENCE = (
    60.0  # seconds: the lock is held while a change is applied and saved, not while faces are read
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's words to a parser."""
    parser.add_argument("photos", nargs="*", metavar="FOLDER|PHOTO")
    parser.add_argument("--gallery", required=True, metavar="FILE", help="made where there is none")
    parser.add_argument("--person", metavar="NAME", help="all photographs are of this person")
    parser.add_argument(
        "--remove", action="append", default=[], metavar="NAME", help="forget this person"
    )
    parser.add_argument(
        "--from",
        dest="made_from",
        metavar="FILE",
        help="enroll the people of this gallery by the photographs that it remembers",
    )
    parser.add_argument(
        "--existing",
        choices=("refuse", "add", "replace"),
        default="refuse",
        help="what to do with people who are enrolled already; default: refuse the command",
    )
    parser.add_argument(
        "--keep",
        choices=("mean", "all"),
        help="of a new gallery: one mean vector a person (default), or all their faces",
    )
    parser.add_argument(
        "--remember",
        choices=("paths", "crops", "nothing"),
        help="what to remember of each photograph, to make the gallery again with another network: where "
        "it lies (default of a new gallery), the face itself too, or nothing; of those enrolled no more",
    )
    parser.add_argument(
        "--masks",
        type=count(0, 100),
        metavar="N",
        help="of a new gallery: enroll each bare face with N drawn masks too, so that a network that "
        "never saw masks finds it under one (10 is a good number; default: the run's recipe, else 0)",
    )
    add_threshold_arguments(parser)
    parser.add_argument(
        "--pictures", metavar="DIR", help="write each photograph there, with its box"
    )
    recognizing.add_recognizer_arguments(parser)
    add_wait(parser, _PATIENCE)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface enroll --help`."""
    from maskedface.cli.enrolled import report
    from maskedface.recognition import Gallery
    from maskedface.recognition.enrollment import enroll_rows

    _check_words(args)
    inputs = [args.gallery, *args.photos, args.made_from]
    check_outputs(args.json, folder=args.pictures, inputs=inputs)
    # People can be forgotten when the model is long gone.
    if not (args.photos or args.strangers or args.made_from):
        if not os.path.exists(args.gallery):
            raise ValueError(
                f"--gallery must be there to remove from it. Received: {args.gallery!r}"
            )
        with locked(args.gallery, what="enroll --remove", wait=args.wait):
            gallery = _loaded(args)
            _make_room(gallery, args, ())
            gallery.save(args.gallery)
        return report(args, [], gallery, f"forgotten: {len(args.remove)}")
    old = Gallery.load(args.made_from) if args.made_from else None
    if old is not None and not len(old):
        raise ValueError(
            f"--from must have somebody enrolled. Received: {args.made_from!r}, nobody"
        )
    read = _read_photographs(args, old)
    # What takes long is done: whoever else changes the gallery meanwhile waits a moment, and loses nothing.
    with locked(args.gallery, what="enroll", wait=args.wait):
        gallery = _as_it_is_now(args, read.gallery)
        known = _make_room(gallery, args, read.people)
        if args.existing == "replace":
            for person in known & {row.person for row in read.enrolled if row.face is not None}:
                gallery.remove(person)
        enroll_rows(gallery, read.enrolled)
        said, missed = thresholds.choose(gallery, args, read.probes, read.folder, old)
        gallery.save(args.gallery)
    return report(args, read.enrolled, gallery, said, missed=missed)


def _check_words(args: argparse.Namespace) -> None:
    if not (args.photos or args.remove or args.strangers or args.made_from or args.remember):
        raise ValueError(
            "photographs, --from, --remove or --strangers must be given. Received: none"
        )
    if args.gallery == "-":
        raise ValueError("--gallery must be a file, which is read and written. Received: '-'")
    if not args.made_from:
        return
    if os.path.realpath(args.made_from) == os.path.realpath(args.gallery):
        raise ValueError(
            f"--from must be another file than --gallery. Received: {args.made_from!r} for both"
        )
    others = [args.photos, args.person, args.alignment, args.pictures, args.fall_back != "never"]
    if any(others):
        raise ValueError(
            "--from must come without photographs, --person, --alignment, --fall-back and --pictures: that "
            f"gallery knows whom its photographs show and how. Received: --from {args.made_from!r} and more"
        )


class _Read(NamedTuple):
    """What was read from photographs, and the gallery as it was when they were read; the folder of
    strangers that the probes come from, or ""."""

    gallery: Gallery
    people: set[str]
    enrolled: list[EnrolledPhoto]
    probes: Probes
    folder: str


def _read_photographs(args: argparse.Namespace, old: Gallery | None) -> _Read:
    gallery = _loaded(args) if os.path.exists(args.gallery) else None
    for word in ("keep", "masks") if gallery is not None else ():
        given, kept = getattr(args, word), getattr(gallery, word)
        if given not in (None, kept):
            raise ValueError(f"--{word} must be that of the gallery, {kept}. Received: {given}")
    from maskedface.recognition import enrollment

    recognizer = recognizing.read_recognizer(args, gallery)
    if gallery is None:
        gallery = recognizer.gallery = _empty(recognizer.gallery, args, old)
    person_of = enrollment.photos_of_people(args.photos, args.person)
    people = {*person_of.values()} if old is None else {*old.people}
    calibrated = gallery if gallery.calibration is not None or old is None else old
    folder, strangers_of = thresholds.strangers(args, calibrated)
    _make_room(gallery, args, people)  # refused now rather than in the end
    enrolled, strangers = [], []
    if old is not None:
        enrolled = enrollment.faces_again(recognizer, old)
        if args.existing == "replace":
            enrolled = _whole_people(enrolled, gallery)
        _refuse_nobody(enrolled, "a remembered photograph at least must show one face")
    elif person_of:
        enrolled = enrollment.read_people(recognizer, person_of)
        _refuse_nobody(enrolled, "a photograph at least must show one face")
    if strangers_of:
        strangers = enrollment.read_people(
            recognizer, strangers_of, enroll=False, label="strangers"
        )
        if args.strangers:
            _refuse_nobody(strangers, "--strangers must hold photographs with one face each")
    if all(row.face is None for row in strangers):
        folder = ""
    probes = enrollment.threshold_probes(strangers if folder else enrolled)
    return _Read(gallery, people, enrolled, probes, folder)


def _refuse_nobody(rows: list[EnrolledPhoto], wanted: str) -> None:
    if all(row.face is None for row in rows):
        raise ValueError(f"{wanted}. Received: {len(rows)}, the first: {rows[0].error}")


def _empty(
    gallery: Gallery, args: argparse.Namespace | None = None, old: Gallery | None = None
) -> Gallery:
    """A gallery of nobody, for the same model; as the words say, else as the one that it is made from."""
    from maskedface.recognition import Gallery

    masks = args.masks if args else None
    return Gallery(
        gallery.fingerprint,
        keep=(args and args.keep) or (old or gallery).keep,
        source=gallery.source,
        cohort=gallery.cohort,
        masks=gallery.masks if masks is None else masks,
        remember=(args and args.remember) or (old or gallery).remember,
        alignment=gallery.alignment,
    )


def _loaded(args: argparse.Namespace) -> Gallery:
    """The gallery, which remembers what the words say from now on."""
    from maskedface.recognition import Gallery

    gallery = Gallery.load(args.gallery)
    if args.remember:
        gallery.remember_from_now(args.remember)
    return gallery


def _as_it_is_now(args: argparse.Namespace, read_for: Gallery) -> Gallery:
    """The gallery, which others may have changed, removed or made while photographs were read."""
    if not os.path.exists(args.gallery):
        return _empty(read_for)
    gallery = _loaded(args)
    gallery.check_model(read_for.fingerprint)
    kind, other = (
        f"--keep {one.keep} --masks {one.masks} --remember {one.remember}"
        for one in (read_for, gallery)
    )
    if kind != other:
        raise ValueError(
            "a gallery must be of one kind while photographs are read for it. Received: one that "
            f"another process made meanwhile, with {other}"
        )
    return gallery


def _make_room(gallery: Gallery, args: argparse.Namespace, people: Iterable[str]) -> set[str]:
    """Forgets those who are to be removed; says whom of the people to enroll it knows."""
    for name in args.remove:
        gallery.remove(name)
    known = {person for person in people if person in gallery}
    if known and args.existing == "refuse":
        raise ValueError(
            "people must not be enrolled yet, or --existing add or replace be given. "
            f"Received: {len(known)} who are, the first {min(known)!r}"
        )
    return known


def _whole_people(rows: list[EnrolledPhoto], gallery: Gallery) -> list[EnrolledPhoto]:
    """The rows without the faces of people who are enrolled and would be replaced by fewer photographs."""
    lacking = {row.person for row in rows if row.error and row.person in gallery}
    why = "others of this person's photographs are left out, so they stay as they were enrolled"
    return [
        dataclasses.replace(row, face=None, hashes=None, error=row.error or why)
        if row.person in lacking
        else row
        for row in rows
    ]
