"""The layouts of AdaFace's IR network: its own checkpoints, and CVLface's files of it."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from maskedface.conversion.insightface import SCALING, ir_arguments
from maskedface.conversion.layout import Layout, Shapes, counted

_LAYERS = {
    "stem_conv": "input_layer.0",
    "stem_bn": "input_layer.1",
    "stem_prelu": "input_layer.2",
    "embedding_map_bn": "output_layer.0",
    "embedding_dense": "output_layer.3",  # behind dropout and flatten
    "embedding_bn": "output_layer.4",
}
_PARTS = {
    **{
        name: f"res_layer.{number}"
        for number, name in enumerate(("bn1", "conv1", "bn2", "prelu", "conv2", "bn3"))
    },
    "downsample_conv": "shortcut_layer.0",
    "downsample_bn": "shortcut_layer.1",
}
_IN_A_BLOCK = re.compile(r"(layer\d_\d+)_(.+)")


def _rename(prefix: str, names: Sequence[str]) -> dict[str, str]:
    """AdaFace numbers the blocks across all stages."""
    found = {name: prefix + _LAYERS[name] for name in names if name in _LAYERS}
    matches = [match for name in names if (match := _IN_A_BLOCK.fullmatch(name))]
    blocks = list(dict.fromkeys(match[1] for match in matches))
    for match in matches:
        if match[2] in _PARTS:
            number = blocks.index(match[1])
            found[match[0]] = f"{prefix}body.{number}.{_PARTS[match[2]]}"
    return found


def _arguments(prefix: str, shapes: Shapes) -> dict[str, Any]:
    pattern = prefix + "body.{}.res_layer.1.weight"
    widths = [shapes[pattern.format(block)][0] for block in range(counted(shapes, pattern))]
    blocks = [len(list(same)) for _, same in groupby(widths)]  # each stage has a width of its own
    first, dense = f"{prefix}input_layer.0.weight", f"{prefix}output_layer.3.weight"
    return ir_arguments(shapes, first, dense, blocks)


LAYOUTS = (
    Layout(
        # github.com/mk-minchul/AdaFace: net.py names the tensors, train_val.py's module holds them as
        # `model` beside the head of head.py; README.md and inference.py: BGR, (x / 255 - .5) / .5.
        name="AdaFace (.ckpt)",
        architecture="AdaFaceIR",
        channels="BGR",
        scaling=SCALING,
        signs=("input_layer.0.weight", "output_layer.4.running_mean"),
        rename=functools.partial(_rename, ""),
        arguments=functools.partial(_arguments, ""),
        unused=("head.kernel", "head.t", "head.batch_mean", "head.batch_std"),
    ),
    Layout(
        # github.com/mk-minchul/CVLface, models/iresnet: the same network held as `net`, fed with RGB
        # (config.json of its files: "color_space": "RGB").
        name="CVLface (.safetensors)",
        architecture="AdaFaceIR",
        channels="RGB",
        scaling=SCALING,
        signs=("net.input_layer.0.weight", "net.output_layer.4.running_mean"),
        rename=functools.partial(_rename, "net."),
        arguments=functools.partial(_arguments, "net."),
    ),
)
