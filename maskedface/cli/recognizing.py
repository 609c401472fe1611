"""The words that say which recognizer a command uses, and what the three that use one print."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from maskedface import names

if TYPE_CHECKING:
    from rich.table import Table

    from maskedface.recognition import ByMask, FoundFace, Gallery, Recognizer


def add_recognizer_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --model, --model-alignment, --alignment, --fall-back and --json."""
    group = parser.add_argument_group("recognizer")
    group.add_argument(
        "--model",
        metavar="dlib|RUN|FILE.keras",
        help="dlib's network, a finished run's folder or a saved model; default: the gallery's",
    )
    add_model_alignment(group)
    group.add_argument(
        "--alignment",
        default="",
        help="the photographs are faces aligned to this (arcface, dlib, vggface2): search for none",
    )
    group.add_argument(
        "--fall-back",
        choices=("never", "always"),
        default="never",
        help="where no face is found, take the whole photograph as one: never or always",
    )
    parser.add_argument("--json", metavar="FILE", help="write the results there")


def add_model_alignment(parser: argparse._ActionsContainer) -> None:
    """Adds --model-alignment."""
    parser.add_argument(
        "--model-alignment",
        metavar="NAME",
        help="what the faces of a .keras file that states none are aligned to (arcface, dlib, vggface2)",
    )


def read_recognizer(args: argparse.Namespace, gallery: Gallery | None) -> Recognizer:
    """The recognizer that the words describe.

    Raises:
        ValueError: if neither the words nor the gallery name a model, or it is another one than the
            gallery was made with.
        FileNotFoundError: if there is no such model.
    """
    name = args.model or (gallery.source if gallery is not None else "")
    if not name:
        raise ValueError("--model must be given. Received: none, and no gallery that names one")
    return load_recognizer(
        name,
        args.model_alignment,
        gallery=gallery,
        aligned_to=args.alignment,
        fall_back=args.fall_back,
    )


def read_both(args: argparse.Namespace, recognizer: Recognizer) -> Recognizer | ByMask:
    """The recognizer, or with --masked-gallery that of bare faces beside the one of that gallery.

    Raises:
        ValueError, FileNotFoundError: as `read_recognizer` and `recognition.ByMask`.
    """
    if not args.masked_gallery:
        return recognizer
    if not args.gallery or args.threshold is not None:
        raise ValueError(
            "--masked-gallery must come with --gallery, and without --threshold: each has its own. "
            f"Received: --gallery {args.gallery}, --threshold {args.threshold}"
        )
    from maskedface.recognition import ByMask, Gallery

    gallery = Gallery.load(args.masked_gallery)
    masked = load_recognizer(
        gallery.source, gallery=gallery, aligned_to=args.alignment, fall_back=args.fall_back
    )
    return ByMask(recognizer, masked)


def add_masked_gallery(parser: argparse.ArgumentParser) -> None:
    """Adds --masked-gallery."""
    parser.add_argument(
        "--masked-gallery",
        metavar="FILE",
        help="the same people enrolled with a network for masked faces: compare faces that seem to wear "
        "a mask with it; its network is read from where it was when the gallery was made",
    )


def load_recognizer(name: str, alignment: str | None = None, **words: Any) -> Recognizer:
    """A recognizer by its model's name.

    Args:
        name: "dlib", a finished run's folder, or a .keras file.
        alignment: of a .keras file, in place of what it states; by default what its gallery remembers.
        words: as for `recognition.Recognizer`.

    Raises:
        ValueError: as `recognition.Recognizer`, and if an alignment is given for something else.
        FileNotFoundError: if there is no such model.
    """
    from maskedface import models
    from maskedface.models.saved import load_model
    from maskedface.recognition import Recognizer
    from maskedface.training.run import alignment_beside

    refuse_alignment(name, alignment)
    if name == "dlib":
        return Recognizer(models.DlibResNet29(), source="dlib", **words)
    if os.path.isdir(name):
        return Recognizer.from_run(name, **words)
    if not os.path.isfile(name):
        raise FileNotFoundError(
            f"a model must be 'dlib', a run's folder or a .keras file. Received: {name!r}"
        )
    model = load_model(name)
    gallery = words.get("gallery")
    alignment = alignment or (gallery and gallery.alignment) or alignment_beside(name)
    return Recognizer(model, alignment=alignment, source=os.path.abspath(name), **words)


def load_recognizers(
    names: Iterable[str], alignment: str | None, **words: Any
) -> dict[str, Recognizer]:
    """Recognizers by their models' names; the alignment is for those that are .keras files.

    Args:
        names, alignment, words: as for `load_recognizer`, of each.

    Raises:
        ValueError, FileNotFoundError: as `load_recognizer`; an alignment is refused where none is a file.
    """
    names = list(names)
    files = [name for name in names if os.path.isfile(name)]
    for name in names[:1] if not files else ():
        refuse_alignment(name, alignment)
    return {
        name: load_recognizer(name, alignment if name in files else None, **words) for name in names
    }


def refuse_alignment(name: str, alignment: str | None) -> None:
    """Refuses --model-alignment for a model that states its own for certain.

    Raises:
        ValueError: if the name is "dlib" or a folder's.
    """
    if alignment is not None and (name == "dlib" or os.path.isdir(name)):
        raise ValueError(
            "--model-alignment must come with a .keras file: dlib's network and runs state their own. "
            f"Received: --model-alignment {alignment} for {name!r}"
        )


def face_facts(face: FoundFace) -> dict[str, Any]:
    """What JSON says of a face; its embedding is left out."""
    return {
        "box": [round(side, 1) for side in face.box],
        "confidence": face.confidence,
        "aligned_by": face.aligned_by,
        "masked": round(face.masked, 4),
    }


def changed_rate(gallery: Gallery) -> str:
    """What a gallery's rate has become where more or fewer people are enrolled than it was chosen with;
    it has thresholds."""
    made = gallery.calibration
    assert made is not None
    return (
        f"{len(gallery)} are enrolled now, not {made.gallery}: expect a FPIR of about "
        f"{made.expected_fpir(len(gallery)):.2g}, not {made.fpir:g}; more where people are alike"
    )


def print_table(table: Table) -> None:
    """Prints a table; a file or pipe has no width of its own and gets all that it wants."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def shown(name: str) -> str:
    """A name or path as a terminal may show it (`names.shown`), which rich takes for no markup."""
    from rich.markup import escape

    return escape(names.shown(name))
