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
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from maskedface.array_file import DamagedError, read_arrays
from maskedface.atomic_file import atomic_write, write_text
from maskedface.training.callback_states import CallbackStates, pack, unpack
from maskedface.training.run import HISTORY

STATE = "state.npz"


@dataclass
class State:
    """The state of a run after an epoch, beside the model's variables.

    Attributes:
        history: list of {column: value}, one per finished epoch.
        is_stopped: bool, whether a callback ended the training with this epoch.
        callbacks: the states of the recipe's callbacks (`CallbackStates`).
    """

    history: list[dict[str, float]] = field(default_factory=list)
    is_stopped: bool = False
    callbacks: list[dict[str, Any]] = field(default_factory=list)


class KeepState(keras.callbacks.Callback):
    """A callback that writes state.npz and history.csv after epochs, each atomically.

    It comes after the recipe's callbacks, whose changes are thereby in the state of their epoch.

    Args:
        folder: the run folder.
        state: the state so far; each epoch updates it.
        variables: the variables that training changes, including the optimizer's.
        own: the recipe's callbacks, which continue with the states in `state`.
        apart: float >= 0, the least seconds between two states: 0 = each epoch's is written. That
            of the last epoch always is.
    """

    def __init__(
        self,
        folder: str,
        state: State,
        variables: Sequence[keras.Variable],
        own: Sequence[keras.callbacks.Callback] = (),
        apart: float = 0.0,
    ) -> None:
        super().__init__()
        self.folder, self.state, self.variables = folder, state, variables
        self.own = CallbackStates(own, state.callbacks)
        self.apart, self._written = apart, time.monotonic()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restores the recipe's callbacks, which have just reset themselves."""
        self.own.restore()

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
        self.state.history.append({"epoch": epoch, **values, "learning_rate": rate})
        self.state.callbacks = self.own.read()
        self.state.is_stopped = bool(self.model.stop_training)
        is_last = self.state.is_stopped or epoch + 1 == self.params["epochs"]
        if is_last or time.monotonic() - self._written >= self.apart:
            write_state(self.folder, self.variables, self.state)
            write_history(self.folder, self.state.history)
            self._written = time.monotonic()


class KeepStop(keras.callbacks.Callback):
    """A callback, the last one, that records that another one behind `KeepState` has ended the
    training; otherwise a resumed run would train on.

    Args:
        keep: the run's `KeepState`.
    """

    def __init__(self, keep: KeepState) -> None:
        super().__init__()
        self.keep = keep

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the epoch's state again, if training ends before its last epoch."""
        state = self.keep.state
        is_last = len(state.history) >= self.params["epochs"]
        if self.model.stop_training and not state.is_stopped and not is_last:
            state.is_stopped = True
            write_state(self.keep.folder, self.keep.variables, state)


def read_state(folder: str, variables: Sequence[keras.Variable]) -> State:
    """Restores a model to the last saved state of its run.

    Args:
        folder: the run folder.
        variables: as for `KeepState`, of a model built and compiled as at the start of the run;
            modified in place.

    Returns:
        The state; one without epochs if there is no file.

    Raises:
        ValueError: if the state belongs to another model or is damaged.
    """
    path = os.path.join(folder, STATE)
    if not os.path.exists(path):
        return State()
    try:
        stored = read_arrays(path)
        history = json.loads(str(stored.pop("history")))
        more = json.loads(str(stored.pop("callbacks", "{}")))
        arrays = [stored.pop(f"callback{number}") for number in range(more.get("arrays", 0))]
        states = unpack(more["states"], arrays) if more else []
        state = State(history, bool(more.get("is_stopped")), states)
        arrays = [stored[f"variable{number}"] for number in range(len(stored))]
    except (DamagedError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            "a run's state must be complete; delete it to restart the run from the beginning. "
            f"Received: {path!r} ({error})"
        ) from error
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise ValueError(f"{path!r} must be the state of this model. Received: another model's")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return state


def write_state(folder: str, variables: Sequence[keras.Variable], state: State) -> None:
    """Writes state.npz.

    Args:
        folder: the run folder.
        variables: as for `KeepState`.
        state: the state after the last epoch.

    Raises:
        OSError: if it cannot be written; the file of before is kept.
    """
    arrays = {
        f"variable{number}": keras.ops.convert_to_numpy(variable)
        for number, variable in enumerate(variables)
    }
    own: list[np.ndarray] = []
    more = {"is_stopped": state.is_stopped, "states": pack(state.callbacks, own)}
    texts = {
        "history": json.dumps(state.history),
        "callbacks": json.dumps({**more, "arrays": len(own)}),
    }
    arrays |= {name: np.array(text) for name, text in texts.items()}
    arrays |= {f"callback{number}": array for number, array in enumerate(own)}
    with atomic_write(os.path.join(folder, STATE)) as partial:
        np.savez(partial, **arrays)


def write_history(folder: str, history: list[dict[str, float]]) -> None:
    """Writes history.csv from the entries, one row per epoch."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]) if history else ["epoch"])
    writer.writeheader()
    writer.writerows(history)
    write_text(os.path.join(folder, HISTORY), text.getvalue())
