"""Arguments that select a recognizer, and messages about its thresholds."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from maskedface.cli.values import add_count, add_engine_words, input_range

if TYPE_CHECKING:
    from maskedface.engines import KerasEmbedder
    from maskedface.recognition import EngineChoice, Gallery, Recognizer
    from maskedface.recognition.calibration import Calibration
    from maskedface.recognition.default_rates import Likelihood
    from maskedface.recognition.faces import DetectedFace


# The network whose weights are freely available, and for which default thresholds are shipped.
_DEFAULT = "dlib"
# Photographs at which LiteRT and Keras take the same time: LiteRT takes 1.5 times as long for each,
# but TensorFlow takes some three seconds to import.
_FEW = 200

# Options that describe a network file, and the arguments of `Recognizer.load` that they set. All
# but the first are for .onnx files only.
_WORDS = {
    "--model-alignment": "alignment",
    "--input-range": "input_range",
    "--channels": "channels",
    "--input-size": "size",
}


def add_recognizer_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --model, --model-alignment, --alignment, --fall-back and the arguments of
    `add_engine`."""
    group = parser.add_argument_group("recognizer")
    add_model(
        group,
        "dlib's network, a finished run's folder, a .keras or .onnx file, or an ensemble's .json; "
        "default: the gallery's model, else dlib",
    )
    group.add_argument(
        "--alignment",
        default="",
        help="the photographs are aligned faces (arcface, dlib, vggface2); skips face detection",
    )
    group.add_argument(
        "--fall-back",
        choices=("never", "always"),
        default="never",
        help="always: if no face is detected, use the whole photograph as one",
    )
    add_engine(group)


def add_model(parser: argparse._ActionsContainer, help: str) -> None:
    """Adds --model, and the properties that a network file may not state."""
    parser.add_argument("--model", metavar="dlib|RUN|FILE", help=help)
    add_network_words(parser)


def add_model_alignment(parser: argparse._ActionsContainer) -> None:
    """Adds --model-alignment."""
    parser.add_argument(
        "--model-alignment",
        metavar="NAME",
        help="the input alignment of a .keras or .onnx file that does not state it (arcface, dlib, "
        "vggface2)",
    )


def add_network_words(parser: argparse._ActionsContainer) -> None:
    """Adds --model-alignment, --input-range, --channels and --input-size."""
    add_model_alignment(parser)
    parser.add_argument(
        "--input-range",
        type=input_range,
        metavar="LOW,HIGH",
        help="for an .onnx file from elsewhere: the input values of pixels 0 and 255 "
        "(--input-range=-1,1; six numbers if red, green and blue differ), or standardized; needed "
        "once, as it is stored in FILE.onnx.json",
    )
    parser.add_argument(
        "--channels",
        choices=("RGB", "BGR"),
        help="for such a file: its channel order; also stored",
    )
    add_count(
        parser,
        "--input-size",
        "for such a file with a variable input size: height and width in pixels",
    )


def add_engine(parser: argparse._ActionsContainer) -> None:
    """Adds --engine, --engine-precision and --calibration."""
    add_engine_words(parser, "the engine that computes embeddings")
    parser.add_argument(
        "--calibration",
        metavar="FOLDER",
        help="real faces, one folder per person, for comparing the engine with Keras and for "
        "calibrating int8; no people on whom results are reported; default: a run's training faces",
    )


def engine_choice(args: argparse.Namespace) -> EngineChoice | None:
    """The engine that the arguments of `add_engine` select, for `Recognizer.load`; None for Keras.

    Raises:
        ValueError: if an option has no effect, or the processor does not support the precision.
        ModuleNotFoundError: if the engine is not installed; the message has the pip command.
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
    EngineChoice(*words)  # refuses invalid ones before faces are detected
    if not folder:
        return EngineChoice(*words)
    from maskedface.landmarks import find_landmarks

    faces = datasets.people_folder(folder, "unmasked", alignment=args.alignment)
    faces = few_faces(faces)
    faces = faces if args.alignment else find_landmarks(faces, progress=True)
    return EngineChoice(*words, faces=faces)


def network_words(args: argparse.Namespace, name: str) -> dict[str, Any]:
    """The arguments of `add_network_words` that apply to one network, for `Recognizer.load`.

    Args:
        args: the command's parsed arguments.
        name: the network's name; options for files do not apply to networks that are not files.
    """
    given = given_words(args)
    return {_WORDS[word]: given[word] for word in _taken_by(name) if word in given}


def given_words(args: argparse.Namespace) -> dict[str, Any]:
    """The options of `add_network_words` that were given, such as {"--channels": "BGR"}."""
    found = {word: vars(args).get(word[2:].replace("-", "_")) for word in _WORDS}
    return {word: value for word, value in found.items() if value is not None}


def refuse_network_words(args: argparse.Namespace, names: Iterable[str]) -> None:
    """Refuses options that apply to none of the networks.

    Raises:
        ValueError: if there is such an option.
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
    """The options that apply to a network of this name."""
    if not os.path.isfile(name):
        return ()
    words = tuple(_WORDS)
    return words if name.endswith(".onnx") else words[:1]


