"""Ends a trial early: after its epochs, or when it is hopeless beside the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

CURVE = "val_accuracy"  # the column of history.csv that trials are compared by
LEAST_TRIALS = 5  # finished trials that the median rule waits for
LEAST_EPOCHS = 2  # and epochs of the trial itself: the first says little


class TrialStopping(keras.callbacks.Callback):
    """Ends a run that is hopeless, or that has had its epochs.

    Args:
        others: the curves of finished trials, for `is_hopeless`; none to stop no trial by them.
        epochs: int, the epochs after which to stop; Hyperband's trials have fewer than their recipe.
        on_epoch: called after each epoch, so that a chief hears that the worker lives.
        curve: the accuracies of the epochs that a killed process had run already.
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
        if CURVE in logs:  # of some losses no epoch has one: such trials are not stopped
            self.curve.append(float(logs[CURVE]))
        if epoch + 1 >= self.epochs or is_hopeless(self.curve, self.others):
            self.model.stop_training = True


def is_hopeless(curve: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    """The median rule: a trial whose best epoch is worse than the other trials' median average.

    Source: Golovin et al. 2017, "Google Vizier", section 3.2.2. The average is over the other trial's
    epochs up to this one; trials that never came so far do not count.

    Args:
        curve: the trial's accuracy an epoch so far, in [0, 1].
        others: those of finished trials.

    Returns:
        Whether to stop. Never before `LEAST_EPOCHS`, nor with fewer than `LEAST_TRIALS` others.
    """
    reached = len(curve)
    if reached < LEAST_EPOCHS:
        return False
    averages = [np.mean(other[:reached]) for other in others if len(other) >= reached]
    return len(averages) >= LEAST_TRIALS and bool(max(curve) < np.median(averages))
