"""Add people's photographs to a gallery, or remove people; choose the gallery's thresholds.

  maskedface enroll --gallery friends.npz --model dlib FOLDER            (a folder a person in it)
  maskedface enroll --gallery friends.npz --person Ada a.jpg b.jpg
  maskedface enroll --gallery friends.npz --remove Ada

A photograph must show one face, or one far larger than the others; others are left out and listed.
Thresholds are chosen for --fpir and --far on photographs of strangers (--strangers), else on the faces
enrolled by this command (with --masks under a drawn mask too), each against everybody else; 1 / FPIR
faces are needed at least. Report figures on none of these photographs.
Exit codes: 0 done; 1 done, but a photograph was left out; 2 a user error, nothing was written.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from maskedface.cli import recogniser

if TYPE_CHECKING:
    from maskedface.recognition import FoundFace, Gallery, Recognizer

# (path, person, face or None, why it was left out)
_Enrolled = tuple[str, str, "FoundFace | None", str]


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
        type=int,
        metavar="N",
        help="of a new gallery: enroll each bare face with N drawn masks too, so that a network that "
        "never saw masks finds it under one (10 is a good number; default: the run's recipe, else 0)",
    )
    parser.add_argument(
        "--strangers", metavar="FOLDER", help="people not in the gallery, a folder each"
    )
    parser.add_argument(
        "--fpir", type=float, default=0.01, help="share of strangers' faces that may get a name"
    )
    parser.add_argument(
        "--far", type=float, default=0.001, help="share of pairs of strangers that may pass verify"
    )
    parser.add_argument("--pictures", metavar="DIR", help="write each photograph there, with its box")
    recogniser.add_recogniser_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface enroll --help`."""
    from maskedface.recognition import Gallery
    from maskedface.training.run import write_json

    if not (args.photos or args.remove or args.strangers):
        raise ValueError("photographs, --remove or --strangers must be given. Received: none")
    gallery = Gallery.load(args.gallery) if os.path.exists(args.gallery) else None
    if gallery is not None and args.keep not in (None, gallery.keep):
        raise ValueError(f"--keep must be that of the gallery, {gallery.keep}. Received: {args.keep}")
    if gallery is not None and args.masks not in (None, gallery.masks):
        raise ValueError(
            f"--masks must be that of the gallery, {gallery.masks}. Received: {args.masks}"
        )
    enrolled: list[_Enrolled] = []
    if args.photos or args.strangers:
        recognizer = recogniser.read_recognizer(args, gallery)
        if gallery is None:
            new = recognizer.gallery
            gallery = Gallery(
                new.fingerprint,
                keep=args.keep or "mean",
                source=new.source,
                cohort=new.cohort,
                masks=new.masks if args.masks is None else args.masks,
            )
            recognizer.gallery = gallery
        _remove(gallery, args.remove)
        enrolled = _enroll(args, recognizer) if args.photos else []
        said = _calibrate(args, recognizer, enrolled)
    elif gallery is None:
        raise ValueError(f"--gallery must be there to remove from it. Received: {args.gallery!r}")
    else:  # people can be forgotten when the model is long gone
        _remove(gallery, args.remove)
        said = f"forgotten: {len(args.remove)}"
    gallery.save(args.gallery)
    _print(enrolled, gallery)
    print(said)
    if args.json:
        write_json(args.json, _facts(args, enrolled, gallery))
    return 1 if any(error for *_, error in enrolled) else 0


def _remove(gallery: Gallery, names: list[str]) -> None:
    for name in names:
        gallery.remove(name)


def _enroll(args: argparse.Namespace, recognizer: Recognizer) -> list[_Enrolled]:
    import numpy as np

    gallery = recognizer.gallery
    person_of = _people(args.photos, args.person)
    known = sorted({person for person in person_of.values() if person in gallery})
    if known and args.existing == "refuse":
        raise ValueError(
            "people must not be enrolled yet, or --existing add or replace be given. "
            f"Received: {len(known)} who are, the first {known[0]!r}"
        )
    enrolled = _faces(recognizer.face_to_enroll, person_of, "enrolling")
    good = [(person, face) for _, person, face, _ in enrolled if face is not None]
    if not good:
        raise ValueError(
            "a photograph at least must show one face. "
            f"Received: {len(enrolled)}, the first: {enrolled[0][3]}"
        )
    if args.existing == "replace":
        for person in {*known} & {person for person, _ in good}:
            gallery.remove(person)
    gallery.enroll([person for person, _ in good], np.stack([face.to_enroll for _, face in good]))
    if args.pictures:
        _draw(args.pictures, enrolled)
    return enrolled


