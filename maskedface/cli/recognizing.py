"""The words that say which recognizer a command uses, and what the three that use one print."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from maskedface import names

if TYPE_CHECKING:
    from maskedface.recognition import Gallery, Recognizer


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


def load_recognizer(name: str, alignment: str | None = None, **words: Any) -> Recognizer:
    """A recognizer by its model's name.

    Args:
        name: "dlib", a finished run's folder, or a .keras file.
        alignment: of a .keras file, in place of what it states; by default what its gallery remembers.
        words: as for `recognition.Recognizer.load`.

    Raises:
        ValueError: as `recognition.Recognizer.load`, and if an alignment is given for something else.
        FileNotFoundError: if there is no such model.
    """
    from maskedface.recognition import Recognizer

    refuse_alignment(name, alignment)
    return Recognizer.load(name, alignment=alignment, **words)


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


def changed_rate(gallery: Gallery) -> str:
    """What a gallery's rate has become where more or fewer people are enrolled than it was chosen with;
    it has thresholds."""
    made = gallery.calibration
    assert made is not None
    return (
        f"{len(gallery)} are enrolled now, not {made.gallery}: expect a FPIR of about "
        f"{made.expected_fpir(len(gallery)):.2g}, not {made.fpir:g}; more where people are alike"
    )


def shown(name: str) -> str:
    """A name or path as a terminal may show it (`names.shown`), which rich takes for no markup."""
    from rich.markup import escape

    return escape(names.shown(name))
