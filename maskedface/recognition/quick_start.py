"""Networks kept in the user's cache folder as LiteRT runs them: a command that looks at few photographs
starts without TensorFlow, whose import alone takes longer than its work."""

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
from maskedface.cache_folder import cache_folder
from maskedface.engines import Embedder
from maskedface.images.in_threads import in_threads
from maskedface.landmarks.litert import LiteRTModel

if TYPE_CHECKING:
    from maskedface.engines import KerasEmbedder

SWITCH = "MASKEDFACE_QUICK_START"
"""Environment variable: 0 keeps no network, and uses none that is kept."""

_LARGEST = 400_000_000  # bytes of weights: a larger network is not written a second time
_FACES = 4  # drawn ones, on which a file is compared with its network


class LiteRTEmbedder(Embedder):
    """A network in a file of LiteRT's, of which all is known that a gallery asks.

    Args:
        path: the file, ending as .tflite: float32 images of one size -> one vector each.
        size, alignment, features, fingerprint: as for `engines.Embedder`.

    Raises:
        ModuleNotFoundError: if LiteRT is not installed; the message has the pip line.
        ValueError, RuntimeError: if the file is none.
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
    """A network that `keep` kept, if it is still the one of that name.

    Args:
        name, alignment: as for `named_embedders.open_embedder`.

    Returns:
        The embedder; None where there is none, its file is damaged, or LiteRT is not installed.
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
        return None  # the network itself says what is wrong with it


def keep(name: str, alignment: str | None, embedder: KerasEmbedder) -> bool:
    """Keeps a network for the next process, where that can be done.

    Args:
        name, alignment: what it was opened by.
        embedder: the network.

    Returns:
        Whether it is kept: not where it is already, LiteRT is not installed, it has more than 400 MB, its
        name is no network's of the disk, or its file would not say the same.
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
        os.chmod(path, 0o600)  # people trained on leave traces in weights
    except Exception as error:  # a converter's are of many kinds; the command has done its work
        logging.getLogger("maskedface").debug("%s is not kept: %s", name, error)
        with contextlib.suppress(OSError):  # not tried again by every command
            write_json(f"{path}.json", {"kept": facts, "failed": str(error)})
        return False
    return True


def is_kept(name: str, alignment: str | None) -> bool:
    """Whether `keep` kept a network by this name, failed to, or has nothing to keep."""
    facts = _facts(name, alignment)
    if facts is None:
        return True
    try:
        with open(f"{_path(facts)}.json", encoding="utf-8") as file:
            return bool(json.load(file)["kept"] == facts)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _facts(name: str, alignment: str | None) -> dict[str, Any] | None:
    """All that decides what a network of this name embeds; None where it is kept nowhere."""
    installed = importlib.util.find_spec("ai_edge_litert") is not None
    if os.environ.get(SWITCH) == "0" or not installed:
        return None
    try:
        files = _files(name)
    except (OSError, ValueError, ModuleNotFoundError):
        return None
    if not files:
        return None
    statuses = [os.stat(path) for path in files]
    return {
        "maskedface": __version__,
        "source": name if name == "dlib" else os.path.abspath(name),
        "alignment": alignment,
        "files": [
            [os.path.abspath(path), one.st_size, one.st_mtime_ns]
            for path, one in zip(files, statuses, strict=True)
        ],
    }


def _files(name: str) -> list[str]:
    """The files that a network is read from, none of one that Keras does not run."""
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
