"""The layouts in which the ResNet-50 of VGGFace2 is found, and their way into `models.ResNet50`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np

# People in VGGFace2's training set (Cao et al. 2018, section 2): the width of the classifier.
CLASSES = 8631


@dataclass(frozen=True)
class Layout:
    """How one kind of file names and stores the network.

    Attributes:
        name: str, what to call the layout.
        channels: the channel order that its first convolution expects.
        stem: names of the first convolution and its batch norm.
        first: numbers of the first stage and of its first block.
        block: our part of a block -> its name, where {0} and {1} are stage and block.
        variables: our variable -> the last part of its name, with what joins it.
        classifier: names of the classifier's kernel and bias, which are not used.
        classifier_needed: whether the file must hold them.
        torch_axes: whether kernels are (filters, channels, height, width), as torch has them;
            Keras has (height, width, channels, filters).
    """

    name: str
    channels: Literal["BGR", "RGB"]
    stem: tuple[str, str]
    first: tuple[int, int]
    block: Mapping[str, str]
    variables: Mapping[str, str]
    classifier: tuple[str, str]
    classifier_needed: bool
    torch_axes: bool


def _caffe_block(norm: str) -> dict[str, str]:
    # Caffe's names (github.com/ox-vgg/vgg_face2): stages are counted from conv2, blocks from 1.
    parts = {"1": "1x1_reduce", "2": "3x3", "3": "1x1_increase"}
    names = {f"conv{n}": f"conv{{0}}_{{1}}_{part}" for n, part in parts.items()}
    names |= {f"bn{n}": f"conv{{0}}_{{1}}_{part}{norm}" for n, part in parts.items()}
    proj = "conv{0}_{1}_1x1_proj"
    return names | {"downsample_conv": proj, "downsample_bn": proj + norm}


_TORCH_VARIABLES = {
    "kernel": ".weight",
    "gamma": ".weight",
    "beta": ".bias",
    "moving_mean": ".running_mean",
    "moving_variance": ".running_var",
}
_PYTORCH = Layout(
    # github.com/cydonia999/VGGFace2-pytorch: models/resnet.py has torchvision's names and Caffe's
    # strides, datasets/vgg_face2.py feeds BGR. The classifier must be there: nothing else tells
    # its arrays from torchvision's own, which are for RGB and another geometry.
    name="VGGFace2-pytorch (.pkl)",
    channels="BGR",
    stem=("conv1", "bn1"),
    first=(1, 0),
    block={
        **{f"{kind}{n}": f"layer{{0}}.{{1}}.{kind}{n}" for kind in ("conv", "bn") for n in "123"},
        "downsample_conv": "layer{0}.{1}.downsample.0",
        "downsample_bn": "layer{0}.{1}.downsample.1",
    },
    variables=_TORCH_VARIABLES,
    classifier=("fc.weight", "fc.bias"),
    classifier_needed=True,
    torch_axes=True,
)
_DAG = Layout(
    # robots.ox.ac.uk/~albanie/pytorch-models.html, resnet50_ft_dag.py: its `meta` gives the mean as
    # (131.0912, 103.8827, 91.4953), so RGB.
    name="dag (.pth)",
    channels="RGB",
    stem=("conv1_7x7_s2", "conv1_7x7_s2_bn"),
    first=(2, 1),
    block=_caffe_block("_bn"),
    variables=_TORCH_VARIABLES,
    classifier=("classifier.weight", "classifier.bias"),
    classifier_needed=False,
    torch_axes=True,
)
_KERAS = Layout(
    # github.com/rcmalli/keras-vggface, keras_vggface/models.py; utils.py flips RGB to BGR.
    name="keras-vggface (.h5)",
    channels="BGR",
    stem=("conv1/7x7_s2", "conv1/7x7_s2/bn"),
    first=(2, 1),
    block=_caffe_block("/bn"),
    variables={name: f"/{name}" for name in _TORCH_VARIABLES},
    classifier=("classifier/kernel", "classifier/bias"),
    classifier_needed=False,
    torch_axes=False,
)
LAYOUTS = (_PYTORCH, _DAG, _KERAS)


def detect(names: Mapping[str, np.ndarray]) -> Layout:
    """Finds the layout of a file from its names alone.

    Args:
        names: {name: array} as a reader returned it.

    Returns:
        The layout whose first convolution is there.

    Raises:
        ValueError: if there is none, or the file is the network re-trained in another geometry.
    """
    if any(name.startswith(("dim_proj", "classifier_low_dim")) for name in names):
        raise ValueError(
            "weights must be in the geometry of Caffe. Received: the layers dim_proj or "
            "classifier_low_dim, so the file is of Keras-VGGFace2-ResNet50: it was trained again "
            "with 'same' padding, a 'valid' max-pool and a batch-norm epsilon of 1e-3, and would "
            "give wrong features here"
        )
    for layout in LAYOUTS:
        if layout.stem[0] + layout.variables["kernel"] in names:
            return layout
    expected = [layout.stem[0] + layout.variables["kernel"] for layout in LAYOUTS]
    raise ValueError(
        f"weights must hold one of {expected}. Received: {len(names)} names, the first of them "
        f"{list(names)[:3]}"
    )


def name_map(backbone: keras.Model, layout: Layout) -> dict[str, keras.Variable]:
    """Says which variable each tensor of a layout goes to.

    Args:
        backbone: a `models.ResNet50`, of any width and depth.
        layout: the layout.

    Returns:
        {source name: variable}, in the backbone's order, each of its variables once.

    Raises:
        ValueError: if the backbone is not a `models.ResNet50`.
    """
    if not any(layer.name == "stem_bn" for layer in backbone.layers):
        raise ValueError(
            f"VGGFace2's weights must go into a models.ResNet50. Received: {backbone.name}"
        )
    pairs = {}
    for layer in backbone.layers:
        for variable in layer.variables:
            stage, _, part = layer.name.partition("_")
            if stage == "stem":
                source = layout.stem[0 if part == "conv" else 1]
            else:
                block, _, part = part.partition("_")
                counted = int(stage.removeprefix("layer")) - 1, int(block)
                numbers = (first + n for first, n in zip(layout.first, counted, strict=True))
                source = layout.block[part].format(*numbers)
            pairs[source + layout.variables[variable.name]] = variable
    return pairs
