"""Compiles a Keras model for another engine and compares it with Keras on real faces."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import keras
import numpy as np

from maskedface import models
from maskedface.engines.comparing import Difference, RealFaces, difference
from maskedface.engines.engine import AUTO, PRECISIONS, Engine, Precision, Run
from maskedface.engines.quantizing import check_calibration
from maskedface.engines.registry import ENGINES, check_engine

_TIMED = 16  # images that a way is timed on


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """A model compiled for an engine: a function from uint8 images, shape (N, height, width, 3), N
    >= 1, to a float32 array, shape (N, ...).

    It only works in the process that created it: a forked child does not have the engine's threads.

    >>> import keras
    >>> import numpy as np
    >>> from maskedface import engines
    >>> network = keras.Sequential(
    ...     [keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> faces = np.zeros((3, 64, 64, 3), "uint8")
    >>> run = engines.compile_model(network, engines.RealFaces(faces), engine="keras")
    >>> run.engine, run(faces).shape
    ('keras', (3, 3))

    Attributes:
        engine: str, a key of `ENGINES`.
        precision: "float32", "bfloat16" or "int8".
        version: str, the engine's version.
        difference: the deviation from Keras; None for Keras itself in float32.
        calibrated_on: int, the number of calibration faces; 0 except for int8.
    """

    engine: str
    precision: Precision
    version: str
    difference: Difference | None
    calibrated_on: int
    run: Run
    process: int

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Runs the model.

        Raises:
            RuntimeError: in a child of the process that created it.
        """
        if os.getpid() != self.process:
            raise RuntimeError(
                f"an engine must be used in the process that created it, {self.process}: a forked "
                "child does not have its threads; create it there, or use spawn. "
                f"Received: process {os.getpid()}"
            )
        return self.run(images)

    def facts(self) -> dict[str, Any]:
        """The entries for run.json: "engine", "precision", "version", and the measured
        deviation."""
        said: dict[str, Any] = {
            "engine": self.engine,
            "precision": self.precision,
            "version": self.version,
        }
        if self.calibrated_on:
            said["calibrated_on"] = self.calibrated_on
        return said | ({} if self.difference is None else self.difference.facts())

    def __getstate__(self) -> NoReturn:
        raise TypeError(
            f"a model compiled by {self.engine} must be created in the process that uses it. "
            "Received: an attempt to pickle it"
        )


def compile_model(
    model: keras.Model,
    faces: RealFaces,
    *,
    engine: str = AUTO,
    precision: Precision = "float32",
    tolerance: float = 0.02,
    tail: Callable[[np.ndarray], np.ndarray] | None = None,
) -> CompiledModel:
    """Compiles a model for an engine, and compares it with Keras.

    >>> import keras
    >>> import numpy as np
    >>> from maskedface import engines, synthetic
    >>> network = keras.Sequential(
    ...     [keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> faces = np.stack([synthetic.draw_face(n, 0, False, size=64) for n in range(4)])
    >>> fast = engines.compile_model(network, engines.RealFaces(faces), engine="openvino")
    >>> fast(faces).shape, fast.difference.relative < 1e-4
    ((4, 3), True)

    Args:
        model: a functional or sequential model, images of one size, RGB, 0-255 -> one array:
            embeddings or feature maps. It is compared with its own outputs in Keras with float32.
        faces: the faces for the comparison, and for the calibration of int8.
        engine: a key of `ENGINES`: "keras", "openvino" or "onnx"; or "auto", the fastest installed
            one within the tolerance, measured on some of the faces. "auto" compiles the model once
            for each engine, which takes several seconds per engine.
        precision: "float32", "bfloat16" or "int8"; for "auto" the lowest precision allowed.
        tolerance: float in [0, 1], the loss of rank-1 accuracy on the faces that is allowed for
            int8; the loss of a single face is always allowed. The maximum deviation of outputs is
            `comparing.TOLERANCES`.
        tail: the model's outputs -> embeddings, if the model is the frozen part of a network.

    Returns:
        A `CompiledModel`.

    Raises:
        ModuleNotFoundError: if the engine is not installed; the message has the pip command.
        ValueError: if an argument is invalid, the processor does not support the precision, the
            engine cannot run the model, the faces do not suit int8, or the outputs deviate too
            much.
    """
    check_engine(engine, precision)
    if not 0 <= tolerance <= 1:
        raise ValueError(f"tolerance must be in [0, 1]. Received: tolerance={tolerance}")
    shape = tuple(model.input_shape[1:])
    faces.check(shape)
    if precision == "int8":
        check_calibration(faces.calibration, shape)
        faces.check_people()
    plain = models.computing_float32(model)
    wanted = _Wanted(plain, faces, tolerance, tail)
    if engine != AUTO:
        run = wanted.made(ENGINES[engine], precision)
        return wanted.checked(ENGINES[engine], precision, run)
    return _fastest(wanted, precision)


def calibration_key(calibration: np.ndarray | None) -> str:
    """A hash of the calibration faces of an int8 network; "" if there are none."""
    if calibration is None:
        return ""
    digest = hashlib.blake2b(str(calibration.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(calibration).data)
    return digest.hexdigest()


def told(facts: Mapping[str, Any]) -> str:
    """A one-line description of a compiled model.

    Args:
        facts: the result of `CompiledModel.facts`.
    """
    line = f"{facts['engine']}, {facts['precision']}"
    if "difference" in facts:
        line += f", {facts['difference']:.2g} from Keras"
    if "rank_one" in facts:
        line += ", rank-1 {engine:.3f} (Keras {keras:.3f})".format(**facts["rank_one"])
        line += f" on {facts['compared_on']} faces"
    return line


class _Wanted:
    """A model to compile for an engine, and the data for the comparison."""

    def __init__(
        self,
        model: keras.Model,
        faces: RealFaces,
        tolerance: float,
        tail: Callable[[np.ndarray], np.ndarray] | None,
    ) -> None:
        self.model, self.faces, self.tolerance, self.tail = model, faces, tolerance, tail
        self._expected: np.ndarray | None = None

    @property
    def expected(self) -> np.ndarray:
        """Keras' outputs for the faces; computed once."""
        if self._expected is None:
            found = models.predict(self.model, self.faces.images)
            if not np.isfinite(found).all() or not found.any():
                kind = "not finite" if found.any() else "all 0"
                raise ValueError(
                    "the model's outputs must be finite and not all 0 to be compared with Keras. "
                    f"Received: outputs for {len(found)} faces that are {kind}"
                )
            self._expected = found
        return self._expected

    def made(self, engine: Engine, precision: Precision) -> Run:
        """The model compiled for the engine, as a function."""
        return engine.compile(self.model, precision, self._calibration(precision))

    def checked(self, engine: Engine, precision: Precision, run: Run) -> CompiledModel:
        """The compiled model, after comparison with Keras.

        Raises:
            ValueError: if it deviates too much from Keras.
        """
        found = None
        if (engine.name, precision) != ("keras", "float32"):
            found = difference(run, self.expected, self.faces, self.tail, precision)
            found.refuse(engine.name, precision, self.tolerance)
        calibration = self._calibration(precision)
        return CompiledModel(
            engine.name,
            precision,
            engine.version(),
            found,
            0 if calibration is None else len(calibration),
            run,
            os.getpid(),
        )

    def _calibration(self, precision: Precision) -> np.ndarray | None:
        return self.faces.calibration if precision == "int8" else None


def _fastest(wanted: _Wanted, precision: Precision) -> CompiledModel:
    """The fastest engine that is precise enough; the choice is logged."""
    log = logging.getLogger("maskedface")
    ways: list[tuple[float, int, Engine, Precision, Run]] = []
    for engine, exactness in _ways(precision):
        try:
            check_engine(engine.name, exactness)
            run = wanted.made(engine, exactness)
            ways.append((_seconds(run, wanted.faces.images), len(ways), engine, exactness, run))
        except Exception as error:  # engines of others fail in ways of their own
            log.info("engine %s, %s: not used: %s", engine.name, exactness, error)
    for seconds, _, engine, exactness, run in sorted(ways, key=lambda way: way[:2]):
        try:
            found = wanted.checked(engine, exactness, run)
        except Exception as error:
            log.warning("engine %s, %s: not used: %s", engine.name, exactness, error)
            continue
        log.info("engine %s, %s: %.2f ms per image", engine.name, exactness, 1000 * seconds)
        return found
    raise ValueError("at least one engine must be able to run the model. Received: none")


def _ways(precision: Precision) -> Iterator[tuple[Engine, Precision]]:
    for exactness in PRECISIONS[: PRECISIONS.index(precision) + 1]:
        for engine in ENGINES.values():
            if exactness in engine.precisions:
                yield engine, exactness


def _seconds(run: Run, images: np.ndarray) -> float:
    """Seconds per image, the minimum of two measurements after a warmup."""
    images = np.resize(images, (_TIMED, *images.shape[1:]))
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run(images)
        times.append(time.perf_counter() - start)
    return min(times[1:]) / len(images)
