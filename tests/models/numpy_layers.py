"""Convolution, pooling and batch norm in plain NumPy, for the twins: nothing of the package is used.

Images are (height, width, channels) and kernels (filters, channels, height, width), as torch has them.
"""

from __future__ import annotations

import math

import numpy as np

Arrays = dict[str, np.ndarray]


def convolve(
    x: np.ndarray, kernel: np.ndarray, stride: int, pad: int | tuple[int, int]
) -> np.ndarray:
    # A sum over the kernel's positions, in float64.
    rows, columns = (pad, pad) if isinstance(pad, int) else pad
    x = np.pad(x, ((rows, rows), (columns, columns), (0, 0)))
    kernel = kernel.astype(np.float64)
    high, wide = kernel.shape[2:]
    height, width = (x.shape[0] - high) // stride + 1, (x.shape[1] - wide) // stride + 1
    result = np.zeros((height, width, kernel.shape[0]))
    for row in range(high):
        for column in range(wide):
            part = x[row::stride, column::stride][:height, :width]
            result += part @ kernel[:, :, row, column].T
    return result


def max_pool(x: np.ndarray, size: int, pad: int = 0, ceil: bool = False) -> np.ndarray:
    # Windows of size x size every 2 pixels; a window at the edge holds what there is of it.
    sizes = [(side + 2 * pad - size) / 2 + 1 for side in x.shape[:2]]
    height, width = (math.ceil(one) if ceil else math.floor(one) for one in sizes)
    result = np.empty((height, width, x.shape[2]))
    for row in range(height):
        for column in range(width):
            top, left = 2 * row - pad, 2 * column - pad
            window = x[max(top, 0) : top + size, max(left, 0) : left + size]
            result[row, column] = window.max(axis=(0, 1))
    return result


def batch_norm(x: np.ndarray, arrays: Arrays, name: str, epsilon: float) -> np.ndarray:
    variance = arrays[f"{name}.running_var"].astype(np.float64)
    scale = arrays[f"{name}.weight"] / np.sqrt(variance + epsilon)
    return (x - arrays[f"{name}.running_mean"]) * scale + arrays[f"{name}.bias"]


def random_conv(
    arrays: Arrays,
    random: np.random.Generator,
    name: str,
    shape: tuple[int, ...],
    gain: float = 1.0,
    bias: float = 0.0,
) -> None:
    """Adds a kernel whose outputs are as large as its inputs, times `gain`; a bias where `bias` > 0."""
    scale = gain / np.sqrt(np.prod(shape[1:]))
    arrays[f"{name}.weight"] = (scale * random.standard_normal(shape, np.float32)).astype(
        np.float32
    )
    if bias:
        arrays[f"{name}.bias"] = random.normal(0, bias, shape[0]).astype(np.float32)


def random_conv_bn(
    arrays: Arrays,
    random: np.random.Generator,
    conv: str,
    norm: str,
    shape: tuple[int, ...],
    input_scale: float,
    gain: float,
) -> None:
    """Adds a convolution and a batch norm whose variance is what the convolution gives, from 1e-3 to
    10: values stay near 1, and a wrong epsilon is seen."""
    filters = shape[0]
    variance = 10 ** random.uniform(-3, 1, filters)
    size = np.sqrt(variance / np.prod(shape[1:])) / input_scale
    drawn = {
        f"{conv}.weight": random.normal(0, 1, shape) * size.reshape(-1, *[1] * (len(shape) - 1)),
        f"{norm}.weight": gain * random.uniform(0.5, 1.5, filters),
        f"{norm}.bias": random.normal(0, 0.2, filters),
        f"{norm}.running_mean": random.normal(0, 0.3, filters) * np.sqrt(variance),
        f"{norm}.running_var": variance,
    }
    arrays |= {name: array.astype(np.float32) for name, array in drawn.items()}


def share(expected: np.ndarray, found: np.ndarray) -> float:
    """The largest difference as a share of the largest value."""
    assert expected.shape == found.shape
    return float(np.abs(expected - found).max() / np.abs(expected).max())
