"""VGGFace2's ResNet-50 in plain NumPy, from the published Caffe prototxt and nothing of the package.

Layer by layer: He et al. 2016, with the stride in a block's first 1x1 convolution and in its
projection, pad 3 for the 7x7, and a 3x3/2 max-pool without padding whose size is rounded up.
"""

from __future__ import annotations

import math

import numpy as np

Arrays = dict[str, np.ndarray]
MEAN_BGR = np.array([91.4953, 103.8827, 131.0912])  # of resnet50_ft.prototxt


def forward(
    arrays: Arrays, image: np.ndarray, torchvision: bool = False, epsilon: float = 1e-5
) -> dict[str, np.ndarray]:
    """Runs the network on one image.

    `arrays` are in VGGFace2-pytorch's names, float32; `image` is (height, width, 3), RGB, 0-255.
    Returns {"stem", "layer1", ..., "layer4": (height, width, channels); "pooled": (channels,)},
    float64. With `torchvision`, strides and pooling are those of torchvision's ResNet-50.
    """
    x = image[:, :, ::-1].astype(np.float64) - MEAN_BGR

    def conv_bn(x: np.ndarray, conv: str, norm: str, stride: int, pad: int) -> np.ndarray:
        x = _convolve(x, arrays[f"{conv}.weight"].astype(np.float64), stride, pad)
        scale = arrays[f"{norm}.weight"] / np.sqrt(
            arrays[f"{norm}.running_var"].astype(np.float64) + epsilon
        )
        return (x - arrays[f"{norm}.running_mean"]) * scale + arrays[f"{norm}.bias"]

    x = np.maximum(conv_bn(x, "conv1", "bn1", 2, 3), 0)
    outputs = {"stem": _max_pool(x, pad=1 if torchvision else 0, ceil=not torchvision)}
    x = outputs["stem"]
    for stage in range(1, 5):
        block = 0
        while (name := f"layer{stage}.{block}") + ".conv1.weight" in arrays:
            stride = 2 if stage > 1 and block == 0 else 1
            strides = (1, stride) if torchvision else (stride, 1)
            y = np.maximum(conv_bn(x, f"{name}.conv1", f"{name}.bn1", strides[0], 0), 0)
            y = np.maximum(conv_bn(y, f"{name}.conv2", f"{name}.bn2", strides[1], 1), 0)
            y = conv_bn(y, f"{name}.conv3", f"{name}.bn3", 1, 0)
            if block == 0:
                x = conv_bn(x, f"{name}.downsample.0", f"{name}.downsample.1", stride, 0)
            x = np.maximum(x + y, 0)
            block += 1
        outputs[f"layer{stage}"] = x
    return outputs | {"pooled": x.mean(axis=(0, 1))}


def _convolve(x: np.ndarray, kernel: np.ndarray, stride: int, pad: int) -> np.ndarray:
    # A sum over the kernel's positions; the kernel is (filters, channels, height, width).
    x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    size = kernel.shape[2]
    height, width = ((side - size) // stride + 1 for side in x.shape[:2])
    result = np.zeros((height, width, kernel.shape[0]))
    for row in range(size):
        for column in range(size):
            part = x[row::stride, column::stride][:height, :width]
            result += part @ kernel[:, :, row, column].T
    return result


def _max_pool(x: np.ndarray, pad: int, ceil: bool) -> np.ndarray:
    # Windows of 3 x 3 every 2 pixels; a window at the edge holds what there is of it.
    sizes = [(side + 2 * pad - 3) / 2 + 1 for side in x.shape[:2]]
    height, width = (math.ceil(size) if ceil else math.floor(size) for size in sizes)
    result = np.empty((height, width, x.shape[2]))
    for row in range(height):
        for column in range(width):
            top, left = 2 * row - pad, 2 * column - pad
            window = x[max(top, 0) : top + 3, max(left, 0) : left + 3]
            result[row, column] = window.max(axis=(0, 1))
    return result
