"""Opens embedders by name, and stores ensembles of them in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from maskedface.atomic_file import write_json
from maskedface.engines import Embedder, Ensemble, OnnxEmbedder
from maskedface.recognition.engine_choice import EngineChoice
from maskedface.recognition.introducing import introduce
from maskedface.training.named_models import open_model

if TYPE_CHECKING:
    from maskedface.training import Run

_KEY = "ensemble"


class NamedEmbedder(NamedTuple):
    """An embedder with its source.

    Attributes:
        embedder: the embedder.
        source: str, "dlib" or an absolute path, by which it can be opened again.
        run: the finished run that it comes from, or None.
    """

    embedder: Embedder
    source: str
    run: Run | None = None


def open_embedder(
    name: str | os.PathLike[str],
    alignment: str | None = None,
    engine: EngineChoice | None = None,
    **onnx_words: Any,
) -> NamedEmbedder:
    """Opens an embedder by its name.

    The input format of an ONNX file is stored beside it (`engines.OnnxEmbedder.remember`). On first
    use the input range is checked on drawn faces, and doubts are logged.

    Args:
        name: "dlib", a finished run's folder, a .keras or .onnx file, or an ensemble's .json file.
        alignment: the input alignment of a file, overriding the one it states.
        engine: the engine for a Keras network, or for each Keras network of an ensemble; None means
            Keras.
        onnx_words: input_range, channels and size of an .onnx file, as for `engines.OnnxEmbedder`; None is
            the same as not given.

    Returns:
        A `NamedEmbedder`.

    Raises:
        FileNotFoundError: if the network does not exist, or the folder is not a finished run.
        ModuleNotFoundError: if ONNX Runtime is needed and not installed; the message has the pip
            command.
        ValueError: if an argument does not apply to the network, the file is invalid, an engine is
            given for an ONNX file; and as `engines.KerasEmbedder`, `engines.OnnxEmbedder` and
            `by_engine`.

    >>> from maskedface.recognition.named_embedders import open_embedder
    >>> open_embedder("dlib").embedder.features
    128
    """
    name = os.fspath(name)
    ending = os.path.splitext(name)[1] if os.path.isfile(name) else ""
    said = [word for word, value in onnx_words.items() if value is not None]
    if said and ending != ".onnx":
        raise ValueError(
            f"{', '.join(said)} must come with an .onnx file: other networks define their own "
            f"preprocessing. Received: {name!r}"
        )
    choice = engine or EngineChoice()
    if ending == ".onnx":
        if not choice.is_keras:
            raise ValueError(
                "an engine must be given for a Keras network only: .onnx files are run by ONNX "
                f"Runtime. Received: engine={choice.engine!r}, precision={choice.precision!r} for "
                f"{name!r}"
            )
        network = OnnxEmbedder(name, alignment=alignment, **onnx_words)
        introduce(network)
        return NamedEmbedder(network, os.path.abspath(name))
    if ending == ".json":
        return NamedEmbedder(_ensemble(name, choice), os.path.abspath(name))
    from maskedface.engines import KerasEmbedder
    from maskedface.recognition.by_engine import by_engine

    found = open_model(name, alignment)
    embedder = by_engine(KerasEmbedder(found.model, found.alignment), choice, found.run)
    return NamedEmbedder(embedder, found.source, found.run)


def save_ensemble(path: str | os.PathLike[str], weights: Mapping[str, float]) -> None:
    """Writes an ensemble to a `.json` file, which `Recognizer.load` and all commands accept as a
    network.

    >>> from maskedface import recognition
    >>> recognition.save_ensemble("both.json", {"dlib": 1, "runs/best": 2})
    >>> recognition.Recognizer.load("both.json").embedder.weights  # doctest: +SKIP
    array([0.33333333, 0.66666667])

    Args:
        path: the file, with the extension .json.
        weights: {name of a network as for `Recognizer.load`: float > 0}, at least two; paths are
            stored relative to the file's folder.

    Raises:
        ValueError: if the path has another extension, there are fewer than two networks, or a
            weight is not above 0.
        OSError: if it cannot be written.
    """
    target, folder = os.fspath(path), os.path.dirname(os.path.abspath(path))
    if not target.endswith(".json"):
        raise ValueError(f"path must end in .json. Received: path={target!r}")
    if len(weights) < 2 or not all(weight > 0 for weight in weights.values()):
        raise ValueError(
            f"weights must have at least two networks, and all weights must be above 0. Received: "
            f"weights={dict(weights)}"
        )
    members = [
        {
            "model": name if name == "dlib" else os.path.relpath(name, folder),
            "weight": float(weight),
        }
        for name, weight in weights.items()
    ]
    write_json(target, {_KEY: members})


def _ensemble(path: str, engine: EngineChoice) -> Ensemble:
    """Reads an ensemble that `save_ensemble` wrote."""
    try:
        with open(path, encoding="utf-8") as file:
            members = [(str(one["model"]), float(one["weight"])) for one in json.load(file)[_KEY]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            "an ensemble file must be one written by recognition.save_ensemble. "
            f"Received: {path!r} ({type(error).__name__}: {error})"
        ) from error
    folder = os.path.dirname(path)
    names = [name if name == "dlib" else os.path.join(folder, name) for name, _ in members]
    found = [
        open_embedder(name, engine=None if name.endswith(".onnx") else engine) for name in names
    ]
    return Ensemble([one.embedder for one in found], [weight for _, weight in members])
