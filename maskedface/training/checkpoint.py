"""The state of a run after each epoch, from which it resumes bit for bit.

Keras' own checkpoints are not exact: BackupAndRestore and a reloaded `.keras` file lose the dropout
seeds. Building the model again and assigning every variable that training changes is exact, since
order and augmentation depend only on (seed, epoch).
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from maskedface.array_file import DamagedError, read_arrays
from maskedface.atomic_file import atomic_write, write_text
from maskedface.training.run import HISTORY

STATE = "state.npz"
STOPPED = "stopped"  # an empty file: a callback ended the training before its last epoch


class KeepState(keras.callbacks.Callback):
    """A callback that writes state.npz and history.csv after epochs, each atomically.

    Args:
        folder: the run folder.
        history: list of {column: value}, one per finished epoch; new epochs are appended.
        variables: the variables that training changes, including the optimizer's.
        apart: float >= 0, the least seconds between two states: 0 = each epoch's is written. That
            of the last epoch always is.
    """

    def __init__(
        self,
        folder: str,
        history: list[dict[str, float]],
        variables: Sequence[keras.Variable],
        apart: float = 0.0,
    ) -> None:
        super().__init__()
        self.folder, self.history, self.variables = folder, history, variables
        self.apart, self._written = apart, time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the state if it is due, unless training has diverged.

        Raises:
            ValueError: if a logged value is not finite; the state of the previous epoch is kept.
        """
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        values = {name: float(value) for name, value in (logs or {}).items()}
        if not all(map(math.isfinite, values.values())):
            raise ValueError(
                "losses must stay finite: try a lower learning_rate. "
                f"Received: {values} in epoch {epoch}, learning_rate={rate:g}"
            )
        self.history.append({"epoch": epoch, **values, "learning_rate": rate})
        is_last = epoch + 1 == self.params["epochs"]
        if is_last or time.monotonic() - self._written >= self.apart:
            _write_state(self.folder, self.variables, self.history)
            write_history(self.folder, self.history)
            self._written = time.monotonic()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Records that a callback stopped the training, and the weights it restored, as
        `EarlyStopping` does; otherwise a resumed run would continue training."""
        if self.history and len(self.history) < self.params["epochs"]:
            _write_state(self.folder, self.variables, self.history)
            write_text(os.path.join(self.folder, STOPPED), "")


def has_ended(folder: str, history: Sequence[object], epochs: int) -> bool:
    """Whether training has finished.

    Args:
        folder: the run folder.
        history: one entry per finished epoch.
        epochs: int >= 0, the number of epochs of the whole run.
    """
    return len(history) >= epochs or os.path.exists(os.path.join(folder, STOPPED))


def read_state(folder: str, variables: Sequence[keras.Variable]) -> list[dict[str, float]]:
    """Restores a model to the last saved state of its run.

    Args:
        folder: the run folder.
        variables: as for `KeepState`, of a model built and compiled as at the start of the run;
            modified in place.

    Returns:
        The history so far, one entry per finished epoch; [] if there is no state.

    Raises:
        ValueError: if the state belongs to another model or is damaged.
    """
    path = os.path.join(folder, STATE)
    if not os.path.exists(path):
        return []
    try:
        stored = read_arrays(path)
        history: list[dict[str, float]] = json.loads(str(stored.pop("history")))
        arrays = [stored[f"variable{number}"] for number in range(len(stored))]
    except (DamagedError, KeyError, ValueError) as error:
        raise ValueError(
            "a run's state must be complete; delete it to restart the run from the beginning. "
            f"Received: {path!r} ({error})"
        ) from error
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise ValueError(f"{path!r} must be the state of this model. Received: another model's")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return history


def _write_state(
    folder: str, variables: Sequence[keras.Variable], history: list[dict[str, float]]
) -> None:
    arrays = {
        f"variable{number}": keras.ops.convert_to_numpy(variable)
        for number, variable in enumerate(variables)
    }
    with atomic_write(os.path.join(folder, STATE)) as partial:
        np.savez(partial, history=np.array(json.dumps(history)), **arrays)


def write_history(folder: str, history: list[dict[str, float]]) -> None:
    """Writes history.csv from the entries, one row per epoch."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]) if history else ["epoch"])
    writer.writeheader()
    writer.writerows(history)
    write_text(os.path.join(folder, HISTORY), text.getvalue())
