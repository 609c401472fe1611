"""An embedder by the name that somebody gives it, and ensembles of such names in a file."""

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
    """An embedder, and what is known of it.

    Attributes:
        embedder: the embedder.
        source: str, "dlib" or an absolute path, by which it is found again.
        run: the finished run that it is of, by its folder; else None.
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

    What an ONNX file takes is remembered beside it (`engines.OnnxEmbedder.remember`); when it is said for
    the first time, the input range is checked on drawn faces, and a doubt is logged.

    Args:
        name: "dlib", a finished run's folder, a .keras or .onnx file, or an ensemble's .json file.
        alignment: of a file, in place of what it states.
        engine: what runs a Keras network, of an ensemble each of them, but for ONNX files; None = Keras.
        onnx_words: input_range, channels and size of an .onnx file, as for `engines.OnnxEmbedder`; None is
            as if it was not given.

    Returns:
        A `NamedEmbedder`.

    Raises:
        FileNotFoundError: if there is no such network, or the folder is no finished run's.
        ModuleNotFoundError: if ONNX Runtime is needed and not installed; the message has the pip line.
        ValueError: if a word is given for something else than such a file, the file is another, an engine
            is given for an ONNX file; and as `engines.KerasEmbedder`, `engines.OnnxEmbedder` and
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
            f"{', '.join(said)} must come with an .onnx file: other networks prepare their images "
            f"themselves. Received: {name!r}"
        )
    choice = engine or EngineChoice()
    if ending == ".onnx":
        if not choice.is_keras:
            raise ValueError(
                "an engine must be given for a Keras network: ONNX Runtime runs an .onnx file as it is. "
                f"Received: engine={choice.engine!r}, precision={choice.precision!r} for {name!r}"
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
    """Writes a `.json` file that `Recognizer.load`, galleries and commands take for a network.

    >>> from maskedface import recognition
    >>> recognition.save_ensemble("both.json", {"dlib": 1, "runs/best": 2})
    >>> recognition.Recognizer.load("both.json").embedder.weights  # doctest: +SKIP
    array([0.33333333, 0.66666667])

    Args:
        path: the file, ending as .json.
        weights: {a network's name as for `Recognizer.load`: float > 0}, at least two; files and folders
            are kept relative to the file's folder.

    Raises:
        ValueError: if the path ends otherwise, there are fewer than two, or a weight is not above 0.
        OSError: if it cannot be written.
    """
    target, folder = os.fspath(path), os.path.dirname(os.path.abspath(path))
    if not target.endswith(".json"):
        raise ValueError(f"path must end as .json. Received: path={target!r}")
    if len(weights) < 2 or not all(weight > 0 for weight in weights.values()):
        raise ValueError(
            f"weights must be of at least two networks, each above 0. Received: weights={dict(weights)}"
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
    """The ensemble of a file that `save_ensemble` wrote."""
    try:
        with open(path, encoding="utf-8") as file:
            members = [(str(one["model"]), float(one["weight"])) for one in json.load(file)[_KEY]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            "an ensemble's file must be one that recognition.save_ensemble wrote. "
            f"Received: {path!r} ({type(error).__name__}: {error})"
        ) from error
    folder = os.path.dirname(path)
    names = [name if name == "dlib" else os.path.join(folder, name) for name, _ in members]
    found = [
        open_embedder(name, engine=None if name.endswith(".onnx") else engine) for name in names
    ]
    return Ensemble([one.embedder for one in found], [weight for _, weight in members])
