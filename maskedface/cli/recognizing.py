"""The words that say which recognizer a command uses, and what the three that use one print."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from maskedface.cli.values import add_count, input_range

if TYPE_CHECKING:
    from maskedface.recognition import Gallery, Recognizer
    from maskedface.recognition.calibration import Calibration


# What may be said of a network's file, and the name that `Recognizer.load` has for it. All but the first
# are of .onnx files alone.
_WORDS = {
    "--model-alignment": "alignment",
    "--input-range": "input_range",
    "--channels": "channels",
    "--input-size": "size",
}


def add_recognizer_arguments(parser: argparse.ArgumentParser, *, json: bool = True) -> None:
    """Adds --model, --model-alignment, --alignment, --fall-back; --json where a command has results."""
    group = parser.add_argument_group("recognizer")
    add_model(
        group,
        "dlib's network, a finished run's folder, a .keras or .onnx file, or an ensemble's .json; "
        "default: the gallery's",
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
    if json:
        parser.add_argument("--json", metavar="FILE", help="write the results there")


def add_model(parser: argparse._ActionsContainer, help: str) -> None:
    """Adds --model and what a file may not say of itself."""
    parser.add_argument("--model", metavar="dlib|RUN|FILE", help=help)
    add_network_words(parser)


def add_model_alignment(parser: argparse._ActionsContainer) -> None:
    """Adds --model-alignment."""
    parser.add_argument(
        "--model-alignment",
        metavar="NAME",
        help="what the faces of a .keras or .onnx file that states none are aligned to (arcface, dlib, "
        "vggface2)",
    )


def add_network_words(parser: argparse._ActionsContainer) -> None:
    """Adds --model-alignment, --input-range, --channels and --input-size."""
    add_model_alignment(parser)
    parser.add_argument(
        "--input-range",
        type=input_range,
        metavar="LOW,HIGH",
        help="of an .onnx file of another program: what 0 and 255 become (--input-range=-1,1; six numbers "
        "where red, green and blue differ), or standardized; said once, FILE.onnx.json remembers it",
    )
    parser.add_argument(
        "--channels",
        choices=("RGB", "BGR"),
        help="of such a file: the order of its colors; remembered likewise",
    )
    add_count(
        parser, "--input-size", "of such a file that takes any size: its faces' side, in pixels"
    )


def network_words(args: argparse.Namespace, name: str) -> dict[str, Any]:
    """Of the words of `add_network_words`, those for one network of several: what `Recognizer.load` takes.

    Args:
        args: the command's words.
        name: the network's; words for files are not handed to networks that are none.
    """
    given = given_words(args)
    return {_WORDS[word]: given[word] for word in _taken_by(name) if word in given}


def given_words(args: argparse.Namespace) -> dict[str, Any]:
    """The words of `add_network_words` that were given: {"--channels": "BGR"}."""
    found = {word: vars(args).get(word[2:].replace("-", "_")) for word in _WORDS}
    return {word: value for word, value in found.items() if value is not None}


def refuse_network_words(args: argparse.Namespace, names: Iterable[str]) -> None:
    """Refuses words that are for none of the networks.

    Raises:
        ValueError: if there is such a word.
    """
    used = {word for name in names for word in _taken_by(name)}
    for word, value in given_words(args).items():
        if word not in used:
            kind = "a .keras or .onnx file" if word == "--model-alignment" else "an .onnx file"
            raise ValueError(
                f"{word} must come with {kind}: other networks state it themselves. "
                f"Received: {word} {value} for {', '.join(map(repr, names))}"
            )


def _taken_by(name: str) -> tuple[str, ...]:
    """The words for a network of this name."""
    if not os.path.isfile(name):
        return ()
    words = tuple(_WORDS)
    return words if name.endswith(".onnx") else words[:1]


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
    refuse_network_words(args, [name])
    return Recognizer.load(
        name,
        **network_words(args, name),
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
