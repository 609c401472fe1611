from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface.training.run import read_history
from maskedface.tuning.early_stopping import TrialStopping, is_hopeless

OTHERS = [[0.4, 0.6, 0.7]] * 3 + [[0.2, 0.3, 0.3]] * 2  # averages to epoch 2: .5, .5, .5, .25, .25


@pytest.mark.parametrize(
    ("curve", "others", "hopeless"),
    [
        ([0.3, 0.49], OTHERS, True),
        ([0.5, 0.1], OTHERS, False),  # its best epoch counts
        ([0.3], OTHERS, False),  # too early
        ([0.3, 0.3], OTHERS[:4], False),  # too few others
        ([0.0, 0.0, 0.0, 0.0], OTHERS, False),  # no other came so far
    ],
)
def test_the_median_rule(curve: list[float], others: list[list[float]], hopeless: bool) -> None:
    assert is_hopeless(curve, others) is hopeless


def fitted(watch: TrialStopping, rate: float = 0.0) -> int:
    """The epochs that a model of constant accuracy ran."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss, metrics=["accuracy"], jit_compile=False)
    inputs, labels = np.ones((4, 2)), np.array([0, 1, 0, 1])
    history = model.fit(
        inputs, labels, epochs=6, validation_data=(inputs, labels), callbacks=[watch], verbose=0
    )
    return len(history.history["loss"])


# Several trainings.
@pytest.mark.long
def test_a_hopeless_run_ends_and_another_does_not() -> None:
    heard: list[int] = []
    assert fitted(TrialStopping([[0.9] * 6] * 5, 6, lambda: heard.append(1))) == 2
    assert len(heard) == 2
    assert fitted(TrialStopping([[0.1] * 6] * 5, 6, lambda: None)) == 6
    # One that goes on after a kill is judged by all its epochs.
    assert fitted(TrialStopping([[0.9] * 6] * 5, 6, lambda: None, [0.95])) == 6
    assert fitted(TrialStopping([[0.9] * 6] * 5, 6, lambda: None, [0.3])) == 1


# Several trainings.
@pytest.mark.long
def test_a_run_ends_after_its_epochs() -> None:
    assert fitted(TrialStopping([], 3, lambda: None)) == 3


def test_a_loss_without_accuracies_is_never_hopeless_and_ends_after_its_epochs() -> None:
    watch = TrialStopping([[0.9] * 6] * 5, 4, lambda: None)
    watch.set_model(keras.Sequential())
    watch.model.stop_training = False
    for epoch, ended in enumerate((False, False, False, True)):
        watch.on_epoch_end(epoch, {"loss": 1.0})
        assert watch.model.stop_training is ended


def test_a_history_is_read_with_and_without_accuracies(tmp_path: Path) -> None:
    assert read_history(tmp_path) == {}
    (tmp_path / "history.csv").write_text("epoch,val_accuracy\n0,0.25\n1,0.5\n")
    assert read_history(tmp_path) == {"epoch": [0, 1], "val_accuracy": [0.25, 0.5]}
    (tmp_path / "history.csv").write_text("epoch,loss,val_accuracy\n0,0.25,\n")
    assert read_history(tmp_path) == {"epoch": [0], "loss": [0.25]}
