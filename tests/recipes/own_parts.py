"""A module whose classes Keras does not know until it is imported."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="elsewhere")
class Halved(keras.layers.Layer):
    """Gives half of what it is given."""

    def call(self, inputs: Any) -> Any:
        return inputs / 2


class Counting(keras.callbacks.Callback):
    """Without `get_config`: its arguments are attributes."""

    def __init__(self, first: int, step: float = 1.0) -> None:
        super().__init__()
        self.first, self.step = first, step


class Forgetful(keras.callbacks.Callback):
    """Keeps nothing of its argument."""

    def __init__(self, first: int) -> None:
        super().__init__()
