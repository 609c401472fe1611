"""ONNX Runtime as an engine."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from maskedface.engines.engine import Engine, Later, Precision, Run, Scratch, in_batches
from maskedface.engines.onnx_session import open_session
from maskedface.engines.quantizing import Quantizing
from maskedface.extras import from_extra

if TYPE_CHECKING:
    import keras


class OnnxEngine(Engine):
    """ONNX Runtime on the CPU, in float32 or int8; it does not support bfloat16 on CPUs.

    >>> from maskedface import engines
    >>> engines.OnnxEngine().precisions
    ('float32', 'int8')
    """

    name: ClassVar[str] = "onnx"
    precisions: ClassVar[tuple[Precision, ...]] = ("float32", "int8")

    def version(self) -> str:
        with from_extra("onnx", "onnx, onnxruntime and tf2onnx"):
            import onnxruntime
            import tf2onnx  # noqa: F401  (Keras writes the file by it)
        return str(onnxruntime.__version__)

    def compile(
        self, model: keras.Model, precision: Precision, calibration: np.ndarray | None
    ) -> Run:
        self.version()
        folder = Scratch()
        path = os.path.join(folder.path, "model.onnx")
        _write(model, path)
        if precision != "int8":
            with folder:
                return _run(path)
        assert calibration is not None
        quantizing = Quantizing("onnx", path, calibration)

        def make() -> Run:
            with folder:
                return _run(quantizing.wait())

        return Later(make)


def _write(model: keras.Model, path: str) -> None:
    from maskedface.engines.onnx_writing import write_graph

    try:
        write_graph(model, path)
    except Exception as error:  # each layer that cannot be converted fails in its own way
        raise ValueError(
            "a model must consist of layers that ONNX supports. "
            f"Received: {model.name!r}: {type(error).__name__}: {str(error)[:300]}"
        ) from error


def _run(path: str) -> Run:
    """The file's network as a function."""
    session = open_session(path, spin=False)
    name = session.get_inputs()[0].name

    def infer(batch: np.ndarray) -> np.ndarray:
        return np.asarray(session.run(None, {name: batch.astype("float32")})[0])

    return functools.partial(in_batches, infer)
