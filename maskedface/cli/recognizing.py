"""The words that say which recognizer a command uses, and what the three that use one print."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from maskedface.recognition import Gallery, Recognizer
    from maskedface.recognition.calibration import Calibration


def add_recognizer_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --model, --model-alignment, --alignment, --fall-back and --json."""
    group = parser.add_argument_group("recognizer")
    add_model(
        group, "dlib's network, a finished run's folder or a saved model; default: the gallery's"
    )
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


def add_model(parser: argparse._ActionsContainer, help: str) -> None:
    """Adds --model and --model-alignment."""
    parser.add_argument("--model", metavar="dlib|RUN|FILE.keras", help=help)
    add_model_alignment(parser)


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
    from maskedface.recognition import Recognizer

    name = args.model or (gallery.source if gallery is not None else "")
    if not name:
        raise ValueError("--model must be given. Received: none, and no gallery that names one")
    return Recognizer.load(
        name,
        alignment=args.model_alignment,
        gallery=gallery,
        aligned_to=args.alignment,
        fall_back=args.fall_back,
    )


def given_threshold(given: float, made: Calibration | None, rate: Literal["fpir", "far"]) -> str:
    """A threshold of the words, and what it does to a rate that the gallery's own was chosen for."""
    told = f"threshold {given:.3f}, as given"
    if made is None:
        return told
    chosen = made.identify if rate == "fpir" else made.verify
    if chosen is None or given >= chosen:
        return told
    above = f"{rate.upper()} is above {getattr(made, rate):g}"
    return f"{told}: below the gallery's {chosen:.3f}, {above}"


def changed_rate(gallery: Gallery, made: Calibration) -> str:
    """What a gallery's rate has become where more or fewer people are enrolled than it was chosen with."""
    return (
        f"{len(gallery)} are enrolled now, not {made.gallery}: expect a FPIR of about "
        f"{made.expected_fpir(len(gallery)):.2g}, not {made.fpir:g}; more where people are alike"
    )
