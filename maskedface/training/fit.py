"""The epochs still to come of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from maskedface.datasets import FaceIndex
from maskedface.training.checkpoint import KeepState, read_state, write_history
from maskedface.training.data import Data, training_batches, validation_batches
from maskedface.training.distribution import Devices, SplitBatches, synchronized_batch_norm
from maskedface.training.environment import released_memory
from maskedface.training.feature_cache import Inputs
from maskedface.training.network import Network, compile_network


def fit(
    network: Network,
    data: Data,
    inputs: Inputs,
    folder: str,
    callbacks: Sequence[keras.callbacks.Callback],
    devices: Devices,
    progress: bool,
) -> None:
    """Trains the epochs that the folder's state does not hold yet, keeping the state of each.

    Args:
        network: what is trained.
        data: the faces; the curves show the test rows of the recipe's `test_on` domain.
        inputs: what the network reads.
        folder: the run's.
        callbacks: called after an epoch's state is kept, after those of the recipe.
        devices: what to train on.
        progress: whether to draw progress bars.

    Raises:
        ValueError: if the folder's state is not of this network.
        OSError: if the disk is full.
    """
    recipe, learner = network.recipe, inputs.learner
    steps = -(-len(inputs.train) // recipe.batch_size)
    compile_network(learner, network, steps)
    changing = [*inputs.changing, *learner.optimizer.variables]
    history = read_state(folder, changing)
    if len(history) < recipe.epochs:
        # Keras' own `class_weight` would take labels with the domain beside them for one-hot ones.
        weights = _class_weight(data.rows.train) if recipe.class_weight == "balanced" else None
        as_arrays = devices.strategy is not None or weights is not None
        batches = training_batches(
            data,
            inputs.train,
            recipe.batch_size,
            epochs=recipe.epochs,
            initial_epoch=len(history),
            as_arrays=as_arrays,
        )
        validation: Any = validation_batches(data, inputs.test, recipe.test_on)
        if as_arrays:
            batches = SplitBatches(batches, devices, weights)
        if devices.strategy is not None:
            validation = validation and SplitBatches(validation, devices)
        own = [callback.build() for callback in recipe.callbacks]
        with released_memory(), synchronized_batch_norm(learner, devices):
            learner.fit(
                batches,
                initial_epoch=len(history),
                epochs=recipe.epochs,
                steps_per_epoch=steps,
                validation_data=validation,
                callbacks=[
                    KeepState(folder, history, changing),
                    *_tensorboard(folder),
                    *own,
                    *callbacks,
                ],
                shuffle=False,  # the batches have their order
                verbose=_verbosity() if progress else 0,
            )
    write_history(folder, history)


def _verbosity() -> int:
    """Keras' bar on a terminal and in a notebook; in a file or pipe one line an epoch."""
    return 1 if sys.stdout.isatty() or "ipykernel" in sys.modules else 2


def _class_weight(train: FaceIndex) -> dict[int, float]:
    counts = np.bincount(train.labels())
    return {label: len(train) / (len(counts) * count) for label, count in enumerate(counts)}


def _tensorboard(folder: str) -> list[keras.callbacks.Callback]:
    if keras.backend.backend() != "tensorflow":
        return []  # Keras' callback writes through TensorFlow
    logs = os.path.join(folder, "tensorboard")
    return [keras.callbacks.TensorBoard(logs, write_graph=False)]
