"""The layout of FaceNet's Inception-ResNet-v1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from maskedface.conversion.layout import Layout, Shapes, counted

_STEM = re.compile(r"stem_(\d[ab])_(conv|bn)")
_IN_A_BLOCK = re.compile(r"(block35|block17|block8)_(\d+)_(.+)")
_BRANCH = re.compile(r"branch(\d)_(\d)_(conv|bn)")
_REPEATS = {"block35": "repeat_1", "block17": "repeat_2", "block8": "repeat_3"}
_REDUCTIONS = {"mixed6a": "mixed_6a", "mixed7a": "mixed_7a"}
# Branches of one convolution, which have no number of their own.
_SINGLE = {*((kind, "0") for kind in _REPEATS), ("mixed6a", "0")}


def _rename(names: Sequence[str]) -> dict[str, str]:
    blocks = [int(m[2]) for m in map(_IN_A_BLOCK.fullmatch, names) if m and m[1] == "block8"]
    last = f"block8_{max(blocks, default=0)}"
    found = {name: _renamed(name, last) for name in names}
    return {name: source for name, source in found.items() if source is not None}


def _renamed(name: str, last: str) -> str | None:
    """`last` is the separate block8 in the file."""
    if name in ("embedding_dense", "embedding_bn"):
        return "last_linear" if name.endswith("dense") else "last_bn"
    if stem := _STEM.fullmatch(name):
        return f"conv2d_{stem[1]}.{stem[2]}"
    kind, _, part = name.partition("_")
    if kind in _REDUCTIONS:
        return _in_a_branch(_REDUCTIONS[kind], kind, part)
    if match := _IN_A_BLOCK.fullmatch(name):
        alone = name.startswith(f"{last}_")
        source = "block8" if alone else f"{_REPEATS[match[1]]}.{match[2]}"
        return f"{source}.conv2d" if match[3] == "up" else _in_a_branch(source, kind, match[3])
    return None


def _in_a_branch(source: str, kind: str, part: str) -> str | None:
    match = _BRANCH.fullmatch(part)
    if match is None:
        return None
    place = "" if (kind, match[1]) in _SINGLE else f".{match[2]}"
    return f"{source}.branch{match[1]}{place}.{match[3]}"


def _arguments(shapes: Shapes) -> dict[str, Any]:
    repeats = (f"{name}.{{}}.conv2d.weight" for name in _REPEATS.values())
    return {
        "filters": shapes["conv2d_1a.conv.weight"][0],
        "blocks": [counted(shapes, repeat) for repeat in repeats],
        "size": shapes["last_linear.weight"][0],
    }


SCALING = "(x - 127.5) / 128"
LAYOUTS = (
    Layout(
        # github.com/timesler/facenet-pytorch, models/inception_resnet_v1.py; its MTCNN gives PIL's RGB,
        # scaled by `fixed_image_standardization`. The classifier has 8,631 people (VGGFace2), 10,575
        # (CASIA-WebFace) or those that somebody trained it for.
        name="facenet-pytorch (.pt)",
        architecture="InceptionResNetV1",
        channels="RGB",
        scaling=SCALING,
        signs=("conv2d_1a.conv.weight", "last_linear.weight", "last_bn.weight"),
        rename=_rename,
        arguments=_arguments,
        classifier=("logits.weight", "logits.bias"),
    ),
)
