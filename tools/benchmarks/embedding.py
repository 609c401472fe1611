"""ResNet50 at 180 px: ms an image, ours against ONNX Runtime in float32."""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from ._frame import SIZE, add_images, all_in_turn, engine_ways, random_faces


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own words."""
    add_images(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Runs it, prints its table and returns what is to be kept."""
    import onnxruntime

    from maskedface import engines, models
    from maskedface.engines.onnx_writing import write_graph

    faces = random_faces(min(args.images, 512))
    backbone = models.ResNet50(None, (SIZE, SIZE, 3))
    folded = models.fold_batch_norm(backbone)
    low = models.with_precision(folded, "bfloat16")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "backbone.onnx")
        write_graph(backbone, path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        session = onnxruntime.InferenceSession(path, options)
    name, kind = session.get_inputs()[0].name, session.get_inputs()[0].type
    dtype = np.float32 if "float" in kind else np.uint8

    def onnx() -> None:
        for start in range(0, len(faces), 32):
            session.run(None, {name: faces[start : start + 32].astype(dtype)})

    runs: dict[str, Callable[[], Any]] = {
        "ONNX Runtime float32": onnx,
        "ours float32": lambda: models.predict(folded, faces),
        "ours bfloat16": lambda: models.predict(low, faces),
        "ours float32, not folded": lambda: models.predict(backbone, faces),
    }
    some = engines.RealFaces(faces[:64], [n // 2 for n in range(64)], faces[64:96])
    for engine, precision in engine_ways():
        ready = engines.compile_model(
            backbone, some, engine=engine, precision=precision, tolerance=1.0
        )
        runs[f"ours {engine} {precision}"] = functools.partial(ready, faces)
    counted = {name: (len(faces), run) for name, run in runs.items()}
    return all_in_turn(args, counted, "ms an image", "ONNX Runtime float32")
