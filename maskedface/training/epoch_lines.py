"""Training progress as one line per epoch, for output that cannot show a progress bar."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import keras

from maskedface.progress import write_line


class EpochLines(keras.callbacks.Callback):
    """Prints a line after each epoch: "epoch 3/25: 12 s, loss 0.41, accuracy 0.88".

    Args:
        epochs: int, the number of epochs of the whole run.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs, self._started = epochs, 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Records the start time."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Prints the line."""
        spent = time.monotonic() - self._started
        figures = "".join(f", {name} {float(value):.3g}" for name, value in (logs or {}).items())
        write_line(f"epoch {epoch + 1}/{self._epochs}: {spent:.0f} s{figures}")
