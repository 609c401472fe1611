"""Estimates how long a run will take after timing some steps."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import keras

# The first step is traced, the ones behind it fill caches.
_FIRST, _TIMED = 2, 8
_WORTH_IT = 50  # steps


class ExpectedTime(keras.callbacks.Callback):
    """Logs the estimated training time once, after ten steps: "8 epochs: about 12 minutes here".

    Where many steps are one compiled call, it is estimated after the second call. Runs of fewer
    than fifty steps are not estimated, and the time for validation after each epoch is not
    included, unless a call is a whole epoch.

    Args:
        epochs: int >= 1, the remaining epochs.
        steps: int >= 1, steps per epoch.
    """

    def __init__(self, epochs: int, steps: int) -> None:
        super().__init__()
        self._epochs, self._steps, self._told = epochs, steps, epochs * steps < _WORTH_IT
        self._seen, self._last, self._first, self._started = 0, -1, 0, 0.0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Counts steps, and logs the estimate after the last timed one."""
        self._seen += batch - self._last if batch > self._last else batch + 1  # a new epoch's
        self._last = batch
        if self._told or self._seen < _FIRST:
            return
        if not self._first:
            self._first, self._started = self._seen, time.monotonic()
        elif self._seen >= self._first + _TIMED:
            self._told = True
            step = (time.monotonic() - self._started) / (self._seen - self._first)
            seconds = step * (self._epochs * self._steps - self._seen)
            logging.getLogger("maskedface").info(
                "%d epochs: about %s here", self._epochs, in_words(seconds)
            )


def in_words(seconds: float) -> str:
    """A duration in words: "40 seconds", "12 minutes", "3.5 hours".

    >>> from maskedface.training.expected_time import in_words
    >>> in_words(41.7), in_words(700), in_words(13000)
    ('42 seconds', '12 minutes', '3.6 hours')

    Args:
        seconds: float >= 0.
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} second{'s' if round(seconds) > 1 else ''}"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"
