"""VGG-Face in plain NumPy, in the names of Albanie's vgg_face_dag.py, from Parkhi et al. 2015 and
nothing of the package."""

from __future__ import annotations

import numpy as np

from tests.models.numpy_layers import Arrays, convolve, max_pool, random_conv

MEAN_RGB = np.array([129.1863, 104.7624, 93.5940])
CONVS = (2, 2, 3, 3, 3)  # a block
WIDTHS = (1, 2, 4, 8, 8)
PEOPLE = 2622


def random_network(filters: int, units: int, side: int, seed: int = 0) -> Arrays:
    """A network for images of `side` x `side` px, whose values stay near 1."""
    random = np.random.default_rng(seed)
    arrays: Arrays = {}
    channels = 3
    for block, (count, width) in enumerate(zip(CONVS, WIDTHS, strict=True), start=1):
        for number in range(1, count + 1):
            gain = 1 / 50 if channels == 3 else np.sqrt(2)
            shape = (filters * width, channels, 3, 3)
            random_conv(arrays, random, f"conv{block}_{number}", shape, gain, bias=0.1)
            channels = filters * width
    width = channels * (side // 32) ** 2
    for name, units_out in (("fc6", units), ("fc7", units), ("fc8", PEOPLE)):
        random_conv(arrays, random, name, (units_out, width), np.sqrt(2), bias=0.1)
        width = units
    return arrays


def forward(
    arrays: Arrays, image: np.ndarray, channels_last: bool = False
) -> dict[str, np.ndarray]:
    """Runs the network on one image of (height, width, 3), RGB, 0-255.

    Returns {"block1", ..., "block5": (height, width, channels); "fc6", "embedding": (units,)}, float64.
    With `channels_last`, fc6 takes the last map in Keras' order, for which its kernel is not made.
    """
    x = image.astype(np.float64) - MEAN_RGB
    outputs = {}
    for block, count in enumerate(CONVS, start=1):
        for number in range(1, count + 1):
            name = f"conv{block}_{number}"
            x = np.maximum(convolve(x, arrays[f"{name}.weight"], 1, 1) + arrays[f"{name}.bias"], 0)
        x = max_pool(x, 2)
        outputs[f"block{block}"] = x
    x = (x if channels_last else x.transpose(2, 0, 1)).ravel()
    for name in ("fc6", "fc7"):
        kernel = arrays[f"{name}.weight"].astype(np.float64)
        x = np.maximum(kernel @ x + arrays[f"{name}.bias"], 0)
        outputs["embedding" if name == "fc7" else name] = x
    return outputs
