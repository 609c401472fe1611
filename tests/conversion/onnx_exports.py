"""ONNX files of the twins of IResNet and AdaFaceIR, as torch's exporter writes them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tests.models import torch_iresnet


class Embedding(nn.Module):
    """A twin's embedding alone; AdaFace's with what its own `forward` does to it."""

    def __init__(self, twin: nn.Module) -> None:
        super().__init__()
        self.twin = twin

    def forward(self, x: Tensor) -> Any:
        found = self.twin(x)["embedding"]
        if isinstance(self.twin, torch_iresnet.AdaFaceNetwork):
            length = torch.norm(found, 2, 1, True)
            return torch.div(found, length), length
        return found


def export(
    network: nn.Module,
    path: str | os.PathLike[str],
    side: int,
    *,
    folded: bool = True,
    free: bool = True,
) -> Path:
    """Writes a network: batch norms folded into the convolutions before them, as torch does by default, or
    all kept; the number of images free or 1."""
    kept = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    axes = {"image": {0: "count"}, "embedding": {0: "count"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter is the one of most files, and is to go
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 3, side, side),),
            os.fspath(path),
            input_names=["image"],
            output_names=["embedding"],
            dynamic_axes=axes if free else None,
            opset_version=11,  # arcface_torch's torch2onnx.py
            dynamo=False,
            **({} if folded else kept),
        )
    return Path(path)


def write(path: str, filters: str, blocks: str, side: str, size: str) -> None:
    """Writes insightface's network of random weights, the arguments as a command's words."""
    counts = [int(count) for count in blocks.split(",")]
    twin = torch_iresnet.InsightFaceNetwork(int(filters), counts, int(side), int(size))
    export(Embedding(torch_iresnet.randomize(twin)), path, int(side))
