"""Opens an ONNX file with ONNX Runtime."""

from __future__ import annotations

import os
from typing import Any

from maskedface.extras import from_extra


def open_session(path: str, *, spin: bool = True) -> Any:
    """Opens an ONNX file for inference on the CPU.

    Args:
        path: the file.
        spin: whether idle threads busy-wait, which is faster if no other program needs the cores.

    Returns:
        An `onnxruntime.InferenceSession`.

    Raises:
        ModuleNotFoundError: if ONNX Runtime is not installed; the message has the pip command.
        ValueError: if it is not an ONNX file, or ONNX Runtime cannot run it.
    """
    with from_extra("onnx", "onnxruntime"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    if not spin:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors alone: other programs' files bring notes of their own
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has its own
        raise ValueError(
            f"path must be an ONNX file that ONNX Runtime can run. Received: {path!r}: {error}"
        ) from error
