"""The layout of insightface's IResNet, as saved by its trainer `arcface_torch`."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from maskedface.conversion.layout import Layout, Shapes, counted, layer_by_layer

SCALING = "(x - 127.5) / 127.5"
_LAYERS = {
    "stem_conv": "conv1",
    "stem_bn": "bn1",
    "stem_prelu": "prelu",
    "embedding_map_bn": "bn2",
    "embedding_dense": "fc",
    "embedding_bn": "features",
}
_PARTS = {
    **{name: name for name in ("bn1", "conv1", "bn2", "prelu", "conv2", "bn3")},
    "downsample_conv": "downsample.0",
    "downsample_bn": "downsample.1",
}
_IN_A_BLOCK = re.compile(r"layer(\d)_(\d+)_(.+)")


def ir_arguments(shapes: Shapes, kernel: str, dense: str, blocks: list[int]) -> dict[str, Any]:
    """The arguments of `models.IResNet` or `models.AdaFaceIR` for a file.

    Args:
        shapes: {tensor: shape} of the file.
        kernel: the first convolution's tensor.
        dense: the tensor of the dense layer over the last feature map.
        blocks: residual blocks per stage.

    Returns:
        The arguments; without `input_shape` if the last feature map is not square.
    """
    filters, (embedding_size, width) = shapes[kernel][0], shapes.get(dense, (512, 0))
    words: dict[str, Any] = {
        "blocks": blocks,
        "filters": filters,
        "embedding_size": embedding_size,
    }
    side = math.isqrt(width // (8 * filters))  # of the last map, which has eight times the filters
    if side and side * side * 8 * filters == width:
        words["input_shape"] = [16 * side, 16 * side, 3]
    return words


def staged_arguments(block: str, kernel: str, dense: str, shapes: Shapes) -> dict[str, Any]:
    """`ir_arguments` for a file whose names contain the stage.

    Args:
        block: the name of a tensor in every block; {} and {} are its stage, 1 to 4, and its number.
        kernel, dense, shapes: as for `ir_arguments`.
    """
    blocks = [counted(shapes, block.format(stage, "{}")) for stage in (1, 2, 3, 4)]
    return ir_arguments(shapes, kernel, dense, blocks)


def _rename(layer: str) -> str | None:
    match = _IN_A_BLOCK.fullmatch(layer)
    if match is None:
        return _LAYERS.get(layer)
    return f"layer{match[1]}.{match[2]}.{_PARTS[match[3]]}" if match[3] in _PARTS else None


_arguments = functools.partial(
    staged_arguments, "layer{}.{}.conv1.weight", "conv1.weight", "fc.weight"
)


LAYOUTS = (
    Layout(
        # recognition/arcface_torch: backbones/iresnet.py names the tensors and keeps features.weight at
        # 1; inference.py feeds RGB through (x / 255 - .5) / .5.
        name="insightface (.pth)",
        architecture="IResNet",
        channels="RGB",
        scaling=SCALING,
        signs=("conv1.weight", "features.running_mean"),
        rename=layer_by_layer(_rename),
        arguments=_arguments,
        constants={"features.weight": 1.0},
    ),
)
