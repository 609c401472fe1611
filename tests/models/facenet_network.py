"""FaceNet's Inception-ResNet-v1 in plain NumPy, in facenet-pytorch's names, from David Sandberg's
published program and nothing of the package."""

from __future__ import annotations

import numpy as np

from tests.models.numpy_layers import (
    Arrays,
    batch_norm,
    convolve,
    max_pool,
    random_conv,
    random_conv_bn,
)

EPSILON = 1e-3
# (filters at full width, height and width of the kernel, stride, padding of rows and columns).
Conv = tuple[int, int, int, int, tuple[int, int]]
_1x1: tuple[int, int, int, tuple[int, int]] = (1, 1, 1, (0, 0))
_3x3: tuple[int, int, int, tuple[int, int]] = (3, 3, 1, (1, 1))
_HALVES: tuple[int, int, int, tuple[int, int]] = (3, 3, 2, (0, 0))
STEM: dict[str, Conv] = {
    "conv2d_1a": (32, *_HALVES),
    "conv2d_2a": (32, 3, 3, 1, (0, 0)),
    "conv2d_2b": (64, *_3x3),
    "conv2d_3b": (80, *_1x1),  # behind the max-pool
    "conv2d_4a": (192, 3, 3, 1, (0, 0)),
    "conv2d_4b": (256, *_HALVES),
}
BRANCHES: dict[str, list[list[Conv]]] = {
    "repeat_1": [
        [(32, *_1x1)],
        [(32, *_1x1), (32, *_3x3)],
        [(32, *_1x1), (32, *_3x3), (32, *_3x3)],
    ],
    "mixed_6a": [[(384, *_HALVES)], [(192, *_1x1), (192, *_3x3), (256, *_HALVES)]],
    "repeat_2": [
        [(128, *_1x1)],
        [(128, *_1x1), (128, 1, 7, 1, (0, 3)), (128, 7, 1, 1, (3, 0))],
    ],
    "mixed_7a": [
        [(256, *_1x1), (384, *_HALVES)],
        [(256, *_1x1), (256, *_HALVES)],
        [(256, *_1x1), (256, *_3x3), (256, *_HALVES)],
    ],
    "repeat_3": [
        [(192, *_1x1)],
        [(192, *_1x1), (192, 1, 3, 1, (0, 1)), (192, 3, 1, 1, (1, 0))],
    ],
}
SCALES = {"repeat_1": 0.17, "repeat_2": 0.10, "repeat_3": 0.20}


def _names(stage: str, branch: int, convs: list[Conv]) -> list[str]:
    # A branch of one convolution is that convolution, one of several a list.
    if len(convs) == 1:
        return [f"{stage}.branch{branch}"]
    return [f"{stage}.branch{branch}.{place}" for place in range(len(convs))]


def random_network(
    filters: int, blocks: tuple[int, int, int], size: int = 512, people: int = 8631, seed: int = 0
) -> Arrays:
    """A network of `filters` / 32 of the full width, with a classifier of so many people."""
    random = np.random.default_rng(seed)
    arrays: Arrays = {}

    def conv(name: str, channels: int, one: Conv) -> int:
        shape = (one[0] * filters // 32, channels, *one[1:3])
        scale = 0.5 if channels == 3 else 0.8
        random_conv_bn(arrays, random, f"{name}.conv", f"{name}.bn", shape, scale, 1.0)
        return shape[0]

    def branches(name: str, stage: str, channels: int) -> int:
        widths = 0
        for number, convs in enumerate(BRANCHES[stage]):
            width = channels
            for part, one in zip(_names(name, number, convs), convs, strict=True):
                width = conv(part, width, one)
            widths += width
        return widths

    channels = 3
    for name, one in STEM.items():
        channels = conv(name, channels, one)
    for number, count in enumerate(blocks, start=1):
        stage = f"repeat_{number}"
        names = [f"{stage}.{block}" for block in range(count)]
        for name in [*names, "block8"] if number == 3 else names:
            mixed = branches(name, stage, channels)
            random_conv(arrays, random, f"{name}.conv2d", (channels, mixed, 1, 1), bias=0.2)
        if number < 3:
            reduction = ("mixed_6a", "mixed_7a")[number - 1]
            channels += branches(reduction, reduction, channels)  # the pool keeps the channels
    random_conv_bn(arrays, random, "last_linear", "last_bn", (size, channels), 0.8, 1.0)
    random_conv(arrays, random, "logits", (people, size), bias=0.2)
    return arrays


def forward(
    arrays: Arrays, image: np.ndarray, *, same: bool = False, epsilon: float = EPSILON
) -> dict[str, np.ndarray]:
    """Runs the network on one scaled image of (height, width, 3), RGB.

    Returns {"stem", "block35", "mixed6a", "block17", "mixed7a", "block8": (height, width, channels);
    "embedding": (numbers,)}, float64. With `same`, what has no padding is padded by one.
    """

    def conv(x: np.ndarray, name: str, one: Conv) -> np.ndarray:
        pad = one[4]
        if same and one[1:3] == (3, 3):
            pad = (1, 1)
        x = convolve(x, arrays[f"{name}.conv.weight"], one[3], pad)
        return np.maximum(batch_norm(x, arrays, f"{name}.bn", epsilon), 0)

    def branches(x: np.ndarray, name: str, stage: str) -> list[np.ndarray]:
        outputs = []
        for number, convs in enumerate(BRANCHES[stage]):
            y = x
            for part, one in zip(_names(name, number, convs), convs, strict=True):
                y = conv(y, part, one)
            outputs.append(y)
        return outputs

    def block(x: np.ndarray, name: str, stage: str) -> np.ndarray:
        mixed = np.concatenate(branches(x, name, stage), axis=-1)
        up = convolve(mixed, arrays[f"{name}.conv2d.weight"], 1, 0)
        scale = 1 if name == "block8" else SCALES[stage]
        return x + scale * (up + arrays[f"{name}.conv2d.bias"])

    x = image.astype(np.float64)
    for name, one in STEM.items():
        if name == "conv2d_3b":
            x = max_pool(x, 3, pad=int(same))
        x = conv(x, name, one)
    outputs = {"stem": x}
    for number, kind in enumerate(("block35", "block17", "block8"), start=1):
        stage = f"repeat_{number}"
        count = 0
        while f"{stage}.{count}.conv2d.weight" in arrays:
            x = np.maximum(block(x, f"{stage}.{count}", stage), 0)
            count += 1
        outputs[kind] = x
        if number < 3:
            reduction = ("mixed_6a", "mixed_7a")[number - 1]
            parts = [*branches(x, reduction, reduction), max_pool(x, 3, pad=int(same))]
            x = np.concatenate(parts, axis=-1)
            outputs[reduction.replace("_", "")] = x
    x = block(x, "block8", "repeat_3")
    outputs["block8"] = x
    x = arrays["last_linear.weight"].astype(np.float64) @ x.mean(axis=(0, 1))
    return outputs | {"embedding": batch_norm(x, arrays, "last_bn", epsilon)}
