"""A separate program that runs an ONNX file once: `python onnx_runtime.py FILE OUTPUT`. It reads a
batch of images as `.npy` from standard input and writes the output for the first one.

In the caller's process, ONNX Runtime would leave 100 MB of memory allocated.
"""

from __future__ import annotations

import io
import sys


def main(path: str, output: str) -> None:
    """Runs the file.

    Args:
        path: the ONNX file.
        output: the name of the output to use.
    """
    import numpy as np
    import onnxruntime

    (face,) = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised as exceptions anyway
    # For one image: optimizations for many would only copy the weights.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.disable_prepacking", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    count = image.shape[0] if isinstance(image.shape[0], int) else 1
    batch = np.repeat(face[None], count, 0).astype("float16" if "16" in image.type else "float32")
    (made,) = session.run([output], {image.name: batch})
    np.save(sys.stdout.buffer, np.asarray(made[0], np.float32).ravel(), allow_pickle=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
