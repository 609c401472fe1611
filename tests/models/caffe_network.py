"""VGGFace2's ResNet-50 and SENet-50 in plain NumPy, from the published Caffe prototxts and nothing of
the package.

Layer by layer: He et al. 2016, with the stride in a block's first 1x1 convolution and in its
projection, pad 3 for the 7x7, and a 3x3/2 max-pool without padding whose size is rounded up.
"""

from __future__ import annotations

import numpy as np

from tests.models.numpy_layers import Arrays, batch_norm, convolve, max_pool

MEAN_BGR = np.array([91.4953, 103.8827, 131.0912])  # of resnet50_ft.prototxt


def forward(
    arrays: Arrays, image: np.ndarray, torchvision: bool = False, epsilon: float = 1e-5
) -> dict[str, np.ndarray]:
    """Runs the network on one image.

    `arrays` are in VGGFace2-pytorch's names, float32; where a block has a conv4 and a conv5, the network
    is SENet-50. `image` is (height, width, 3), RGB, 0-255.
    Returns {"stem", "layer1", ..., "layer4": (height, width, channels); "pooled": (channels,)},
    float64. With `torchvision`, strides and pooling are those of torchvision's ResNet-50.
    """
    x = image[:, :, ::-1].astype(np.float64) - MEAN_BGR

    def conv_bn(x: np.ndarray, conv: str, norm: str, stride: int, pad: int) -> np.ndarray:
        x = convolve(x, arrays[f"{conv}.weight"], stride, pad)
        return batch_norm(x, arrays, norm, epsilon)

    x = np.maximum(conv_bn(x, "conv1", "bn1", 2, 3), 0)
    outputs = {"stem": max_pool(x, 3, pad=1 if torchvision else 0, ceil=not torchvision)}
    x = outputs["stem"]
    for stage in range(1, 5):
        block = 0
        while (name := f"layer{stage}.{block}") + ".conv1.weight" in arrays:
            stride = 2 if stage > 1 and block == 0 else 1
            strides = (1, stride) if torchvision else (stride, 1)
            y = np.maximum(conv_bn(x, f"{name}.conv1", f"{name}.bn1", strides[0], 0), 0)
            y = np.maximum(conv_bn(y, f"{name}.conv2", f"{name}.bn2", strides[1], 1), 0)
            y = conv_bn(y, f"{name}.conv3", f"{name}.bn3", 1, 0)
            if f"{name}.conv4.weight" in arrays:
                y = y * _excitation(y, arrays, name)
            if block == 0:
                x = conv_bn(x, f"{name}.downsample.0", f"{name}.downsample.1", stride, 0)
            x = np.maximum(x + y, 0)
            block += 1
        outputs[f"layer{stage}"] = x
    return outputs | {"pooled": x.mean(axis=(0, 1))}


def _excitation(x: np.ndarray, arrays: Arrays, block: str) -> np.ndarray:
    x = x.mean(axis=(0, 1))
    for part in ("conv4", "conv5"):
        kernel = arrays[f"{block}.{part}.weight"].astype(np.float64)
        x = kernel[:, :, 0, 0] @ x + arrays[f"{block}.{part}.bias"]
        x = np.maximum(x, 0) if part == "conv4" else 1 / (1 + np.exp(-x))
    return x
