"""Reads the operations and constants of an ONNX file, in the order of the graph."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskedface.conversion import file_checks
from maskedface.extras import from_extra

_EXPECTED = "an ONNX file of a network"
# At inference these hand on what they are given.
_PASSES_ON = ("Identity", "Dropout", "Cast")
# Exporters compute a Reshape's shape by these, from the sizes of a tensor.
_OF_SIZES = ("Concat", "Gather", "Slice", "Squeeze", "Unsqueeze")
_FLOATS = ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE")


@dataclass(frozen=True)
class Operation:
    """A node of the graph.

    Attributes:
        kind: ONNX's name of the operation, such as "Conv".
        name: its first output, which identifies it in messages.
        inputs: the tensors that it reads, traced through identity operations; "" for a constant.
        constants: {number of the input: array}.
        attributes: {name: number, list of numbers or text}.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    constants: Mapping[int, np.ndarray]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class OnnxGraph:
    """The graph of an ONNX file.

    Attributes:
        image: the name of its only input.
        shape: the input's shape, with None for a dynamic side.
        outputs: {name of an output: its tensor}.
        operations: the operations in order, without identity operations and those that compute
            sizes.
        unread: names of initializers that no operation reads.
    """

    image: str
    shape: tuple[int | None, ...]
    outputs: Mapping[str, str]
    operations: tuple[Operation, ...]
    unread: tuple[str, ...]


def read_graph(path: str | os.PathLike[str]) -> OnnxGraph:
    """Reads an ONNX file without running it.

    Initializers may have any float type, in the file or in external files; `Constant`, `Identity`,
    `Dropout` and `Cast` between float types are resolved.

    Args:
        path: the file.

    Returns:
        Its operations, with arrays in the file's own dtypes.

    Raises:
        ModuleNotFoundError: if onnx is not installed; the message has the pip command.
        ValueError: if the file is truncated, is not an ONNX file, or has another input than one
            batch of images.
    """
    file_checks.check(path, _EXPECTED)
    with from_extra("onnx", "onnx"):
        import onnx
    try:
        model = onnx.load(path)
        if not model.graph.node or not model.opset_import:
            raise ValueError("it is truncated")
        return _Reading(model.graph).graph()
    except Exception as error:  # protobuf, onnx and NumPy each have their own
        raise ValueError(
            f"weights must be {_EXPECTED}. Received: path={os.fspath(path)!r}: {error}"
        ) from error


class _Reading:
    """The state while reading a graph."""

    def __init__(self, graph: Any) -> None:
        from onnx import numpy_helper

        self._graph = graph
        self._constants: dict[str, np.ndarray] = {}
        for tensor in graph.initializer:
            self._constants[tensor.name] = numpy_helper.to_array(tensor)
            # The file's copy goes, so that a large file is not held twice.
            tensor.ClearField("raw_data")
        self._initializers = tuple(self._constants)
        self._read: set[str] = set()
        self._seen_through: dict[str, str] = {}
        self._sizes: set[str] = set()

    def graph(self) -> OnnxGraph:
        images = [one for one in self._graph.input if one.name not in self._constants]
        if len(images) != 1:
            raise ValueError(f"its inputs are {[one.name for one in images]}, not only images")
        sides = images[0].type.tensor_type.shape.dim
        operations = [found for node in self._graph.node if (found := self._operation(node))]
        return OnnxGraph(
            images[0].name,
            tuple(side.dim_value or None for side in sides),
            {one.name: self._origin(one.name) for one in self._graph.output},
            tuple(operations),
            tuple(name for name in self._initializers if name not in self._read),
        )

    def _operation(self, node: Any) -> Operation | None:
        from onnx import helper

        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        output, inputs = node.output[0], tuple(node.input)
        if node.domain not in ("", "ai.onnx"):
            raise ValueError(f"it has the operation {node.op_type} of {node.domain}")
        if node.op_type == "Constant":
            self._constants[output] = _value(attributes)
            return None
        self._read.update(inputs)
        if self._is_of_sizes(node.op_type, inputs):
            self._sizes.add(output)
        elif node.op_type in (*_PASSES_ON, "Unsqueeze") and inputs[0] in self._constants:
            self._constants[output] = self._constants[inputs[0]]
        elif self._hands_on(node.op_type, inputs, attributes):
            self._seen_through[output] = self._origin(inputs[0])
        else:
            constants = {
                number: self._constants[name]
                for number, name in enumerate(inputs)
                if name in self._constants
            }
            origins = tuple(
                "" if name in self._constants else self._origin(name) for name in inputs
            )
            return Operation(node.op_type, output, origins, constants, attributes)
        return None

    def _origin(self, name: str) -> str:
        return self._seen_through.get(name, name)

    def _is_of_sizes(self, kind: str, inputs: tuple[str, ...]) -> bool:
        if kind == "Shape":
            return True
        computed = [name for name in inputs if name not in self._constants]
        return kind in _OF_SIZES and bool(computed) and self._sizes.issuperset(computed)

    def _hands_on(self, kind: str, inputs: tuple[str, ...], attributes: Mapping[str, Any]) -> bool:
        from onnx import TensorProto

        if kind == "MaxPool":  # AdaFace's shortcut where the width stays
            sizes = (attributes["kernel_shape"], attributes.get("strides", [1, 1]))
            return all(list(size) == [1, 1] for size in sizes) and not any(
                attributes.get("pads", [])
            )
        if kind == "Cast":
            return TensorProto.DataType.Name(attributes["to"]) in _FLOATS
        if kind == "Dropout" and len(inputs) > 2 and inputs[2]:
            training = self._constants.get(inputs[2])
            return training is not None and not training.any()
        return kind in _PASSES_ON


def _value(attributes: Mapping[str, Any]) -> np.ndarray:
    from onnx import numpy_helper

    ((name, value),) = attributes.items()
    if name == "value":
        array: np.ndarray = numpy_helper.to_array(value)
        return array
    if name in ("value_float", "value_floats", "value_int", "value_ints"):
        return np.asarray(value, np.float32 if "float" in name else np.int64)
    raise ValueError(f"it has a Constant of an unsupported kind: {name}")
