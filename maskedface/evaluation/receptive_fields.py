"""Where in the image the places of a feature map lie, followed through a network's layers."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np

Line = tuple[float, float]  # a coordinate = first * (a place's number) + second


class Place(NamedTuple):
    """How a map lies on the image it was made from; (rows, columns) each.

    Attributes:
        lines: where the centre of place i lies, in pixels: first * i + second.
        part: (first, last) edge of what the map sees of the image, in pixels counted from the edge of
            the first one, or None for all; last < first where it is mirrored.
    """

    lines: tuple[Line, Line]
    part: tuple[tuple[float, float], tuple[float, float]] | None = None

    def lay(self, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Spreads a map over the image, bilinear, its outermost places out to the edge of what it sees.

        Args:
            values: float array, shape (N, rows, columns).
            shape: the image's (height, width) in pixels.

        Returns:
            float32 array, shape (N, height, width), 0 where the map does not see. A map of a part of
            the image is made that much stronger, so that each counts alike.
        """
        weights, larger = [], 1.0
        for axis in (0, 1):
            ends = self.part[axis] if self.part else (0.0, float(shape[axis]))
            weights.append(_spread(self.lines[axis], ends, values.shape[1 + axis], shape[axis]))
            larger *= shape[axis] / abs(ends[1] - ends[0])
        laid = np.einsum("nij,yi,xj->nyx", values, *weights, optimize=True)
        return np.asarray(laid * larger, "float32")


def last_maps(model: keras.Model, least: int) -> list[keras.KerasTensor]:
    """The feature maps through which all that the output knows of the image has gone.

    Args:
        model: a functional model of one output that holds no model.
        least: int >= 1, rows and columns that a map must have.

    Returns:
        The last such map on every way from the input to the output, each once.

    Raises:
        ValueError: if a way has none.
    """
    found: dict[int, keras.KerasTensor] = {}
    seen, waiting = set(), [model.output]
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        _, inputs = _origin(tensor)
        sides = tensor.shape[1:3] if len(tensor.shape) == 4 else (0, 0)
        if not inputs:  # the image itself
            raise ValueError(
                f"model must have a feature map of at least {least} x {least} on every way to its "
                f"output. Received: {model.name!r}"
            )
        if min(sides) >= least:
            found[id(tensor)] = tensor
        else:
            waiting += inputs
    return list(found.values())


def place_of(tensor: keras.KerasTensor) -> Place:
    """Where a feature map lies on the image.

    Convolutions, pools, zero paddings and `layers.View` are followed exactly; where ways of other
    strides meet (a residual block's shortcut), their mean is taken; what else changes a map's size
    is taken to stretch it evenly.

    Args:
        tensor: shape (batch, rows, columns, channels), of a model that holds no model.

    Returns:
        Its `Place`.
    """
    return _place(tensor, {})


def _place(tensor: keras.KerasTensor, known: dict[int, Place]) -> Place:
    if id(tensor) not in known:
        layer, inputs = _origin(tensor)
        before = [_place(one, known) for one in inputs if len(one.shape) == 4]
        known[id(tensor)] = _after(layer, inputs[0], tensor, before) if before else _WHOLE
    return known[id(tensor)]


_WHOLE = Place(((1.0, 0.0), (1.0, 0.0)))


def _after(
    layer: Any, given: keras.KerasTensor, made: keras.KerasTensor, before: list[Place]
) -> Place:
    lines = []
    for axis in (0, 1):
        step, shift = _step(layer, axis, given.shape[1 + axis], made.shape[1 + axis])
        first, second = np.mean([place.lines[axis] for place in before], axis=0)
        lines.append((float(first * step), float(first * shift + second)))
    part = before[0].part
    if hasattr(layer, "box"):
        # Edges: half a place before the first centre and behind the last.
        ends = [(a * -0.5 + b + 0.5, a * (n - 0.5) + b + 0.5)
                for (a, b), n in zip(lines, made.shape[1:3], strict=True)]  # fmt: skip
        part = (ends[0], ends[1])
    return Place((lines[0], lines[1]), part)


def _step(layer: Any, axis: int, given: int, made: int) -> Line:
    """A place's centre in the places of the layer's input."""
    if hasattr(layer, "box"):  # layers.View: (left, top, right, bottom), edges
        first, last = layer.box[1 - axis], layer.box[3 - axis]
        step = (last - first) / made
        return step, first + step / 2 - 0.5
    if isinstance(layer, keras.layers.ZeroPadding2D) and layer.data_format == "channels_last":
        return 1.0, -float(layer.padding[axis][0])
    size = getattr(layer, "kernel_size", getattr(layer, "pool_size", None))
    if size is not None and hasattr(layer, "strides"):
        stride = layer.strides[axis]
        reach = (size[axis] - 1) * getattr(layer, "dilation_rate", (1, 1))[axis] + 1
        missing = (made - 1) * stride + reach - given
        padded = max(missing, 0) // 2 if layer.padding == "same" else 0
        return float(stride), (reach - 1) / 2 - padded
    return given / made, (given / made - 1) / 2


def _origin(tensor: keras.KerasTensor) -> tuple[Any, list[keras.KerasTensor]]:
    history = tensor._keras_history
    return history.operation, history.operation._inbound_nodes[history.node_index].input_tensors


def _spread(line: Line, ends: tuple[float, float], count: int, length: int) -> np.ndarray:
    """The weight of each place in each pixel of a side; shape (length, count)."""
    pixels = np.arange(length)
    place = (pixels - line[1]) / line[0]
    weights = np.stack([np.interp(place, np.arange(count), one) for one in np.eye(count)], axis=1)
    inside = (pixels + 0.5 >= min(ends)) & (pixels + 0.5 <= max(ends))
    return weights * inside[:, None]
