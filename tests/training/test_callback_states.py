"""What a recipe's callbacks remember is kept when a run is killed and resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import datasets, training
from maskedface.datasets import FaceIndex
from maskedface.recipes import Recipe
from maskedface.training import Run
from maskedface.training.callback_states import CallbackStates, pack, unpack

# No loss improves by that much: each callback's patience ends as soon as it may.
NEVER = {"monitor": "loss", "mode": "min", "min_delta": 1e3, "patience": 2}
STOPPING = keras.callbacks.EarlyStopping(**NEVER, restore_best_weights=True)
SLOWING = keras.callbacks.ReduceLROnPlateau(**NEVER, factor=0.5)
# The best weights are put back after the last epoch, too.
RESTORING = keras.callbacks.EarlyStopping("loss", mode="max", patience=9, restore_best_weights=True)


class Dead(keras.callbacks.Callback):
    """Ends the run after an epoch's state is saved."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.fixture
def train(drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path) -> Callable[..., Run]:
    def run(callback: keras.callbacks.Callback, run_dir: str, **arguments: Any) -> Run:
        recipe = Recipe(
            name="quick",
            epochs=5,
            batch_size=8,
            optimizer=keras.optimizers.Adam(1e-3),
            freeze_through="layer4",
            callbacks=[callback],
        )
        given = {"backbone": tiny_backbone, "cache": tmp_path / "cache", "progress": False}
        parts = datasets.split_by_image(drawn)
        return training.train(recipe, *parts, run_dir=tmp_path / run_dir, **given, **arguments)

    return run


def history(run: Run) -> str:
    return (Path(run.path) / "history.csv").read_text()


# Seven trainings each.
@pytest.mark.long
@pytest.mark.parametrize(
    ("callback", "last"),
    [(STOPPING, 2), pytest.param(SLOWING, 4, marks=pytest.mark.slow), (RESTORING, 4)],
    ids=["stopping", "slowing", "restoring"],
)
def test_a_run_killed_after_any_epoch_ends_as_one_that_was_not(
    train: Callable[..., Run], callback: keras.callbacks.Callback, last: int
) -> None:
    whole = train(callback, "whole")
    assert len(history(whole).splitlines()) == last + 2  # with the head
    for epoch in (0, last // 2, last):
        with pytest.raises(KeyboardInterrupt):
            train(callback, f"killed-{epoch}", callbacks=[Dead(epoch)])
        resumed = train(callback, f"killed-{epoch}")
        assert history(resumed) == history(whole)
        for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


# A training or more.
@pytest.mark.long
def test_one_that_a_callback_of_the_caller_ended_does_not_train_on(
    train: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, _: setattr(stop.model, "stop_training", epoch == 1)
    )

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("maskedface.training.experiment.finalize", killed)
        with pytest.raises(KeyboardInterrupt):
            train(SLOWING, "run", callbacks=[stop])
    assert len(history(train(SLOWING, "run")).splitlines()) == 3


class Own(keras.callbacks.Callback):
    """A callback of a user's own."""

    def __init__(self, limit: int = 3) -> None:
        super().__init__()
        self.limit = limit

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.seen: list[Any] = []
        self.file = open(__file__)  # noqa: SIM115
        self.place = "here"

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.file.close()


def begun(callback: keras.callbacks.Callback, kept: Any = ()) -> CallbackStates:
    states = CallbackStates([callback], kept)
    callback.on_train_begin()
    states.restore()
    return states


def test_what_changed_since_the_beginning_is_kept() -> None:
    callback = Own()
    states = begun(callback)
    callback.limit = 4  # its argument, which the recipe has
    callback.seen.append((1, np.float32(0.1), np.arange(2), {"a": None, 2: float("inf")}))
    callback.place = "here"
    (kept,) = states.read()
    callback.on_train_end()
    assert list(kept) == ["seen"]


def test_a_callback_goes_on_with_what_was_kept() -> None:
    resumed = Own()
    states = begun(resumed, [{"seen": [3]}])
    resumed.on_train_end()
    assert resumed.seen == [3] and states.read() == [{"seen": [3]}]


class Patient(keras.callbacks.EarlyStopping):
    """Keras turns the sign of `min_delta`, an argument of the base class, in the first epoch."""

    def __init__(self) -> None:
        super().__init__("loss", min_delta=0.5, patience=2, mode="min")


def test_arguments_of_a_base_class_are_set_anew() -> None:
    callback, resumed = Patient(), Patient()
    states = begun(callback)
    callback.on_epoch_end(0, {"loss": 1.0})
    begun(resumed, states.read())
    resumed.set_model(keras.Sequential())
    for epoch in (1, 2):  # neither is better by 0.5
        resumed.on_epoch_end(epoch, {"loss": 0.9})
    assert resumed.model.stop_training


def test_a_callback_may_say_itself_what_is_kept() -> None:
    class Telling(Own):
        def get_state(self) -> dict[str, Any]:
            return {"epochs": len(self.seen)}

        def set_state(self, state: dict[str, Any]) -> None:
            self.seen = [None] * state["epochs"]

    resumed = Telling()
    states = begun(resumed, [{"epochs": 2}])
    resumed.on_train_end()
    assert resumed.seen == [None, None] and states.read() == [{"epochs": 2}]


def test_a_state_of_other_values_is_refused() -> None:
    class Telling(Own):
        def get_state(self) -> object:
            return object()

    callback = Telling()
    states = begun(callback)
    callback.on_train_end()
    with pytest.raises(TypeError, match="state must have numbers, text, .* Received: object"):
        states.read()


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.1, "é", [1, (2.5, "a")], {"a": [], 2: {"b": ()}}, np.float32(0.1)],
    ids=str,
)
def test_values_come_back_as_they_were(value: Any) -> None:
    arrays: list[np.ndarray] = []
    back = unpack(pack(value, arrays), arrays)
    assert back == value and type(back) is type(value)


def test_arrays_come_back_as_they_were_and_can_be_changed() -> None:
    arrays: list[np.ndarray] = []
    packed = pack([np.arange(3, dtype="int8"), "between", np.eye(2)], arrays)
    first, _, last = unpack(packed, arrays)
    first[0] = 9
    assert first.dtype == "int8" and first.tolist() == [9, 1, 2]
    np.testing.assert_array_equal(last, np.eye(2))
