"""Stops a trial early: after its epochs, or by the median rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

CURVE = "val_accuracy"  # the column of history.csv that trials are compared by
LEAST_TRIALS = 5  # finished trials that the median rule waits for
LEAST_EPOCHS = 2  # epochs of the trial itself: the first says little


class TrialStopping(keras.callbacks.Callback):
    """A callback that stops a run that is unpromising, or has reached its number of epochs.

    Args:
        others: the curves of finished trials, for `is_hopeless`; empty to disable the median rule.
        epochs: int, the number of epochs; trials of Hyperband may have fewer than their recipe.
        on_epoch: called after each epoch, so that a worker can report to its chief.
        curve: the accuracies of the epochs before the run was resumed.
    """

    def __init__(
        self,
        others: Sequence[Sequence[float]],
        epochs: int,
        on_epoch: Callable[[], Any],
        curve: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.others, self.epochs, self.on_epoch = others, epochs, on_epoch
        self.curve = list(curve)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        self.on_epoch()
        if CURVE in logs:  # some losses have no accuracy per epoch: such trials are not stopped
            self.curve.append(float(logs[CURVE]))
        if epoch + 1 >= self.epochs or is_hopeless(self.curve, self.others):
            self.model.stop_training = True


def is_hopeless(curve: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    """The median stopping rule: whether a trial's best epoch is below the median of other trials.

    Source: Golovin et al. 2017, "Google Vizier", section 3.2.2. The median is that of the other
        trials'
    average accuracies up to this epoch; trials with fewer epochs are ignored.

    Args:
        curve: the trial's accuracy per epoch so far, in [0, 1].
        others: the curves of finished trials.

    Returns:
        Whether to stop. Never before `LEAST_EPOCHS`, nor with fewer than `LEAST_TRIALS` others.
    """
    reached = len(curve)
    if reached < LEAST_EPOCHS:
        return False
    averages = [np.mean(other[:reached]) for other in others if len(other) >= reached]
    return len(averages) >= LEAST_TRIALS and bool(max(curve) < np.median(averages))
