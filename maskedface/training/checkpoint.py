"""The state of a run after each epoch, from which it goes on with the same bits.

Keras' own means are not exact: BackupAndRestore and a reloaded `.keras` lose the dropout seeds. A
fresh build with every variable that training changes assigned is, since order and flips depend on
(seed, epoch) alone.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
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
    """Writes state.npz and history.csv after each epoch, each by way of a temporary file.

    Args:
        folder: the run folder.
        history: list of {column: value}, one an epoch so far; epochs are appended to it.
        variables: what training changes: of the part that learns, and of its optimizer.
    """

    def __init__(
        self, folder: str, history: list[dict[str, float]], variables: Sequence[keras.Variable]
    ) -> None:
        super().__init__()
        self.folder, self.history, self.variables = folder, history, variables

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the state, unless the network has come to nothing.

        Raises:
            ValueError: if a logged number is not finite; the state of the epoch before stays.
        """
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        values = {name: float(value) for name, value in (logs or {}).items()}
        if not all(map(math.isfinite, values.values())):
            raise ValueError(
                "losses must stay numbers: a lower learning_rate may help. "
                f"Received: {values} in epoch {epoch}, learning_rate={rate:g}"
            )
        self.history.append({"epoch": epoch, **values, "learning_rate": rate})
        _write_state(self.folder, self.variables, self.history)
        write_history(self.folder, self.history)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Keeps that a callback has ended the training, and what it did to the weights then, as
        `EarlyStopping` does; else a run that goes on would train on."""
        if self.history and len(self.history) < self.params["epochs"]:
            _write_state(self.folder, self.variables, self.history)
            write_text(os.path.join(self.folder, STOPPED), "")


def has_ended(folder: str, history: Sequence[object], epochs: int) -> bool:
    """Whether there is nothing more to train.

    Args:
        folder: the run folder.
        history: one entry a finished epoch.
        epochs: int >= 0, of the whole run.
    """
    return len(history) >= epochs or os.path.exists(os.path.join(folder, STOPPED))


def read_state(folder: str, variables: Sequence[keras.Variable]) -> list[dict[str, float]]:
    """Puts a model back where its run stood.

    Args:
        folder: the run folder.
        variables: as `KeepState` had them, of a model built and compiled as at the start of the run;
            changed in place.

    Returns:
        The history so far, one entry a finished epoch; [] if there is no state.

    Raises:
        ValueError: if the state is of another model, or damaged.
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
            "a run's state must be whole; without it (delete it) the run begins anew. "
            f"Received: {path!r} ({error})"
        ) from error
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise ValueError(f"{path!r} must be the state of this very model. Received: another's")
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
    """Writes history.csv from the entries, one row an epoch."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]) if history else ["epoch"])
    writer.writeheader()
    writer.writerows(history)
    write_text(os.path.join(folder, HISTORY), text.getvalue())
