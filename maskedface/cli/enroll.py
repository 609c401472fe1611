"""Add people's photographs to a gallery, or remove people; choose the gallery's thresholds.

  maskedface enroll --gallery friends.npz --model dlib FOLDER            (a folder a person in it)
  maskedface enroll --gallery friends.npz --person Ada a.jpg b.jpg
  maskedface enroll --gallery friends.npz --remove Ada

A photograph must show one face, or one far larger than the others; others are left out and listed.
Thresholds are chosen for --fpir and --far on photographs of strangers: those of --strangers, else of the
folder that the gallery's thresholds come from, if it is there still, else on the faces enrolled by this
command (with --masks under a drawn mask too), each against everybody else. 1 / FPIR photographs are needed
at least, of which near-identical ones count once. Report figures on none of them.
Exit codes: 0 done; 1 done, but a photograph was left out, a picture not written, or no threshold could be
chosen on strangers; 2 a user error, nothing was written.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from maskedface.cli import recogniser, thresholds
from maskedface.cli.outputs import check_outputs
from maskedface.cli.thresholds import add_threshold_arguments
from maskedface.cli.values import count
from maskedface.cli.waiting import add_wait
from maskedface.locks import locked
from maskedface.names import person_name

if TYPE_CHECKING:
    import numpy as np

    from maskedface.cli.enrolled import Enrolled
    from maskedface.cli.thresholds import Probes
    from maskedface.recognition import FoundFace, Gallery
    from maskedface.recognition.enrolled import Keep

_PATIENCE = 60.0  # seconds: the lock is held while a change is applied and saved, not while faces are read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's words to a parser."""
    parser.add_argument("photos", nargs="*", metavar="FOLDER|PHOTO")
    parser.add_argument("--gallery", required=True, metavar="FILE", help="made where there is none")
    parser.add_argument("--person", metavar="NAME", help="all photographs are of this person")
    parser.add_argument(
        "--remove", action="append", default=[], metavar="NAME", help="forget this person"
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
        "--masks",
        type=count(0, 100),
        metavar="N",
        help="of a new gallery: enroll each bare face with N drawn masks too, so that a network that "
        "never saw masks finds it under one (10 is a good number; default: the run's recipe, else 0)",
    )
    add_threshold_arguments(parser)
    parser.add_argument("--pictures", metavar="DIR", help="write each photograph there, with its box")
    recogniser.add_recogniser_arguments(parser)
    add_wait(parser, _PATIENCE)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface enroll --help`."""
    from maskedface.cli.enrolled import report
    from maskedface.recognition import Gallery

    if not (args.photos or args.remove or args.strangers):
        raise ValueError("photographs, --remove or --strangers must be given. Received: none")
    if args.gallery == "-":
        raise ValueError("--gallery must be a file, which is read and written. Received: '-'")
    check_outputs(args.json, folder=args.pictures, inputs=[args.gallery, *args.photos])
    there = os.path.exists(args.gallery)
    if not (args.photos or args.strangers):  # people can be forgotten when the model is long gone
        if not there:
            raise ValueError(
                f"--gallery must be there to remove from it. Received: {args.gallery!r}"
            )
        with locked(args.gallery, what="enroll --remove", wait=args.wait):
            gallery = Gallery.load(args.gallery)
            _make_room(gallery, args, ())
            gallery.save(args.gallery)
        return report(args, [], gallery, f"forgotten: {len(args.remove)}")
    read = _read_photographs(args, Gallery.load(args.gallery) if there else None)
    # What takes long is done: whoever else changes the gallery meanwhile waits a moment, and loses nothing.
    with locked(args.gallery, what="enroll", wait=args.wait):
        gallery = _as_it_is_now(args.gallery, read.gallery)
        _enroll(gallery, args, read)
        said, missed = thresholds.choose(gallery, args, read.probes)
        gallery.save(args.gallery)
    return report(args, read.enrolled, gallery, said, missed=missed)


class _Read(NamedTuple):
    """What was read from photographs, and the gallery as it was when they were read."""

    gallery: Gallery
    person_of: dict[str, str]
    enrolled: list[Enrolled]
    probes: Probes


def _read_photographs(args: argparse.Namespace, gallery: Gallery | None) -> _Read:
    if gallery is not None and args.keep not in (None, gallery.keep):
        raise ValueError(f"--keep must be that of the gallery, {gallery.keep}. Received: {args.keep}")
    if gallery is not None and args.masks not in (None, gallery.masks):
        raise ValueError(
            f"--masks must be that of the gallery, {gallery.masks}. Received: {args.masks}"
        )
    recognizer = recogniser.read_recognizer(args, gallery)
    if gallery is None:
        gallery = recognizer.gallery = _empty(recognizer.gallery, args.keep, args.masks)
    person_of = _people(args.photos, args.person)
    folder, strangers_of = _strangers(args, gallery)
    _make_room(gallery, args, person_of.values())  # refused now rather than in the end
    hashes: dict[str, np.ndarray] = {}
    enrolled, strangers = [], []
    if person_of:
        enrolled = _faces(recognizer.face_to_enroll, person_of, "enrolling", hashes)
        _refuse_nobody(enrolled, "a photograph at least must show one face")
    if strangers_of:
        strangers = _faces(recognizer.one_face, strangers_of, "strangers", hashes)
        if args.strangers:
            _refuse_nobody(strangers, "--strangers must hold photographs with one face each")
    if all(face is None for _, _, face, _ in strangers):
        folder = None
    probes = thresholds.probes(strangers if folder else enrolled, hashes, folder)
    return _Read(gallery, person_of, enrolled, probes)


def _strangers(args: argparse.Namespace, gallery: Gallery) -> tuple[str | None, dict[str, str]]:
    """The folder of strangers, and its photographs with whom each shows; (None, {}) where there is none."""
    folder = thresholds.strangers_folder(args, gallery)
    if folder is None:
        return None, {}
    try:
        return folder, thresholds.enough(args, _people([folder], None))
    except (ValueError, OSError):
        if args.strangers:
            raise
        return None, {}  # the gallery's old one, which nobody asked for by name


def _refuse_nobody(rows: list[Enrolled], wanted: str) -> None:
    if all(face is None for _, _, face, _ in rows):
        raise ValueError(f"{wanted}. Received: {len(rows)}, the first: {rows[0][3]}")


def _empty(gallery: Gallery, keep: Keep | None = None, masks: int | None = None) -> Gallery:
    """A gallery of nobody, for the same model."""
    from maskedface.recognition import Gallery

    return Gallery(
        gallery.fingerprint,
        keep=keep or gallery.keep,
        source=gallery.source,
        cohort=gallery.cohort,
        masks=gallery.masks if masks is None else masks,
    )


def _as_it_is_now(path: str, read_for: Gallery) -> Gallery:
    """The gallery, which others may have changed, removed or made while photographs were read."""
    from maskedface.recognition import Gallery

    if not os.path.exists(path):
        return _empty(read_for)
    gallery = Gallery.load(path)
    gallery.check_model(read_for.fingerprint)
    if (gallery.keep, gallery.masks) != (read_for.keep, read_for.masks):
        raise ValueError(
            "a gallery must be of one kind while photographs are read for it. Received: one that "
            f"another process made meanwhile, with --keep {gallery.keep} --masks {gallery.masks}"
        )
    return gallery


def _make_room(gallery: Gallery, args: argparse.Namespace, people: Iterable[str]) -> list[str]:
    """Forgets those who are to be removed; says whom of the people to enroll it knows."""
    for name in args.remove:
        gallery.remove(name)
    known = sorted({person for person in people if person in gallery})
    if known and args.existing == "refuse":
        raise ValueError(
            "people must not be enrolled yet, or --existing add or replace be given. "
            f"Received: {len(known)} who are, the first {known[0]!r}"
        )
    return known


def _enroll(gallery: Gallery, args: argparse.Namespace, read: _Read) -> None:
    import numpy as np

    known = _make_room(gallery, args, read.person_of.values())
    good = [(person, face) for _, person, face, _ in read.enrolled if face is not None]
    if args.existing == "replace":
        for person in {*known} & {person for person, _ in good}:
            gallery.remove(person)
    if good:
        gallery.enroll([person for person, _ in good], np.stack([face.to_enroll for _, face in good]))


def _people(places: list[str], person: str | None) -> dict[str, str]:
    """{photograph: whom it shows}: --person, or the folder below the one given."""
    from maskedface.datasets.sources import check_people
    from maskedface.recognition import photo_files

    if person is not None:
        return dict.fromkeys(photo_files(*places), person_name(person))
    found = {}
    for place in places:
        if os.path.isdir(place):
            check_people(place)
        for path in photo_files(place):
            folder = os.path.relpath(path, place).split(os.sep)[0]
            if not os.path.isdir(os.path.join(place, folder)) or not os.path.isdir(place):
                raise ValueError(
                    "a photograph must lie in a person's folder, or --person be given. "
                    f"Received: {path!r}"
                )
            found[path] = person_name(folder)
    return found


def _faces(
    read: Callable[[np.ndarray], FoundFace],
    person_of: dict[str, str],
    label: str,
    hashes: dict[str, np.ndarray],
) -> list[Enrolled]:
    """A row a photograph; the hashes of those with a face go to `hashes`."""
    from maskedface.datasets import read_image
    from maskedface.datasets.photo_groups import photo_hashes
    from maskedface.recognition import each

    def face_of(path: str) -> FoundFace:
        image = read_image(path)
        face = read(image)
        hashes[path] = photo_hashes(image)
        return face

    rows = each(person_of, face_of, label, progress=True)
    return [(path, person_of[path], face, error) for path, face, error in rows]
