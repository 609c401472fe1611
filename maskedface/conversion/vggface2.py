"""The layouts of VGGFace2's ResNet-50 and SENet-50."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from maskedface.conversion.layout import KERAS_VARIABLES, Layout, Shapes, counted, layer_by_layer

# People in VGGFace2's training set (Cao et al. 2018, section 2): the width of the classifier.
CLASSES = 8631
# Caffe's means of VGGFace2's training faces (github.com/ox-vgg/vgg_face2).
SCALING = "x - (131.0912, 103.8827, 91.4953) in R, G, B"
REFUSED = (
    (
        ("dim_proj", "classifier_low_dim"),
        "weights must be for Caffe's variant of the network. Received: the layers dim_proj or "
        "classifier_low_dim, so the file is of Keras-VGGFace2-ResNet50: it was retrained "
        "with 'same' padding, a 'valid' max-pool and a batch-norm epsilon of 1e-3, and would "
        "give wrong features here",
    ),
)
"""(prefix of a name, reason why such a file is rejected)."""
_IN_A_BLOCK = re.compile(r"layer(\d+)_(\d+)_(.+)")


def _rename(
    stem: tuple[str, str], first: tuple[int, int], block: Mapping[str, str], layer: str
) -> str | None:
    """`first` contains the file's numbers of the first stage and of its first block."""
    if layer in ("stem_conv", "stem_bn"):
        return stem[layer == "stem_bn"]
    match = _IN_A_BLOCK.fullmatch(layer)
    if match is None or match[3] not in block:
        return None
    return block[match[3]].format(int(match[1]) - 1 + first[0], int(match[2]) + first[1])


def _arguments(
    first: tuple[int, int], block: str, kernel: str, down: str | None, shapes: Shapes
) -> dict[str, Any]:
    """`block` is a tensor in every block, `kernel` that of the first convolution, `down` the first
    reducing one in an excitation."""
    stages = (block.format(first[0] + stage, "{}") for stage in range(4))
    shape = shapes[kernel]  # Keras' ends with the filters, torch's begins with them
    torch_axes = shape[1:] == (3, 7, 7)
    words: dict[str, Any] = {
        "filters": shape[0] if torch_axes else shape[-1],
        "blocks": [counted(shapes, stage, first[1]) for stage in stages],
    }
    if down is not None:
        narrow, wide = shapes[down][:2] if torch_axes else shapes[down][:1:-1]
        words["reduction"] = wide // narrow
    return words


def _renaming(
    stem: tuple[str, str], first: tuple[int, int], block: Mapping[str, str], down: str | None
) -> Callable[[Sequence[str]], Mapping[str, str]]:
    """A layout's `rename`; without `down`, the network has no excitations."""
    parts = {ours: name for ours, name in block.items() if down or not ours.startswith("se_")}
    return layer_by_layer(functools.partial(_rename, stem, first, parts))


def _caffe_block(norm: str) -> dict[str, str]:
    # Caffe's names (github.com/ox-vgg/vgg_face2): stages are counted from conv2, blocks from 1.
    parts = {"1": "1x1_reduce", "2": "3x3", "3": "1x1_increase"}
    names = {f"conv{n}": f"conv{{0}}_{{1}}_{part}" for n, part in parts.items()}
    names |= {f"bn{n}": f"conv{{0}}_{{1}}_{part}{norm}" for n, part in parts.items()}
    names |= {f"se_{part}": f"conv{{0}}_{{1}}_1x1_{part}" for part in ("down", "up")}
    proj = "conv{0}_{1}_1x1_proj"
    return names | {"downsample_conv": proj, "downsample_bn": proj + norm}


_TORCHVISION_BLOCK = {
    **{f"{kind}{n}": f"layer{{0}}.{{1}}.{kind}{n}" for kind in ("conv", "bn") for n in "123"},
    "se_down": "layer{0}.{1}.conv4",
    "se_up": "layer{0}.{1}.conv5",
    "downsample_conv": "layer{0}.{1}.downsample.0",
    "downsample_bn": "layer{0}.{1}.downsample.1",
}


def _pytorch(architecture: str, down: str | None = None) -> Layout:
    # github.com/cydonia999/VGGFace2-pytorch: models/resnet.py and senet.py have torchvision's names and
    # Caffe's strides, datasets/vgg_face2.py feeds BGR. ResNet-50's classifier must be there: nothing
    # else tells its arrays from torchvision's own, which are for RGB and another geometry.
    return Layout(
        name="VGGFace2-pytorch (.pkl)",
        architecture=architecture,
        channels="BGR",
        scaling=SCALING,
        signs=("conv1.weight", "layer1.0.conv3.weight", *([down] if down else [])),
        rename=_renaming(("conv1", "bn1"), (1, 0), _TORCHVISION_BLOCK, down),
        arguments=functools.partial(
            _arguments, (1, 0), "layer{}.{}.conv3.weight", "conv1.weight", down
        ),
        classifier=("fc.weight", "fc.bias"),
        classes=(CLASSES,),
        classifier_needed=down is None,
    )


def _dag(architecture: str, down: str | None = None) -> Layout:
    # robots.ox.ac.uk/~albanie/pytorch-models.html, resnet50_ft_dag.py: its `meta` gives the mean as
    # (131.0912, 103.8827, 91.4953), so RGB. senet50_ft_dag.py is alike.
    kernel, block = "conv1_7x7_s2.weight", "conv{}_{}_3x3.weight"
    return Layout(
        name="dag (.pth)",
        architecture=architecture,
        channels="RGB",
        scaling=SCALING,
        signs=(kernel, block.format(2, 1), *([down] if down else [])),
        rename=_renaming(("conv1_7x7_s2", "conv1_7x7_s2_bn"), (2, 1), _caffe_block("_bn"), down),
        arguments=functools.partial(_arguments, (2, 1), block, kernel, down),
        classifier=("classifier.weight", "classifier.bias"),
        classes=(CLASSES,),
    )


def _keras(architecture: str, down: str | None = None) -> Layout:
    # github.com/rcmalli/keras-vggface, keras_vggface/models.py; utils.py flips RGB to BGR.
    kernel, block = "conv1/7x7_s2/kernel", "conv{}_{}_3x3/kernel"
    return Layout(
        name="keras-vggface (.h5)",
        architecture=architecture,
        channels="BGR",
        scaling=SCALING,
        signs=(kernel, block.format(2, 1), *([down] if down else [])),
        rename=_renaming(("conv1/7x7_s2", "conv1/7x7_s2/bn"), (2, 1), _caffe_block("/bn"), down),
        arguments=functools.partial(_arguments, (2, 1), block, kernel, down),
        variables=KERAS_VARIABLES,
        classifier=("classifier/kernel", "classifier/bias"),
        classes=(CLASSES,),
        torch_axes=False,
    )


# A SENet-50 has all names of a ResNet-50 and some more, so its signs come first.
LAYOUTS = (
    _pytorch("SENet50", "layer1.0.conv4.weight"),
    _dag("SENet50", "conv2_1_1x1_down.weight"),
    _keras("SENet50", "conv2_1_1x1_down/kernel"),
    _pytorch("ResNet50"),
    _dag("ResNet50"),
    _keras("ResNet50"),
)
