"""OpenVINO as an engine, with its own threads and without telemetry."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from maskedface.engines.engine import Engine, Later, Precision, Run, Scratch, cores, in_batches
from maskedface.engines.quantizing import Quantizing
from maskedface.extras import from_extra

if TYPE_CHECKING:
    import keras

_TYPES = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}  # of what int8 leaves in floats


class OpenVinoEngine(Engine):
    """OpenVINO on the CPU. Keras exports the graph; NNCF quantizes it to int8.

    >>> from maskedface import engines
    >>> engines.OpenVinoEngine().precisions
    ('float32', 'bfloat16', 'int8')
    """

    name: ClassVar[str] = "openvino"
    precisions: ClassVar[tuple[Precision, ...]] = ("float32", "bfloat16", "int8")

    def version(self) -> str:
        return str(_openvino().__version__)

    def why_not(self, precision: Precision) -> str:
        able = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision != "bfloat16" or "BF16" in able:
            return ""
        return f"a processor without avx512_bf16 or AMX; it has {', '.join(able)}"

    def compile(
        self, model: keras.Model, precision: Precision, calibration: np.ndarray | None
    ) -> Run:
        self.version()  # imported here first, so that Keras finds it as we want it
        folder = Scratch()
        path = os.path.join(folder.path, "model.xml")
        _write(model, path)
        if precision != "int8":
            with folder:
                return _run(path, precision, model.name)
        assert calibration is not None
        quantizing = Quantizing("openvino", path, calibration)

        def make() -> Run:
            with folder:
                return _run(quantizing.wait(), precision, model.name)

        return Later(make)


def _run(path: str, precision: Precision, name: str) -> Run:
    """The file's network as a function; `name` is the model's name, for the message."""
    try:
        compiled = _compiled(path, precision)
    except RuntimeError as error:
        raise ValueError(
            f"a model must be one that OpenVINO can run. Received: {name!r}: {error}"
        ) from error
    output = compiled.output(0)

    def run(images: np.ndarray) -> np.ndarray:
        request = compiled.create_infer_request()  # of its own: threads may call at once

        def infer(batch: np.ndarray) -> np.ndarray:
            given = {0: np.ascontiguousarray(batch)}
            made = request.infer(given, share_inputs=True, share_outputs=True)
            return np.asarray(made[output])

        return in_batches(infer, images)

    return run


def _write(model: keras.Model, path: str) -> None:
    """Writes a model in OpenVINO's format."""
    try:
        with warnings.catch_warnings(), _root_logger():
            warnings.simplefilter("ignore")  # of packages that are not the caller's concern
            model.export(path, format="openvino", verbose=False)
    except Exception as error:  # each layer that cannot be converted fails in its own way
        raise ValueError(
            "a model must consist of layers that OpenVINO supports. "
            f"Received: {model.name!r}: {type(error).__name__}: {str(error)[:300]}"
        ) from error


@contextlib.contextmanager
def _root_logger() -> Iterator[None]:
    """Restores the process' logging, which OpenVINO modifies if it cannot convert a model."""
    root = logging.getLogger()
    level, filters, handlers = root.level, root.filters[:], root.handlers[:]
    try:
        yield
    finally:
        root.setLevel(level)
        root.filters[:], root.handlers[:] = filters, handlers


def _compiled(path: str, precision: Precision) -> Any:
    """The file's network, compiled for uint8 images."""
    openvino = _openvino()
    model = _core().read_model(path)
    images = openvino.preprocess.PrePostProcessor(model)
    images.input(0).tensor().set_element_type(openvino.Type.u8)
    images.output(0).tensor().set_element_type(openvino.Type.f32)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",  # one batch at a time, on all cores
        "INFERENCE_NUM_THREADS": cores(),
        "ENABLE_CPU_PINNING": False,  # others' threads want the cores too
        "INFERENCE_PRECISION_HINT": _TYPES[precision],
    }
    return _core().compile_model(images.build(), "CPU", settings)


@functools.cache
def _core() -> Any:
    core = _openvino().Core()
    core.set_property({"ENABLE_MMAP": False})  # the file is removed once it is read
    return core


def _openvino() -> Any:
    with from_extra("openvino", "openvino"), _untold():
        import openvino
    return openvino


@contextlib.contextmanager
def _untold() -> Iterator[None]:
    """Disables OpenVINO's telemetry, which reports imports and conversions to Google Analytics. It
    has no effect if the process has already imported OpenVINO."""
    name = "openvino_telemetry"
    if "openvino" in sys.modules or name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # as if it was not installed
    try:
        yield
    finally:
        del sys.modules[name]
