"""Caches networks as LiteRT files in the user's cache folder, so that commands for few photographs
start without TensorFlow, whose import alone would take longer than their work."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import logging
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from maskedface import __version__
from maskedface.atomic_file import write_json
from maskedface.cache_folder import cache_folder, file_stamps
from maskedface.engines import Embedder
from maskedface.images.in_threads import in_threads
from maskedface.landmarks.litert import LiteRTModel

if TYPE_CHECKING:
    from maskedface.engines import KerasEmbedder

SWITCH = "MASKEDFACE_QUICK_START"
"""Environment variable; 0 disables the cache."""

_LARGEST = 400_000_000  # bytes of weights: larger networks are not cached
_FACES = 4  # drawn faces on which a file is compared with its network


class LiteRTEmbedder(Embedder):
    """A network in a LiteRT file, with the properties that a gallery needs.

    Args:
        path: the .tflite file: float32 images of a fixed size -> one vector each.
        size, alignment, features, fingerprint: as for `engines.Embedder`.

    Raises:
        ModuleNotFoundError: if LiteRT is not installed; the message has the pip command.
        ValueError, RuntimeError: if the file is not a LiteRT model.
    """

    engine = "litert"

    def __init__(self, path: str, **words: Any) -> None:
        super().__init__(**words)
        self._model = LiteRTModel(path)
        self._model.start()

    def embed(self, faces: np.ndarray) -> np.ndarray:
        def embedded(row: int) -> np.ndarray:
            return self._model(faces[row].astype("float32"))[0]

        return np.stack(in_threads(embedded, range(len(faces))))


def kept_embedder(name: str, alignment: str | None) -> LiteRTEmbedder | None:
    """Opens a network that `keep` cached, if it is still the current one of that name.

    Args:
        name, alignment: as for `named_embedders.open_embedder`.

    Returns:
        The embedder; None if it is not cached, its file is damaged, or LiteRT is not installed.
    """
    facts = _facts(name, alignment)
    if facts is None:
        return None
    path = _path(facts)
    try:
        with open(f"{path}.json", encoding="utf-8") as file:
            told = json.load(file)
        if told["kept"] != facts:
            return None
        words = {word: told[word] for word in ("size", "alignment", "features", "fingerprint")}
        return LiteRTEmbedder(path, **words)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ModuleNotFoundError):
        return None  # opening the network itself reports the error


def keep(name: str, alignment: str | None, embedder: KerasEmbedder) -> bool:
    """Caches a network for later processes, if possible.

    Args:
        name, alignment: the arguments it was opened with.
        embedder: the network.

    Returns:
        Whether it was cached: False if it is cached already, LiteRT is not installed, it has more
        than 400 MB, its name is not that of a network on disk, or the file's embeddings would
        differ.
    """
    facts = _facts(name, alignment)
    if facts is None or 4 * embedder.model.count_params() > _LARGEST:
        return False
    from maskedface.exporting import export
    from maskedface.synthetic import draw_face

    path = _path(facts)
    told = {
        "kept": facts,
        "size": embedder.size,
        "alignment": embedder.alignment,
        "features": embedder.features,
        "fingerprint": embedder.fingerprint,
    }
    faces = np.stack([draw_face(n, 0, n % 2 == 1, size=embedder.size) for n in range(_FACES)])
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        export(embedder.model, path, faces, format="litert", facts=told)
        os.chmod(path, 0o600)  # weights contain traces of the people trained on
    except Exception as error:  # converters raise many kinds of errors; the command's work is done
        logging.getLogger("maskedface").debug("%s is not kept: %s", name, error)
        with contextlib.suppress(OSError):  # so that later commands do not try again
            write_json(f"{path}.json", {"kept": facts, "failed": str(error)})
        return False
    return True


def is_kept(name: str, alignment: str | None) -> bool:
    """Whether `keep` has cached a network of this name, has failed to, or cannot cache it."""
    facts = _facts(name, alignment)
    if facts is None:
        return True
    try:
        with open(f"{_path(facts)}.json", encoding="utf-8") as file:
            return bool(json.load(file)["kept"] == facts)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _facts(name: str, alignment: str | None) -> dict[str, Any] | None:
    """Everything that determines the embeddings of this network; None if it cannot be cached."""
    installed = importlib.util.find_spec("ai_edge_litert") is not None
    if os.environ.get(SWITCH) == "0" or not installed:
        return None
    try:
        files = _files(name)
    except (OSError, ValueError, ModuleNotFoundError):
        return None
    if not files:
        return None
    return {
        "maskedface": __version__,
        "source": name if name == "dlib" else os.path.abspath(name),
        "alignment": alignment,
        "files": file_stamps(files),
    }


def _files(name: str) -> list[str]:
    """The files that a network is read from; empty for networks that Keras does not run."""
    if name == "dlib":
        from maskedface.conversion.dlib import locate

        return [locate()]
    if os.path.isdir(name):
        from maskedface.training.run import RECORD, last_run

        folder = last_run(name).path
        return [os.path.join(folder, file) for file in ("model.keras", RECORD)]
    if not name.endswith(".keras"):
        return []
    record = os.path.join(os.path.dirname(os.path.abspath(name)), "run.json")
    return [name, *([record] if os.path.isfile(record) else [])]


def _path(facts: dict[str, Any]) -> str:
    text = f"{facts['source']}\0{facts['alignment']}".encode("utf-8", "surrogateescape")
    name = hashlib.blake2b(text, digest_size=12).hexdigest()
    return os.path.join(cache_folder(), f"network-{name}.tflite")
