"""The layouts of VGG-Face."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from maskedface.conversion.layout import KERAS_VARIABLES, Layout, Shapes, layer_by_layer

# People in VGG-Face's training set (Parkhi et al. 2015, section 3): the width of the classifier.
CLASSES = 2622
# Means of its training faces: keras-vggface's utils.py (version 1).
SCALING = "x - (129.1863, 104.7624, 93.5940) in R, G, B"
_CONV = re.compile(r"block(\d)_conv(\d)")
_CONVS = (2, 2, 3, 3, 3)  # of a block


def _rename(layer: str) -> str | None:
    if layer in ("fc6", "fc7"):
        return layer
    match = _CONV.fullmatch(layer)
    return f"conv{match[1]}_{match[2]}" if match else None


def _rename_by_number(first: int, layer: str) -> str | None:
    """Keras' own numbered names: "conv2d", "conv2d_1" ... if `first` is 0."""
    before = sum(_CONVS)
    if match := _CONV.fullmatch(layer):
        before = sum(_CONVS[: int(match[1]) - 1]) + int(match[2]) - 1
    elif layer == "fc7":
        before += 1
    elif layer != "fc6":
        return None
    return _numbered(first + before)


def _numbered(number: int) -> str:
    return f"conv2d_{number}" if number else "conv2d"


def _arguments(conv: str, fc: str, shapes: Shapes) -> dict[str, Any]:
    """`conv` and `fc` are the kernels of the first convolution and of fc6."""
    kernel, dense = shapes[conv], shapes[fc]
    torch_axes = conv.endswith(
        ".weight"
    )  # Keras' axes end with the filters, torch's begin with them
    filters, units = (kernel[0], dense[0]) if torch_axes else (kernel[-1], dense[-1])
    side = 32 * math.isqrt(math.prod(dense) // units // (8 * filters))
    return {"filters": filters, "units": units, "input_shape": [side, side, 3]}


_DAG = Layout(
    # robots.ox.ac.uk/~albanie/pytorch-models.html, vgg_face_dag.py: its `meta` gives the mean as
    # (129.186, 104.762, 93.594), so RGB.
    name="vgg_face_dag (.pth)",
    architecture="VGGFace",
    channels="RGB",
    scaling=SCALING,
    signs=("conv1_1.weight", "conv5_3.weight", "fc6.weight"),
    rename=layer_by_layer(_rename),
    arguments=functools.partial(_arguments, "conv1_1.weight", "fc6.weight"),
    classifier=("fc8.weight", "fc8.bias"),
    classes=(CLASSES,),
)
_KERAS = Layout(
    # github.com/rcmalli/keras-vggface, keras_vggface/models.py; utils.py flips RGB to BGR.
    name="keras-vggface (.h5)",
    architecture="VGGFace",
    channels="BGR",
    scaling=SCALING,
    signs=("conv1_1/kernel", "conv5_3/kernel", "fc6/kernel"),
    axes={"fc6/kernel": 2},
    rename=layer_by_layer(_rename),
    arguments=functools.partial(_arguments, "conv1_1/kernel", "fc6/kernel"),
    variables=KERAS_VARIABLES,
    classifier=("fc8/kernel", "fc8/bias"),
    classes=(CLASSES,),
    torch_axes=False,
)


def _deepface(first: int | None) -> Layout:
    # github.com/serengil/deepface, models/facial_recognition/VGGFace.py: fc6 to fc8 are convolutions
    # without names of their own. Its author's notebook (serengil/tensorflow-101,
    # python/Matlab-Model-to-Keras.ipynb) took the arrays from Oxford's vgg_face.mat, whose mean is in R,
    # G, B, and gave names. deepface itself feeds BGR.
    names = [f"conv{b}_{n}" for b, n in ((1, 1), (5, 3))] + ["fc6", "fc8"]
    rename = _rename
    if first is not None:
        names = [_numbered(first + number) for number in (0, 12, 13, 15)]
        rename = functools.partial(_rename_by_number, first)
    conv, last, fc, classifier = (f"{name}/kernel" for name in names)
    return Layout(
        name="deepface (.h5)",
        architecture="VGGFace",
        channels="RGB",
        scaling=SCALING,
        signs=(conv, last, fc),
        axes={fc: 4},
        rename=layer_by_layer(rename),
        arguments=functools.partial(_arguments, conv, fc),
        variables=KERAS_VARIABLES,
        classifier=(classifier, f"{names[3]}/bias"),
        classes=(CLASSES,),
        torch_axes=False,
    )


LAYOUTS = (_DAG, _KERAS, _deepface(None), _deepface(0), _deepface(1))