def _people(places: list[str], person: str | None) -> dict[str, str]:
    """{photograph: whom it shows}: --person, or the folder below the one given."""
    from maskedface.recognition import photo_files

    if person is not None:
        return dict.fromkeys(photo_files(*places), person)
    found = {}
    for place in places:
        for path in photo_files(place):
            folder = os.path.relpath(path, place).split(os.sep)[0]
            if not os.path.isdir(os.path.join(place, folder)) or not os.path.isdir(place):
                raise ValueError(
                    "a photograph must lie in a person's folder, or --person be given. "
                    f"Received: {path!r}"
                )
            found[path] = folder
    return found


def _faces(
    read: Callable[[str], FoundFace], person_of: dict[str, str], label: str
) -> list[_Enrolled]:
    from maskedface.recognition import each

    rows = each(person_of, read, label, progress=True)
    return [(path, person_of[path], face, error) for path, face, error in rows]


def _calibrate(args: argparse.Namespace, recognizer: Recognizer, enrolled: list[_Enrolled]) -> str:
    """Chooses thresholds where the data allow it; says in a line what was done."""
    import numpy as np

    gallery, source = recognizer.gallery, "the faces enrolled"
    if args.strangers:
        source = os.path.abspath(args.strangers)
        enrolled = _faces(recognizer.one_face, _people([args.strangers], None), "strangers")
    good = [(face, person) for _, person, face, _ in enrolled if face is not None]
    probes = [(face.embedding, person) for face, person in good]
    # Bare faces alone would choose a threshold that lets masked strangers in.
    covered = [(face.covered, person) for face, person in good if face.covered is not None]
    probes += covered
    if covered:
        source += ", bare and under a drawn mask"
    if args.strangers and not probes:
        raise ValueError(
            "--strangers must hold photographs with one face each. "
            f"Received: {len(enrolled)} photographs, the first: {enrolled[0][3]}"
        )
    if not args.strangers and (len(good) < 1 / args.fpir or len(gallery) < 2):
        if gallery.calibration is not None:
            return f"thresholds stay those for {gallery.calibration.gallery} people enrolled"
        return (
            f"no threshold: FPIR {args.fpir:g} needs {int(np.ceil(1 / args.fpir))} faces, "
            f"here are {len(good)}. Give --strangers FOLDER, or a larger --fpir"
        )
    made = gallery.calibrate(
        np.stack([embedding for embedding, _ in probes]),
        [person for _, person in probes],
        fpir=args.fpir,
        far=args.far,
        source=source,
    )
    verify = "" if made.verify is None else f"; {made.verify:.3f} (FAR {made.far:g}) to verify"
    return (
        f"threshold {made.identify:.3f} (FPIR {made.fpir:g}) to name{verify}: from "
        f"{made.probes} faces of {made.people} people, {made.source}"
    )


def _print(enrolled: list[_Enrolled], gallery: Gallery) -> None:
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
        print(f"left out: {path.encode('utf-8', 'replace').decode()}: {error}")
    print(f"{len(gallery)} people enrolled, {len(left_out)} photographs left out")


def _draw(folder: str, enrolled: list[_Enrolled]) -> None:
    from maskedface.datasets import read_image
    from maskedface.recognition import LabelledFace, draw_faces

    for number, (path, person, face, _) in enumerate(enrolled, 1):
        if face is not None:
            name = f"{number:04d}-{os.path.splitext(os.path.basename(path))[0]}.jpg"
            picture = draw_faces(read_image(path), [LabelledFace(face.box, person, True)])
            recogniser.write_picture(os.path.join(folder, name), picture)


def _facts(
    args: argparse.Namespace, enrolled: list[_Enrolled], gallery: Gallery
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
