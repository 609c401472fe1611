"""Opens `.keras` files, which may contain layers of this library."""

from __future__ import annotations

import os

import keras

# Keras finds our classes in a file only if they were imported before.
from maskedface import layers as layers
from maskedface.models import alignment as alignment, embedding as embedding, heads as heads


def load_model(path: str | os.PathLike[str]) -> keras.Model:
    """Opens a `.keras` file, without its optimizer and losses.

    Args:
        path: the file.

    Returns:
        The model.

    Raises:
        ValueError: if there is no such file, or it is not a Keras model.
    """
    return keras.models.load_model(path, compile=False)
