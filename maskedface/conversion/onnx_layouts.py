"""The layouts of IResNet and AdaFace's IR in ONNX, after `onnx_ir` has renamed the tensors."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from maskedface.conversion.insightface import SCALING, staged_arguments
from maskedface.conversion.layout import Layout

_LAYER = re.compile(
    r"stem_(conv|bn|prelu)|embedding_(map_bn|dense|bn)"
    r"|layer(?P<block>\d_\d+)_(bn[123]|conv[12]|prelu|(?P<shortcut>downsample_(conv|bn)))"
)


def _rename(first: bool, names: Sequence[str]) -> dict[str, str]:
    """The names unchanged; `first`: whether the first block's shortcut has layers."""
    found = [match for name in names if (match := _LAYER.fullmatch(name))]
    if not first:
        found = [one for one in found if not one["shortcut"] or one["block"] != "1_0"]
    return {match[0]: match[0] for match in found}


_arguments = functools.partial(
    staged_arguments, "layer{}_{}_conv1.weight", "stem_conv.weight", "embedding_dense.weight"
)


LAYOUTS = (
    Layout(
        # The first block's shortcut tells the two networks apart. torch2onnx.py of arcface_torch exports
        # the network of the .pth as it is; insightface's own files feed RGB (model_zoo/arcface_onnx.py).
        name="insightface (.onnx)",
        architecture="IResNet",
        channels="RGB",
        scaling=SCALING,
        signs=("stem_conv.weight", "layer1_0_downsample_conv.weight"),
        rename=functools.partial(_rename, True),
        arguments=_arguments,
        constants={"embedding_bn.weight": 1.0},
    ),
    Layout(
        name="AdaFace (.onnx)",
        architecture="AdaFaceIR",
        channels="BGR",
        scaling=SCALING,
        signs=("stem_conv.weight", "embedding_bn.running_mean"),
        rename=functools.partial(_rename, False),
        arguments=_arguments,
        constants={"embedding_bn.weight": 1.0, "embedding_bn.bias": 0.0},
    ),
)
