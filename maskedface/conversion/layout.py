"""The description of a layout: how a kind of file names and stores a network's tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Shapes = Mapping[str, tuple[int, ...]]

# Our variable -> the last part of its name in a file, with what joins it.
TORCH_VARIABLES = {
    "kernel": ".weight",
    "bias": ".bias",
    "gamma": ".weight",
    "beta": ".bias",
    "alpha": ".weight",  # of a PReLU
    "moving_mean": ".running_mean",
    "moving_variance": ".running_var",
}
KERAS_VARIABLES = {name: f"/{name}" for name in TORCH_VARIABLES}


@dataclass(frozen=True)
class Layout:
    """How a kind of file names and stores a network's tensors.

    Attributes:
        name: str, the layout's name.
        architecture: the name of its network in `models`.
        channels: the channel order expected by the file's first convolution; networks here use RGB.
        scaling: the input scaling of the original network, where x is a pixel of 0 to 255.
        signs: tensors that identify the layout; all of them must be in the file. A file has the
            first layout in `layouts.LAYOUTS` whose signs it contains.
        axes: {tensor: its number of axes}, if names alone do not identify the layout.
        rename: a function from the names of this library's layers with variables, in order, to
            {layer: the file's layer}. A missing layer means that the backbone is another network.
        arguments: a function from {tensor: shape} to the arguments of the architecture for the
            file's network size, with `input_shape` only if the file determines it.
        variables: variable -> the last part of its name in the file, including the separator.
        torch_axes: whether kernels are (filters, channels, height, width) and (out, in), as in
            PyTorch; Keras has (height, width, channels, filters) and (in, out). A dense kernel
            after a `Flatten` then has its input channels first, and is transposed.
        classifier: names of the classifier's kernel and bias, which are not used.
        classes: the possible numbers of classes of the classifier; () for any number.
        classifier_needed: whether the file must contain the classifier.
        unused: other tensors that a file may contain and that are not used.
        constants: tensors without a variable in the network here: {name: the required value}.
    """

    name: str
    architecture: str
    channels: Literal["BGR", "RGB"]
    scaling: str
    signs: tuple[str, ...]
    rename: Callable[[Sequence[str]], Mapping[str, str]]
    arguments: Callable[[Shapes], dict[str, Any]]
    axes: Mapping[str, int] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=lambda: TORCH_VARIABLES)
    torch_axes: bool = True
    classifier: tuple[str, ...] = ()
    classes: tuple[int, ...] = ()
    classifier_needed: bool = False
    unused: tuple[str, ...] = ()
    constants: Mapping[str, float] = field(default_factory=dict)


def layer_by_layer(
    rename: Callable[[str], str | None],
) -> Callable[[Sequence[str]], Mapping[str, str]]:
    """A `Layout.rename` from a function of a single layer's name.

    Args:
        rename: a function from a layer's name here to the file's, or None if the network has no
            such layer.

    Returns:
        The function of all names.
    """

    def rename_all(names: Sequence[str]) -> dict[str, str]:
        found = {name: rename(name) for name in names}
        return {name: source for name, source in found.items() if source is not None}

    return rename_all


def counted(names: Shapes, pattern: str, first: int = 0) -> int:
    """The count of consecutive numbers for which a tensor exists.

    >>> from maskedface.conversion.layout import counted
    >>> counted({"layer1.0.w": (), "layer1.1.w": (), "layer1.3.w": ()}, "layer1.{}.w")
    2

    Args:
        names: {tensor: shape}.
        pattern: a tensor's name with `{}` as the number.
        first: the first number.

    Returns:
        The count, 0 or more.
    """
    number = first
    while pattern.format(number) in names:
        number += 1
    return number - first
