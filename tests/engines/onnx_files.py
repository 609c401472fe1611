"""Small ONNX files as other programs write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_mean(
    path: Path,
    shape: list[Any],
    *,
    type: int = TensorProto.FLOAT,
    outputs: int = 1,
    metadata: dict[str, str] | None = None,
) -> Path:
    """A network whose embedding is the mean of each channel: channels first where shape[1] is 3."""
    first = shape[1] == 3
    axes = numpy_helper.from_array(np.array([2, 3] if first else [1, 2]), "axes")
    nodes = [
        helper.make_node("Cast", ["face"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["values", "axes"], ["embedding0"], keepdims=0),
    ]
    nodes += [
        helper.make_node("Identity", ["embedding0"], [f"embedding{number}"])
        for number in range(1, outputs)
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("face", type, shape)],
        [
            helper.make_tensor_value_info(f"embedding{number}", TensorProto.FLOAT, [shape[0], 3])
            for number in range(outputs)
        ],
        [axes],
    )
    return _save(graph, path, metadata or {})


def write_colors(path: Path) -> Path:
    """The network of the fixture `colors`: RGB faces of 0 to 255 at 64 px -> their 48 mean colors."""
    gray = numpy_helper.from_array(np.float32(128), "gray")
    nodes = [
        helper.make_node("Sub", ["face", "gray"], ["about_gray"]),
        helper.make_node("Div", ["about_gray", "gray"], ["scaled"]),
        helper.make_node(
            "AveragePool", ["scaled"], ["pooled"], kernel_shape=[16, 16], strides=[16, 16]
        ),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colors",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, ["faces", 3, 64, 64])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["faces", 48])],
        [gray],
    )
    return _save(graph, path, {})


def _save(graph: onnx.GraphProto, path: Path, metadata: dict[str, str]) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
