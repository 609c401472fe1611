"""insightface's IResNet and AdaFace's IR network as torch modules: our own, from the published networks,
with the names of the published state dicts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class InsightFaceNetwork(nn.Module):
    """(batch, 3, side, side), RGB, -1 to 1 -> {"stem", "layer1", ..., "embedding"}."""

    def __init__(self, filters: int, blocks: Sequence[int], side: int, size: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, filters, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.prelu = nn.PReLU(filters)
        width = filters
        for stage, count in enumerate(blocks):
            made = []
            for block in range(count):
                made.append(_InsightFaceBlock(width, filters * 2**stage, first=block == 0))
                width = filters * 2**stage
            setattr(self, f"layer{stage + 1}", nn.Sequential(*made))
        self.bn2 = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width * (side // 16) ** 2, size)
        self.features = nn.BatchNorm1d(size)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.prelu(self.bn1(self.conv1(x)))
        outputs = {"stem": x}
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = getattr(self, name)(x)
            outputs[name] = x
        x = self.features(self.fc(self.bn2(x).flatten(1)))
        return outputs | {"embedding": x}


class _InsightFaceBlock(nn.Module):
    def __init__(self, width: int, filters: int, first: bool) -> None:
        super().__init__()
        stride = 2 if first else 1
        self.bn1 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, filters, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.prelu = nn.PReLU(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(filters)
        self.downsample = nn.Identity()
        if first:
            conv = nn.Conv2d(width, filters, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(filters))

    def forward(self, x: Tensor) -> Tensor:
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(y)) + self.downsample(x)


class AdaFaceNetwork(nn.Module):
    """(batch, 3, side, side), BGR, -1 to 1 -> {"stem", "layer1", ..., "embedding"}, before the division by
    the length of the embedding."""

    def __init__(self, filters: int, blocks: Sequence[int], side: int, size: int) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.PReLU(filters),
        )
        self.blocks, width, made = tuple(blocks), filters, []
        for stage, count in enumerate(blocks):
            for block in range(count):
                made.append(_AdaFaceBlock(width, filters * 2**stage, 2 if block == 0 else 1))
                width = filters * 2**stage
        self.body = nn.Sequential(*made)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Dropout(0.4),
            nn.Flatten(),
            nn.Linear(width * (side // 16) ** 2, size),
            nn.BatchNorm1d(size, affine=False),
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.input_layer(x)
        outputs, done = {"stem": x}, 0
        for stage, count in enumerate(self.blocks):
            for block in self.body[done : done + count]:
                x = block(x)
            done += count
            outputs[f"layer{stage + 1}"] = x
        return outputs | {"embedding": self.output_layer(x)}


class _AdaFaceBlock(nn.Module):
    def __init__(self, width: int, filters: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        if width != filters:
            conv = nn.Conv2d(width, filters, 1, stride=stride, bias=False)
            self.shortcut_layer = nn.Sequential(conv, nn.BatchNorm2d(filters))
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Conv2d(width, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.PReLU(filters),
            nn.Conv2d(filters, filters, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(filters),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.res_layer(x) + self.shortcut_layer(x)


def randomize(network: nn.Module, seed: int = 0) -> nn.Module:
    """Random weights, statistics and slopes, so that no tensor may be mistaken for another or left out;
    values stay near 1 through the sums of many blocks."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(tensor: Tensor, low: float, high: float) -> None:
        tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    with torch.no_grad():
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                scale = module.weight[0].numel() ** -0.5
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * scale)
                if module.bias is not None:
                    uniform(module.bias, -0.5, 0.5)
            elif isinstance(module, nn.PReLU):
                uniform(module.weight, -0.3, 0.6)
            elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                uniform(module.running_mean, -0.3, 0.3)
                module.running_var.copy_(
                    10 ** (torch.rand(module.running_var.shape, generator=generator) * 2 - 0.5)
                )
                if module.weight is not None and name != "features":
                    uniform(module.weight, 0.3, 0.8)
                if module.bias is not None:
                    uniform(module.bias, -0.3, 0.3)
    return network.eval()
