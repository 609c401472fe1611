"""The engine that computes a run's frozen prefix: chosen once, told in run.json, the same ever after."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from maskedface.atomic_file import write_json
from maskedface.engines import CompiledModel, RealFaces, compile_model
from maskedface.engines.compiling import calibration_key, told
from maskedface.engines.registry import ENGINES, check_engine
from maskedface.locks import make_once
from maskedface.recipes import Recipe
from maskedface.training.run import RECORD, read_json, read_record

_KEY = "engine"  # in run.json


class PrefixEngine:
    """What computes a frozen prefix in place of Keras.

    It is chosen, and compared with Keras, once for a prefix, its training faces and the recipe's words; a
    file in the features' folder says what came of it.

    Args:
        prefix: images -> activations.
        tail: activations -> embeddings, or None where they are that.
        faces: training faces, to compare on and to calibrate with.
        recipe: the experiment.
        folder: where activations are kept.
        begun: what a begun run's run.json says of its engine; {} of a new one.

    Attributes:
        facts: for run.json: engine, precision, version, and how far from Keras.

    Raises:
        ModuleNotFoundError, ValueError: as `engines.compile_model`.
        OSError: if the disk is full.
    """

    def __init__(
        self,
        prefix: keras.Model,
        tail: Callable[[np.ndarray], np.ndarray] | None,
        faces: RealFaces,
        recipe: Recipe,
        folder: str,
        begun: Mapping[str, Any],
    ) -> None:
        self._prefix, self._tail, self._faces = prefix, tail, faces
        self._tolerance = recipe.engine_tolerance
        self._compiled: CompiledModel | None = None
        engine = begun.get("engine", recipe.engine)
        precision = begun.get("precision", recipe.engine_precision)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"engine-{self._choice_key(engine, precision)}.json")
        make_once(path, lambda: self._choose(path, engine, precision), what="choose an engine")
        self.facts = read_json(path)
        logging.getLogger("maskedface").info("frozen features by %s", told(self.facts))

    @property
    def key(self) -> str:
        """What of it decides activations."""
        names = ("engine", "version", "precision", "calibration")
        return " ".join(str(self.facts.get(name, "")) for name in names)

    @functools.cached_property
    def compiled(self) -> CompiledModel:
        """The prefix as the engine runs it."""
        return self._compiled or self._compile(self.facts["engine"], self.facts["precision"])

    def _choose(self, path: str, engine: str, precision: str) -> None:
        self._compiled = found = self._compile(engine, precision)
        facts = found.facts()
        if found.calibrated_on:
            facts["calibration"] = calibration_key(self._faces.calibration)
        write_json(path, facts)

    def _compile(self, engine: str, precision: Any) -> CompiledModel:
        return compile_model(
            self._prefix,
            self._faces,
            engine=engine,
            precision=precision,
            tolerance=self._tolerance,
            tail=self._tail,
        )

    def _choice_key(self, engine: str, precision: str) -> str:
        check_engine(engine, precision)
        version = ENGINES[engine].version() if engine in ENGINES else ""
        words = [engine, version, precision, self._tolerance]
        digest = hashlib.blake2b(json.dumps(words).encode(), digest_size=16)
        for weight in self._prefix.get_weights():
            digest.update(np.ascontiguousarray(weight).data)
        for faces in (self._faces.images, self._faces.calibration):
            digest.update(calibration_key(faces).encode())
        return digest.hexdigest()


def begun_with(folder: str) -> dict[str, Any]:
    """What a run's folder says of the engine it was begun with; {} before it was chosen, or where Keras
    computes.

    Args:
        folder: the run's, which has a run.json.
    """
    found: dict[str, Any] = read_record(folder).get(_KEY, {})
    return found if "version" in found else {}


def keep_engine(folder: str, facts: Mapping[str, Any]) -> None:
    """Writes into run.json what computes, before an epoch is trained: a run that is killed goes on so.

    Args:
        folder: the run's.
        facts: those of `feature_cache.Inputs`.

    Raises:
        OSError: if the disk is full.
    """
    path = os.path.join(folder, RECORD)
    record = read_json(path)
    if record.get(_KEY) != facts[_KEY]:
        write_json(path, record | {_KEY: facts[_KEY]})
