"""An ensemble of named networks, as a file that says which and with what weights."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from maskedface.atomic_file import write_json
from maskedface.engines import Ensemble

_KEY = "ensemble"


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


def load_ensemble(path: str) -> Ensemble:
    """The ensemble of a file.

    Args:
        path: a file that `save_ensemble` wrote.

    Raises:
        ValueError: if it is another file; and as `Recognizer.load` and `engines.Ensemble`.
        FileNotFoundError: if a network is missing.
    """
    from maskedface.recognition.recognizer import Recognizer

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
    embedders = [Recognizer.load(name).embedder for name in names]
    return Ensemble(embedders, [weight for _, weight in members])