def read_recognizer(args: argparse.Namespace, gallery: Gallery | None, photos: float) -> Recognizer:
    """Loads the recognizer that the arguments select. For few photographs TensorFlow is not
    imported, if an earlier command has cached the network (`keep_network`).

    Args:
        args: the command's parsed arguments.
        gallery: the enrolled people, or None.
        photos: about how many photographs it is for.

    Raises:
        ValueError: if neither the arguments nor the gallery name a model, or the model is not the
            one that the gallery was made with.
        FileNotFoundError: if the model does not exist.
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
    """Caches the network that a command has used for later commands, unless it is cached already.

    Args:
        args: the command's parsed arguments.
        recognizer: the result of `read_recognizer`.
    """
    if recognizer.embedder.engine != "keras":
        return
    from maskedface.recognition.quick_start import is_kept, keep

    name = args.model or recognizer.gallery.source
    alignment = _alignment(name, network_words(args, name), recognizer.gallery)
    if not is_kept(name, alignment):
        keep(name, alignment, cast("KerasEmbedder", recognizer.embedder))


def _alignment(name: str, words: dict[str, Any], gallery: Gallery) -> str | None:
    """The alignment for `Recognizer.load`: for a file, the given one, else the gallery's."""
    given: str | None = words.get("alignment")
    return (given or gallery.alignment or None) if os.path.isfile(name) else given


def add_output_arguments(
    parser: argparse.ArgumentParser, *, verbose: bool = True
) -> argparse._ArgumentGroup:
    """Adds --json and --verbose. Returns their group, for more options."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", metavar="FILE", help="write the results to FILE")
    if verbose:
        group.add_argument(
            "--verbose",
            action="store_true",
            help="also print scores, thresholds and rates (which JSON always has)",
        )
    return group


def given_threshold(given: float, chosen: float | None, rate: str) -> str:
    """A message about a given threshold, and its effect on the rate of the gallery's threshold.

    Args:
        given: the threshold.
        chosen: the gallery's threshold for such faces, or None.
        rate: the rate that was chosen for, such as "FPIR is above 0.01".
    """
    told = f"by the threshold given, {given:.3f}"
    if chosen is None or given >= chosen:
        return told
    return f"{told}: below the gallery's {chosen:.3f}, {rate}"


def masked_from(made: Calibration) -> str:
    """What a gallery's thresholds of masked faces were chosen on, in words."""
    words = {"masked": "worn masks", "drawn mask": "drawn masks"}
    return words.get(made.masked_from, "too few masks for a threshold of their own")


def default_threshold(likelihood: Likelihood | None) -> str:
    """A message about a default threshold and the people it was measured on."""
    told = "by the default threshold, not calibrated on your people"
    if likelihood is None:
        return told
    return f"{told}: measured on {likelihood.source} ({likelihood.condition})"


def no_threshold(recognizer: Recognizer, faces: Iterable[DetectedFace]) -> str:
    """A message that says why there is no threshold for faces, and what to do."""
    from maskedface.recognition.remembered import WHOLE

    gallery = recognizer.gallery
    if recognizer.rates is None:
        why = f"no default was measured for {gallery.source or 'this network'}"
    elif any(face.aligned_by == WHOLE for face in faces):
        why = "the default is for detected faces, and a photograph was taken whole"
    elif gallery.masks:
        why = "the default is for galleries without drawn masks"
    else:
        why = f"too few pairs were measured for {len(gallery)} people enrolled"
    return (
        f"no threshold: {why}. Choose one on photographs of strangers (maskedface enroll --gallery FILE "
        "--strangers FOLDER), or give --threshold"
    )


def print_likelihood(likelihood: Likelihood | None) -> None:
    """Prints the rates of a `Likelihood`, by data set."""
    if likelihood is not None:
        rates = ", ".join(f"{data} {rate:.2g}" for data, rate in likelihood.by_data.items())
        print(
            f"false match rate, {likelihood.condition}: {rates}; "
            f"false non-match rate {likelihood.false_non_match_rate:.2g}"
        )


def changed_rate(gallery: Gallery, made: Calibration) -> str:
    """A message about the expected FPIR after people were enrolled or removed since calibration."""
    return (
        f"{len(gallery)} are enrolled now, not {made.gallery}: expect an FPIR of about "
        f"{made.expected_fpir(len(gallery)):.2g}, not {made.fpir:g}; more if people look alike"
    )
