"""Recognizes ArcFace's or AdaFace's network in the operations of an ONNX file without names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskedface.conversion import onnx_reader
from maskedface.conversion.insightface import SCALING
from maskedface.conversion.onnx_reader import OnnxGraph, Operation

BN_EPSILON = 1e-5  # PyTorch's, and that of `models.IResNet`
# What a pixel of 0 and one of 255 may be in the file's image.
_RANGES = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0))
_STATISTICS = ("weight", "bias", "running_mean", "running_var")
_AFFINE = ("Sub", "Add", "Mul", "Div")
# What ONNX takes an attribute for that is not there; those not named here change nothing.
_CONVOLVES = {"strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1], "auto_pad": "NOTSET"}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "Conv": _CONVOLVES | {"group": 1},
    "MaxPool": _CONVOLVES | {"ceil_mode": 0},
    "BatchNormalization": {"epsilon": 1e-5, "training_mode": 0},
    "Gemm": {"alpha": 1.0, "beta": 1.0, "transA": 0},
    "Flatten": {"axis": 1},
}


@dataclass(frozen=True)
class OnnxNetwork:
    """A network found in an ONNX file.

    Attributes:
        arrays: {layer name here and PyTorch's name of the variable, "stem_conv.weight": array}, in
            the file's own dtypes.
        folded: the batch norms that the exporter folded into the preceding convolution or dense
            layer.
        input_range: the values of pixels 0 and 255 in the file's input image.
        output: the name of the output with the embedding.
        unit: whether the file normalizes the embedding, as AdaFace does.
    """

    arrays: dict[str, np.ndarray]
    folded: tuple[str, ...]
    input_range: tuple[float, float]
    output: str
    unit: bool


def read_onnx(path: str | os.PathLike[str]) -> OnnxNetwork:
    """Reads insightface's IResNet or AdaFace's IR network from the graph of an ONNX file.

    Each operation must match the network's at that position, and is used exactly once. PyTorch's
    exporter folds a batch norm into the preceding convolution, but not into the following one,
    whose padding would change; it keeps the batch norm after the dense layer, which other
    optimizers fold. A folded batch norm is replaced by one that only adds the bias, since
    convolutions here have no bias.

    Args:
        path: the file.

    Returns:
        The network.

    Raises:
        ModuleNotFoundError: if onnx is not installed; the message has the pip command.
        ValueError: if the file is truncated, not an ONNX file, or of another network: the message
            states the expected operation, its position and the operation found.
    """
    graph = onnx_reader.read_graph(path)
    try:
        return _Walk(graph).network()
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # Those that are no ValueError are of a damaged file: no list where one belongs, ...
        raise ValueError(f"{error}, in {os.fspath(path)!r}") from error


class _Walk:
    """A traversal of the graph from the image to the embedding."""

    def __init__(self, graph: OnnxGraph) -> None:
        self._graph = graph
        self._left = {op.name: op for op in graph.operations}
        self._arrays: dict[str, np.ndarray] = {}
        self._folded: list[str] = []
        self._strides: list[int] = []  # of the blocks

    def network(self) -> OnnxNetwork:
        shape = self._graph.shape
        if len(shape) != 4 or shape[1] not in (3, None):
            raise ValueError(
                f"an ONNX file's input must be (batch, 3, height, width) images. Received: {shape}"
            )
        x, input_range = self._preprocessing(self._graph.image)
        x = self._prelu(self._conv_norm(x, "stem_conv", "stem_bn", 3), "stem_prelu")
        while len(self._readers(x)) == 2:
            x = self._block(x)
        x = self._dense(self._flatten(self._norm(x, "embedding_map_bn")))
        output, unit = self._end(x)
        if self._left or self._graph.unread:
            left = [f"{op.kind} {op.name!r}" for op in self._left.values()][:4]
            raise ValueError(
                "every operation and initializer of an ONNX file must belong to the network. "
                f"Received: {len(self._left)} others {left}, unread {list(self._graph.unread[:4])}"
            )
        names = _block_names(self._strides)
        if "block0_downsample_conv.weight" not in self._arrays and not unit:
            raise ValueError(
                "an ONNX file of AdaFace must normalize the embedding, as AdaFace's own network "
                "does; for others (CVLface), the channel order is unknown. "
                f"Received: the output {output!r} without; convert the checkpoint instead"
            )
        arrays = {_renamed(name, names): array for name, array in self._arrays.items()}
        folded = tuple(_renamed(name, names) for name in self._folded)
        return OnnxNetwork(arrays, folded, input_range, output, unit)

    def _readers(self, x: str) -> list[Operation]:
        return [op for op in self._left.values() if x in op.inputs]

    def _take(self, x: str, kind: str, place: str) -> Operation:
        """The single operation of a kind that reads a tensor."""
        readers = self._readers(x)
        fitting = [op for op in readers if op.kind == kind]
        if len(fitting) != 1:
            found = ", ".join(op.kind for op in readers) or "nothing"
            raise ValueError(
                f"an ONNX file of an IResNet must have one {kind} after {x!r}, as {place}. "
                f"Received: {found}"
            )
        return self._left.pop(fitting[0].name)

    def _preprocessing(self, x: str) -> tuple[str, tuple[float, float]]:
        scale, shift = 1.0, 0.0  # what has been done to the image
        while len(found := self._readers(x)) == 1 and found[0].kind in _AFFINE:
            op = self._left.pop(found[0].name)
            factor, more = _affine(op)
            scale, shift, x = scale * factor, shift * factor + more, op.name
        for low, high in _RANGES:
            if np.allclose([scale * low + shift, scale * high + shift], [-1, 1], atol=1e-5):
                return x, (low, high)
        raise ValueError(
            f"an ONNX file's preprocessing must map one of {_RANGES} to -1 ... 1, as "
            f"{SCALING} does. Received: x * {scale:.6g} + {shift:.6g}"
        )

    def _conv_norm(self, x: str, conv: str, norm: str, size: int, stride: int | None = 1) -> str:
        """A convolution and its batch norm, in two operations or folded into one."""
        op = self._take(x, "Conv", conv)
        if stride is None:  # of a block's last, which tells where a stage begins
            stride = op.attributes.get("strides", [1])[0]
            self._strides.append(stride)
        _check(op, {"strides": [stride] * 2, "pads": [size // 2] * 4})
        self._arrays[f"{conv}.weight"] = _constant(op, 1)
        if 2 not in op.constants:
            return self._norm(op.name, norm)
        self._fold(norm, op.constants[2])
        return op.name

    def _norm(self, x: str, name: str) -> str:
        op = self._take(x, "BatchNormalization", name)
        _check(op, {"epsilon": BN_EPSILON})
        for number, statistic in enumerate(_STATISTICS, 1):
            self._arrays[f"{name}.{statistic}"] = _constant(op, number)
        return op.name

    def _fold(self, name: str, bias: np.ndarray) -> None:
        one = np.ones(bias.shape, np.float32)
        # moving_variance + epsilon is 1 in float32, to the bit.
        values = (one, bias, 0 * one, one - np.float32(BN_EPSILON))
        for statistic, value in zip(_STATISTICS, values, strict=True):
            self._arrays[f"{name}.{statistic}"] = value
        self._folded.append(name)

    def _prelu(self, x: str, name: str) -> str:
        op = self._take(x, "PRelu", name)
        self._arrays[f"{name}.weight"] = _constant(op, 1).ravel()
        return op.name

    def _block(self, x: str) -> str:
        name = f"block{len(self._strides)}"
        y = self._norm(x, f"{name}_bn1")
        y = self._prelu(self._conv_norm(y, f"{name}_conv1", f"{name}_bn2", 3), f"{name}_prelu")
        y = self._conv_norm(y, f"{name}_conv2", f"{name}_bn3", 3, None)
        stride = self._strides[-1]
        shortcut = x
        if any(op.kind == "Conv" for op in self._readers(x)):
            names = (f"{name}_downsample_conv", f"{name}_downsample_bn")
            shortcut = self._conv_norm(x, *names, 1, stride)
        elif stride > 1:  # AdaFace's
            pool = self._take(x, "MaxPool", f"{name}_downsample_pool")
            _check(pool, {"kernel_shape": [1, 1], "strides": [stride] * 2})
            shortcut = pool.name
        add = self._take(y, "Add", f"{name}_add")
        if sorted(add.inputs) != sorted((y, shortcut)):
            raise ValueError(
                f"{add.name!r} must add {y!r} and {shortcut!r}, as {name}_add. "
                f"Received: {add.inputs}"
            )
        return add.name

    def _flatten(self, x: str) -> str:
        reshapes = any(op.kind == "Reshape" for op in self._readers(x))
        op = self._take(x, "Reshape" if reshapes else "Flatten", "embedding_flatten")
        _check(op, {})
        shape = op.constants.get(1)
        if shape is not None and len(shape) != 2:
            raise ValueError(f"{op.name!r} must flatten each image. Received: to {shape.tolist()}")
        return op.name

    def _dense(self, x: str) -> str:
        name = "embedding_dense"
        if any(op.kind == "MatMul" for op in self._readers(x)):
            product = self._take(x, "MatMul", name)
            op = self._take(product.name, "Add", name)
            kernel, bias = _constant(product, 1).T, next(iter(op.constants.values()), None)
        else:
            op = self._take(x, "Gemm", name)
            _check(op, {})
            kernel, bias = _constant(op, 1), op.constants.get(2)
            kernel = kernel if op.attributes.get("transB", 0) else kernel.T
        if bias is None or bias.ndim != 1:
            raise ValueError(f"{op.name!r} must add one bias per output, as {name}. Received: none")
        self._arrays |= {f"{name}.weight": kernel, f"{name}.bias": bias}
        if any(reader.kind == "BatchNormalization" for reader in self._readers(op.name)):
            return self._norm(op.name, "embedding_bn")
        self._fold("embedding_bn", 0 * bias)
        return op.name

    def _end(self, x: str) -> tuple[str, bool]:
        """The output with the embedding, and whether the file normalizes it."""
        last, ends = x, {x}
        if self._readers(x):
            length = self._take(x, "ReduceL2", "the embedding's length")
            division = self._take(length.name, "Div", "the embedding of unit length")
            if division.inputs != (x, length.name):
                raise ValueError(
                    f"{division.name!r} must divide the embedding by its length. "
                    f"Received: {division.inputs}"
                )
            last, ends = division.name, {x, length.name, division.name}
        outputs = [name for name, tensor in self._graph.outputs.items() if tensor == last]
        if not outputs or not ends.issuperset(self._graph.outputs.values()):
            raise ValueError(
                f"the output of an ONNX file must be {last!r}. Received: {dict(self._graph.outputs)}"
            )
        return outputs[0], last != x


def _constant(op: Operation, number: int) -> np.ndarray:
    if number not in op.constants:
        raise ValueError(
            f"{op.kind} {op.name!r} must have a constant in the file as its input {number}. "
            "Received: values computed by the graph"
        )
    return op.constants[number]


def _affine(op: Operation) -> tuple[float, float]:
    """(factor, offset) of an operation on the image."""
    ((number, array),) = op.constants.items() or ((2, np.zeros(0)),)
    value = float(array.flat[0]) if array.size else 0.0
    if (
        not array.size
        or (array != array.flat[0]).any()
        or (op.kind == "Div" and not (number and value))
    ):
        raise ValueError(
            f"{op.kind} {op.name!r} must be the same for all color channels. "
            f"Received: {array.ravel()[:3].tolist()}"
        )
    if op.kind == "Sub":
        return (1.0, -value) if number else (-1.0, value)
    if op.kind == "Add":
        return 1.0, value
    return (1 / value if op.kind == "Div" else value), 0.0


def _check(op: Operation, expected: Mapping[str, Any]) -> None:
    defaults = _DEFAULTS.get(op.kind, {})
    for name, right in {**defaults, **expected}.items():
        found = op.attributes.get(name, defaults.get(name))
        found = found.decode() if isinstance(found, bytes) else found
        same = np.isclose(found, right) if isinstance(right, float) else found == right
        if not same:
            raise ValueError(
                f"{op.kind} {op.name!r} of an ONNX file must have {name} {right}. Received: {found}"
            )


def _block_names(strides: list[int]) -> dict[str, str]:
    """The blocks' names; a stage begins at each stride of 2."""
    names, stage, block = {}, 0, 0
    for number, stride in enumerate(strides):
        stage, block = (stage + 1, 0) if stride == 2 else (stage, block + 1)
        names[f"block{number}"] = f"layer{stage}_{block}"
    return names


def _renamed(name: str, names: Mapping[str, str]) -> str:
    first, _, rest = name.partition("_")
    return f"{names[first]}_{rest}" if first in names else name
