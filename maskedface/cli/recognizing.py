"""The words that say which recognizer a command uses, and what the three that use one print."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, cast

from maskedface.cli.values import add_count, add_engine_words, input_range

if TYPE_CHECKING:
    from maskedface.engines import KerasEmbedder
    from maskedface.recognition import EngineChoice, Gallery, Recognizer
    from maskedface.recognition.calibration import Calibration
    from maskedface.recognition.default_rates import Likelihood
    from maskedface.recognition.faces import DetectedFace


# The network whose weights anybody can get, and whose default thresholds are shipped.
_DEFAULT = "dlib"
# Photographs for which LiteRT's start and Keras' speed come out alike: it takes 1.5 times as long for each,
# and TensorFlow some three seconds to come.
_FEW = 200

# What may be said of a network's file, and the name that `Recognizer.load` has for it. All but the first
# are of .onnx files alone.
_WORDS = {
    "--model-alignment": "alignment",
    "--input-range": "input_range",
    "--channels": "channels",
    "--input-size": "size",
}


def add_recognizer_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --model, --model-alignment, --alignment, --fall-back and the words of `add_engine`."""
    group = parser.add_argument_group("recognizer")
    add_model(
        group,
        "dlib's network, a finished run's folder, a .keras or .onnx file, or an ensemble's .json; "
        "default: the gallery's, else dlib",
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
        help="where no face is found, take the whole photograph as one",
    )
    add_engine(group)


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


def add_engine(parser: argparse._ActionsContainer) -> None:
    """Adds --engine, --engine-precision and --calibration."""
    add_engine_words(parser, "what embeds")
    parser.add_argument(
        "--calibration",
        metavar="FOLDER",
        help="real faces, a folder a person, on which the engine is compared with Keras, and int8 is "
        "calibrated; nobody of whom figures are reported; default: a run's training faces",
    )


def engine_choice(args: argparse.Namespace) -> EngineChoice | None:
    """What the words of `add_engine` say, for `Recognizer.load`; None where they say Keras.

    Raises:
        ValueError: if a word has nothing to do, or the processor cannot compute so.
        ModuleNotFoundError: if the engine is not installed; the message has the pip line.
    """
    engine, precision, folder = map(vars(args).get, ("engine", "engine_precision", "calibration"))
    if engine is None and precision is None:
        if folder:
            raise ValueError(
                f"--calibration must come with --engine. Received: --calibration {folder} alone"
            )
        return None
    from maskedface import datasets
    from maskedface.recognition import EngineChoice
    from maskedface.recognition.by_engine import few_faces

    words: tuple[Any, Any] = (engine or "keras", precision or "float32")
    EngineChoice(*words)  # refuses them before faces are looked for
    if not folder:
        return EngineChoice(*words)
    from maskedface.landmarks import find_landmarks

    faces = datasets.people_folder(folder, "unmasked", alignment=args.alignment)
    faces = few_faces(faces)
    faces = faces if args.alignment else find_landmarks(faces, progress=True)
    return EngineChoice(*words, faces=faces)


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


def read_recognizer(args: argparse.Namespace, gallery: Gallery | None, photos: float) -> Recognizer:
    """The recognizer that the words describe; for few photographs without TensorFlow, where a command
    before has kept the network for that (`keep_network`).

    Args:
        args: the command's words.
        gallery: the people known, or None.
        photos: how many photographs it is for, about.

    Raises:
        ValueError: if the gallery is there and names no model, nor do the words, or it is another one than
            the gallery was made with.
        FileNotFoundError: if there is no such model.
    """
    from maskedface.recognition import Recognizer

    name = args.model or (_DEFAULT if gallery is None else gallery.source)
    if not name:
        raise ValueError("--model must be given. Received: none, and a gallery that names none")
    refuse_network_words(args, [name])
    how = {"aligned_to": args.alignment, "fall_back": args.fall_back}
    words = network_words(args, name)
    engine = engine_choice(args)
    if gallery is not None and engine is None and photos <= _FEW:
        from maskedface.landmarks import Cascade
        from maskedface.landmarks.aligner import Aligner
        from maskedface.recognition.quick_start import kept_embedder
        from maskedface.training import last_run

        kept = kept_embedder(name, _alignment(name, words, gallery))
        if kept is not None:
            detector = None if args.alignment else Cascade(aligner=Aligner(without_keras=True))
            run = last_run(name) if os.path.isdir(name) else None
            return Recognizer(kept, gallery=gallery, detector=detector, rates=run, **how)
    return Recognizer.load(name, **words, gallery=gallery, engine=engine, **how)


