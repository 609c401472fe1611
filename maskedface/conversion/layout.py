"""What a layout is: how one kind of file names and stores one network."""

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
    """How one kind of file names and stores one network.

    Attributes:
        name: str, what to call the layout.
        architecture: the name in `models` of the network that it fills.
        channels: the channel order that the file's first convolution expects; ours takes RGB.
        scaling: what the file's own network is fed with, x being a pixel of 0 to 255.
        signs: tensors by which a file is known to be in this layout; all of them must be there. A file is
            of the first layout in `layouts.LAYOUTS` whose signs it has.
        axes: {tensor: how many axes it has}, where its name alone does not tell the layout.
        rename: from the names of our layers with variables, in order, to {our layer: the file's layer}. A
            layer that is left out says that the backbone is another network.
        arguments: from {tensor: shape} to the words of our function that build the network in the file's
            size, beside `input_shape` only where the file tells it.
        variables: our variable -> the last part of its name, with what joins it.
        torch_axes: whether kernels are (filters, channels, height, width) and (out, in), as torch has
            them; Keras has (height, width, channels, filters) and (in, out). A dense kernel behind a
            `Flatten` is then counted channels first, and turned round.
        classifier: names of the classifier's kernel and bias, which are not used.
        classes: how many people the classifier may know; () for any number.
        classifier_needed: whether the file must hold the classifier.
        unused: other tensors that a file may hold and that are not used.
        constants: tensors that our network has no variable for: {name: the one value they may have}.
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
    """A `Layout.rename` from a function of one layer's name.

    Args:
        rename: from our layer's name to the file's, or None where the network has no such layer.

    Returns:
        The function of all names.
    """

    def rename_all(names: Sequence[str]) -> dict[str, str]:
        found = {name: rename(name) for name in names}
        return {name: source for name, source in found.items() if source is not None}

    return rename_all


def counted(names: Shapes, pattern: str, first: int = 0) -> int:
    """How many numbers in a row a pattern has a tensor for.

    >>> from maskedface.conversion.layout import counted
    >>> counted({"layer1.0.w": (), "layer1.1.w": (), "layer1.3.w": ()}, "layer1.{}.w")
    2

    Args:
        names: {tensor: shape}.
        pattern: a tensor's name with `{}` in place of the number.
        first: the first number.

    Returns:
        The count, 0 or more.
    """
    number = first
    while pattern.format(number) in names:
        number += 1
    return number - first
