"""The engine that computes a run's frozen layers: chosen once and recorded in run.json."""

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
from maskedface.models.graph import graph_of
from maskedface.recipes import Recipe
from maskedface.training.run import RECORD, read_json, read_record

_KEY = "engine"  # in run.json


class PrefixEngine:
    """The engine that computes frozen layers instead of Keras.

    It is chosen, and compared with Keras, once for the frozen layers, the training faces and the
    recipe's options; a file in the features' folder records the result.

    Args:
        prefix: images -> activations.
        tail: activations -> embeddings, or None if the activations are the embeddings.
        faces: training faces, for the comparison and for calibration.
        recipe: the experiment.
        folder: the folder for activations.
        begun: the engine recorded in a resumed run's run.json; {} for a new run.

    Attributes:
        facts: for run.json: engine, precision, version, and deviation from Keras.

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
        """The properties that determine activations."""
        names = ("engine", "version", "precision", "calibration")
        return " ".join(str(self.facts.get(name, "")) for name in names)

    @functools.cached_property
    def compiled(self) -> CompiledModel:
        """The frozen layers, compiled for the engine."""
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
        words = [engine, version, precision, self._tolerance, graph_of(self._prefix)]
        digest = hashlib.blake2b(json.dumps(words).encode(), digest_size=16)
        for weight in self._prefix.get_weights():
            digest.update(np.ascontiguousarray(weight).data)
        for faces in (self._faces.images, self._faces.calibration):
            digest.update(calibration_key(faces).encode())
        return digest.hexdigest()


def begun_with(folder: str) -> dict[str, Any]:
    """The engine recorded in a run folder; {} if none has been chosen yet, or if Keras computes.

    Args:
        folder: the run folder, with a run.json.
    """
    found: dict[str, Any] = read_record(folder).get(_KEY, {})
    return found if "version" in found else {}


def keep_engine(folder: str, facts: Mapping[str, Any]) -> None:
    """Records the engine in run.json before the first epoch, so that a resumed run uses it too.

    Args:
        folder: the run folder.
        facts: the `facts` of `feature_cache.Inputs`.

    Raises:
        OSError: if the disk is full.
    """
    path = os.path.join(folder, RECORD)
    record = read_json(path)
    if record.get(_KEY) != facts[_KEY]:
        write_json(path, record | {_KEY: facts[_KEY]})
