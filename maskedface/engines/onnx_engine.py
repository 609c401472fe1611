"""ONNX Runtime as an engine."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from maskedface.engines.engine import BATCH, Engine, Precision, Run
from maskedface.engines.onnx_session import open_session
from maskedface.engines.quantizing import quantize
from maskedface.extras import from_extra

if TYPE_CHECKING:
    import keras


class OnnxEngine(Engine):
    """ONNX Runtime on the processor, in float32 or int8: it computes bfloat16 on no processor.

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
        from maskedface.engines.onnx_writing import write_graph

        with tempfile.TemporaryDirectory(prefix="maskedface-") as folder:
            path = os.path.join(folder, "model.onnx")
            try:
                write_graph(model, path)
            except ModuleNotFoundError:
                raise
            except Exception as error:  # each layer that cannot be converted fails in its own way
                raise ValueError(
                    "a model must be of layers that ONNX has. "
                    f"Received: {model.name!r}: {type(error).__name__}: {str(error)[:300]}"
                ) from error
            if precision == "int8":
                assert calibration is not None
                path = quantize("onnx", path, calibration)
            session = open_session(path, spin=False)
        name = session.get_inputs()[0].name

        def run(images: np.ndarray) -> np.ndarray:
            found = None
            for start in range(0, len(images), BATCH):
                batch = images[start : start + BATCH].astype("float32")
                (made,) = session.run(None, {name: batch})
                if found is None:
                    found = np.empty((len(images), *made.shape[1:]), "float32")
                found[start : start + len(batch)] = made
            assert found is not None
            return found

        return run
