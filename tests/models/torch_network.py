"""VGGFace2's ResNet-50 as a torch module, in the geometry its weights were made for.

Our own, from the published description; names as VGGFace2-pytorch has them, so its state dicts fit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class OriginalResNet50(nn.Module):
    """(batch, 3, height, width), BGR minus the mean -> {"stem", "layer1", ..., "pooled"}."""

    def __init__(self, filters: int = 64, blocks: tuple[int, ...] = (3, 4, 6, 3)) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, filters, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=0, ceil_mode=True)
        width = filters
        for stage, count in enumerate(blocks):
            inner = filters * 2**stage
            made = []
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                made.append(_Block(width, inner, stride, project=block == 0))
                width = 4 * inner
            setattr(self, f"layer{stage + 1}", nn.Sequential(*made))
        self.fc = nn.Linear(width, 8631)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        outputs = {"stem": x}
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = getattr(self, name)(x)
            outputs[name] = x
        return outputs | {"pooled": x.mean(dim=(2, 3))}


class _Block(nn.Module):
    def __init__(self, width: int, inner: int, stride: int, project: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, inner, 1, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, 4 * inner, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * inner)
        self.downsample = nn.Identity()
        if project:
            conv = nn.Conv2d(width, 4 * inner, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(4 * inner))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + self.downsample(x))