def keep_network(args: argparse.Namespace, recognizer: Recognizer) -> None:
    """Keeps the network that a command has used for the next one, where that is not done yet.

    Args:
        args: the command's words.
        recognizer: as `read_recognizer` gave it.
    """
    if recognizer.embedder.engine != "keras":
        return
    from maskedface.recognition.quick_start import is_kept, keep

    name = args.model or recognizer.gallery.source
    alignment = _alignment(name, network_words(args, name), recognizer.gallery)
    if not is_kept(name, alignment):
        keep(name, alignment, cast("KerasEmbedder", recognizer.embedder))


def _alignment(name: str, words: dict[str, Any], gallery: Gallery) -> str | None:
    """As `Recognizer.load` takes it: of a file, what is said, else what the gallery remembers."""
    given: str | None = words.get("alignment")
    return (given or gallery.alignment or None) if os.path.isfile(name) else given


def add_output_arguments(
    parser: argparse.ArgumentParser, *, verbose: bool = True
) -> argparse._ArgumentGroup:
    """Adds --json and --verbose; more may be added to the group."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", metavar="FILE", help="write the results there")
    if verbose:
        group.add_argument(
            "--verbose",
            action="store_true",
            help="print scores, thresholds and rates too (JSON has them)",
        )
    return group


def given_threshold(given: float, made: Calibration | None, rate: Literal["fpir", "far"]) -> str:
    """A threshold of the words, and what it does to a rate that the gallery's own was chosen for."""
    told = f"by the threshold given, {given:.3f}"
    if made is None:
        return told
    chosen = made.identify if rate == "fpir" else made.verify
    if chosen is None or given >= chosen:
        return told
    above = f"{rate.upper()} is above {getattr(made, rate):g}"
    return f"{told}: below the gallery's {chosen:.3f}, {above}"


def default_threshold(likelihood: Likelihood | None) -> str:
    """What is said of a default threshold: of whom it was measured."""
    told = "by the default threshold, not calibrated on your people"
    if likelihood is None:
        return told
    return f"{told}: measured on {likelihood.source} ({likelihood.condition})"


def no_threshold(recognizer: Recognizer, faces: Iterable[DetectedFace]) -> str:
    """Why there is no threshold for faces, and what to do."""
    from maskedface.recognition.remembered import WHOLE

    gallery = recognizer.gallery
    if recognizer.rates is None:
        why = f"nobody measured a default one for {gallery.source or 'this network'}"
    elif any(face.aligned_by == WHOLE for face in faces):
        why = "the default one is for faces that were found, and a photograph was taken whole"
    elif gallery.masks:
        why = "the default one is for galleries without drawn masks"
    else:
        why = f"too few pairs were measured for {len(gallery)} people enrolled"
    return (
        f"no threshold: {why}. Choose one on photographs of strangers (maskedface enroll --gallery FILE "
        "--strangers FOLDER), or give --threshold"
    )


def print_likelihood(likelihood: Likelihood | None) -> None:
    """The rates of a `Likelihood`, by data set."""
    if likelihood is not None:
        rates = ", ".join(f"{data} {rate:.2g}" for data, rate in likelihood.by_data.items())
        print(
            f"false match rate, {likelihood.condition}: {rates}; "
            f"false non-match rate {likelihood.false_non_match_rate:.2g}"
        )


def changed_rate(gallery: Gallery, made: Calibration) -> str:
    """What a gallery's rate has become where more or fewer people are enrolled than it was chosen with."""
    return (
        f"{len(gallery)} are enrolled now, not {made.gallery}: expect a FPIR of about "
        f"{made.expected_fpir(len(gallery)):.2g}, not {made.fpir:g}; more where people are alike"
    )
