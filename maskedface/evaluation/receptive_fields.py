"""Receptive fields: the positions of a feature map in the input image, traced through the
layers."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np

Line = tuple[float, float]  # coordinate = first * index + second


class Place(NamedTuple):
    """The position of a feature map on the input image; each attribute is (rows, columns).

    Attributes:
        lines: (first, second): the center of position i is at first * i + second, in pixels.
        part: (first, last) edge of the image part that the map sees, in pixels from the image's
            edge, or None for the whole image; last < first if it is mirrored.
    """

    lines: tuple[Line, Line]
    part: tuple[tuple[float, float], tuple[float, float]] | None = None

    def lay(self, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Interpolates a map over the image, bilinear; the outermost positions extend to the edge.

        Args:
            values: float array, shape (N, rows, columns).
            shape: the image's (height, width) in pixels.

        Returns:
            float32 array, shape (N, height, width), 0 outside the part that the map sees. The map
            of a part of the image is scaled up, so that all maps have equal weight.
        """
        weights, larger = [], 1.0
        for axis in (0, 1):
            ends = self.part[axis] if self.part else (0.0, float(shape[axis]))
            weights.append(_spread(self.lines[axis], ends, values.shape[1 + axis], shape[axis]))
            larger *= shape[axis] / abs(ends[1] - ends[0])
        laid = np.einsum("nij,yi,xj->nyx", values, *weights, optimize=True)
        return np.asarray(laid * larger, "float32")


def last_maps(model: keras.Model, least: int) -> list[keras.KerasTensor]:
    """The last sufficiently large feature map on every path from input to output.

    Args:
        model: a functional model with one output and without nested models.
        least: int >= 1, minimum rows and columns of a map.

    Returns:
        The maps, without duplicates.

    Raises:
        ValueError: if a path has no such map.
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
                f"model must have a feature map of at least {least} x {least} on every path to its "
                f"output. Received: {model.name!r}"
            )
        if min(sides) >= least:
            found[id(tensor)] = tensor
        else:
            waiting += inputs
    return list(found.values())


def place_of(tensor: keras.KerasTensor) -> Place:
    """The position of a feature map on the image.

    Convolutions, pooling, zero padding and `layers.View` are computed exactly. Where paths with
    different positions meet (a residual block's shortcut), their mean is used. Other layers that
    change a map's size are assumed to stretch it evenly.

    Args:
        tensor: shape (batch, rows, columns, channels), of a model without nested models.

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
        # Edges: half a step before the first center and after the last.
        ends = [(a * -0.5 + b + 0.5, a * (n - 0.5) + b + 0.5)
                for (a, b), n in zip(lines, made.shape[1:3], strict=True)]  # fmt: skip
        part = (ends[0], ends[1])
    return Place((lines[0], lines[1]), part)


def _step(layer: Any, axis: int, given: int, made: int) -> Line:
    """A position's center in units of the layer's input positions."""
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
    """The interpolation weights of positions for pixels along one axis; shape (length, count)."""
    pixels = np.arange(length)
    place = (pixels - line[1]) / line[0]
    weights = np.stack([np.interp(place, np.arange(count), one) for one in np.eye(count)], axis=1)
    inside = (pixels + 0.5 >= min(ends)) & (pixels + 0.5 <= max(ends))
    return weights * inside[:, None]
