"""Assigns the arrays of a file to a network: every tensor exactly once, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import ml_dtypes
import numpy as np

from maskedface.conversion.layout import Layout
from maskedface.conversion.layouts import detect, without_prefix

_HALF = {np.dtype(np.float16): "float16", np.dtype(ml_dtypes.bfloat16): "bfloat16"}
# What stands between a Flatten and a Dense and leaves the order of the numbers.
_KEEPS_ORDER = (
    *(keras.layers.Dropout, keras.layers.Identity),
    *(keras.layers.Activation, keras.layers.ReLU),
)


@dataclass(frozen=True)
class Target:
    """The destination of a tensor.

    Attributes:
        variable: the variable.
        flattened: (height, width, channels) of the feature map that is flattened before a dense
            kernel, or None.
        first: whether it is the first kernel, which reads the image's channels.
    """

    variable: keras.Variable
    flattened: tuple[int, int, int] | None = None
    first: bool = False


@dataclass(frozen=True)
class Assigned:
    """The result of assigning a file's tensors.

    Attributes:
        layout: the detected layout.
        mapped: {name in the file: path of the variable}, in the order of the variables.
        left_over: names in the file that were not used.
        precision: the file's dtype: "float32", or "float16" or "bfloat16", whose values were cast
            to float32.
    """

    layout: Layout
    mapped: dict[str, str]
    left_over: tuple[str, ...]
    precision: str


def assign(
    backbone: keras.Model,
    arrays: dict[str, np.ndarray],
    before: list[tuple[keras.Variable, Any]] | None = None,
) -> Assigned:
    """Assigns a file's arrays to a network. Missing and unknown tensors are errors, and everything
    is checked before the first variable is set, so an invalid file changes nothing.

    Args:
        backbone: a network of `models`, of any width and depth, modified in place.
        arrays: {name: array} as returned by a reader, with any of `layouts.PREFIXES` before names.
            It is emptied during assignment, so that each array can be freed.
        before: callable, called with each variable and its previous value, if these are needed.

    Returns:
        The assignment.

    Raises:
        ValueError: if no layout has these names, the backbone is another network, or a tensor is
            missing, unknown (except a classifier and PyTorch's `num_batches_tracked`), of another
            shape, or not finite.
    """
    names = without_prefix(arrays)
    shapes = {bare: arrays[name].shape for bare, name in names.items()}
    layout = detect(shapes)
    targets = name_map(backbone, layout)
    _check_names(names, targets, backbone, layout)
    _check_classifier(shapes, backbone, layout)
    _check_constants({k: arrays[v] for k, v in names.items() if k in layout.constants}, layout)
    _check_values({k: arrays[v] for k, v in names.items() if k in targets}, targets, layout)
    left_over = tuple(name for bare, name in names.items() if bare not in targets)
    types = {arrays[names[bare]].dtype for bare in targets}
    for bare, target in targets.items():
        array = in_keras(arrays.pop(names[bare]), target, layout)
        if before is not None:
            # A tensor of the same memory: TensorFlow gives a variable new memory when it is set.
            before.append(
                (target.variable, keras.ops.reshape(target.variable, target.variable.shape))
            )
        target.variable.assign(np.ascontiguousarray(array, dtype=np.float32))
    arrays.clear()
    mapped = {names[bare]: target.variable.path for bare, target in targets.items()}
    half = [name for dtype, name in _HALF.items() if dtype in types]
    return Assigned(layout, mapped, left_over, " and ".join(half) or "float32")


def name_map(backbone: keras.Model, layout: Layout) -> dict[str, Target]:
    """Maps each tensor of a layout to its variable.

    Args:
        backbone: a network of `models`, of any width and depth.
        layout: the layout.

    Returns:
        {name without prefix: target}, in the backbone's order, with each of its variables once.

    Raises:
        ValueError: if the backbone is not the layout's network.
    """
    layers = [layer for layer in backbone.layers if layer.weights]
    renamed = layout.rename([layer.name for layer in layers])
    first = next((layer for layer in layers if isinstance(layer, keras.layers.Conv2D)), None)
    targets = {}
    for layer in layers:
        for variable in layer.weights:
            if layer.name not in renamed or variable.name not in layout.variables:
                raise ValueError(
                    f"weights in the layout of {layout.name} must go into a models."
                    f"{layout.architecture}. Received: {backbone.name}, with the variable "
                    f"{layer.name}/{variable.name}"
                )
            kernel = variable.name == "kernel"
            targets[renamed[layer.name] + layout.variables[variable.name]] = Target(
                variable, _flattened(layer) if kernel else None, kernel and layer is first
            )
    return targets


def in_keras(array: np.ndarray, target: Target, layout: Layout) -> np.ndarray:
    """A file's tensor with its axes in the order of its variable, as far as its shape allows.

    Args:
        array: the tensor.
        target: the destination.
        layout: the file's layout.

    Returns:
        An array, a view if possible; its shape differs from the variable's if the tensor does not
        fit.
    """
    shape = tuple(target.variable.shape)
    if layout.torch_axes and array.ndim == 2 and len(shape) == 2:
        height, width, channels = target.flattened or (1, 1, array.shape[1])
        if array.shape[1] != height * width * channels:
            return array.T
        array = array.reshape(-1, channels, height, width)
    if layout.torch_axes and array.ndim == 4:
        array = array.transpose(2, 3, 1, 0)
    if target.first and layout.channels == "BGR" and array.ndim == 4:
        array = array[:, :, ::-1]  # our input is RGB
    if array.ndim == 4 and len(shape) == 2:  # a convolution over the whole map is a dense layer
        array = array.reshape(-1, array.shape[3])
    if array.ndim == 1 and array.shape == shape[-1:] and set(shape[:-1]) == {1}:
        array = array.reshape(shape)  # the slopes of a PReLU, one a channel
    return array


def _flattened(layer: keras.layers.Layer) -> tuple[int, int, int] | None:
    if not isinstance(layer, keras.layers.Dense):
        return None
    before = layer.input._keras_history.operation
    while isinstance(before, _KEEPS_ORDER):
        before = before.input._keras_history.operation
    if not isinstance(before, keras.layers.Flatten) or len(before.input.shape) != 4:
        return None
    height, width, channels = before.input.shape[1:]
    return (height, width, channels)


def _check_names(
    names: Mapping[str, str], targets: Mapping[str, Target], backbone: keras.Model, layout: Layout
) -> None:
    needed = [*targets, *(layout.classifier if layout.classifier_needed else ())]
    missing = [name for name in needed if name not in names]
    may_be_there = {*targets, *layout.classifier, *layout.unused, *layout.constants}
    unknown = [
        name
        for bare, name in names.items()
        if bare not in may_be_there and not bare.endswith(".num_batches_tracked")
    ]
    if missing or unknown:
        raise ValueError(
            f"a file of models.{layout.architecture} in the layout of {layout.name} must contain "
            f"every tensor of {backbone.name} once and no other. Received: {len(missing)} missing "
            f"{missing[:4]}, {len(unknown)} unknown {unknown[:4]}"
        )


def _check_classifier(
    shapes: Mapping[str, tuple[int, ...]], backbone: keras.Model, layout: Layout
) -> None:
    width = int(backbone.output.shape[-1])
    for name, is_kernel in zip(layout.classifier, (True, False), strict=False):
        if name not in shapes or not layout.classes:
            continue
        right: set[tuple[int, ...]] = {(people,) for people in layout.classes}
        if is_kernel and layout.torch_axes:
            right = {(*one, width, *end) for one in right for end in ((), (1, 1))}
        elif is_kernel:
            right = {(*start, width, *one) for one in right for start in ((), (1, 1))}
        if shapes[name] not in right:
            raise ValueError(
                f"{name} must be of {' or '.join(map(str, layout.classes))} people, of shape "
                f"{sorted(right)}. Received: shape {shapes[name]}, so another network or data set"
            )


def _check_constants(arrays: Mapping[str, np.ndarray], layout: Layout) -> None:
    for name, array in arrays.items():
        value = layout.constants[name]
        if not (array == value).all():
            raise ValueError(
                f"{name} must be {value} throughout in the layout of {layout.name}, as its trainer "
                f"keeps it. Received: values from {array.min()} to {array.max()}"
            )


def _check_values(
    arrays: Mapping[str, np.ndarray], targets: Mapping[str, Target], layout: Layout
) -> None:
    wrong = []
    for name, target in targets.items():
        array, shape = arrays[name], tuple(target.variable.shape)
        if in_keras(array, target, layout).shape != shape:
            wrong.append(f"{name} {array.shape} for {shape}")
        elif array.dtype.kind != "f" and array.dtype not in _HALF:
            wrong.append(f"{name} of type {array.dtype}")
        elif not np.isfinite(array).all():
            wrong.append(f"{name} with values that are not finite")
    if wrong:
        raise ValueError(
            "every tensor must be finite and have its variable's shape, which is (height, width, "
            f"channels, filters) for a kernel. Received: {len(wrong)} others: "
            f"{'; '.join(wrong[:4])}"
        )
