"""What the convolutional networks of other programs have in common: layout, convolution, batch norm."""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

Padding = Literal["same", "valid"]

LAYOUT = "channels_last"  # whatever Keras is set to
# PyTorch's defaults, which weights of PyTorch were trained or converted with: eps 1e-5, momentum 0.1
# of the new batch. Keras' own are 1e-3 and 0.99 of the old.
TORCH_EPSILON = 1e-5
TORCH_MOMENTUM = 0.9


def bias_free_conv(
    x: keras.KerasTensor,
    filters: int,
    size: int | tuple[int, int],
    name: str,
    *,
    strides: int = 1,
    padding: Padding = "same",
) -> keras.KerasTensor:
    """A convolution without bias, as before a batch norm.

    Args:
        x: feature maps, shape (batch, height, width, channels).
        filters: int, channels of the output.
        size: int or (rows, columns) of the kernel.
        name: str, the layer's name.
        strides: int >= 1.
        padding: Keras' "same" or "valid".

    Returns:
        Feature maps, shape (batch, height, width, filters).
    """
    return layers.Conv2D(
        filters,
        size,
        strides,
        padding=padding,
        data_format=LAYOUT,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
