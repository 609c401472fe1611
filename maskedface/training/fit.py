"""Trains the remaining epochs of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import keras

from maskedface.models.heads import cosine_head
from maskedface.progress import in_notebook
from maskedface.training.batches import make_batches
from maskedface.training.checkpoint import KeepState, KeepStop, read_state, write_history
from maskedface.training.data import Data
from maskedface.training.distribution import Devices, synchronized_batch_norm
from maskedface.training.environment import released_memory
from maskedface.training.epoch_lines import EpochLines
from maskedface.training.expected_time import ExpectedTime
from maskedface.training.feature_cache import Inputs
from maskedface.training.many_steps import steps_together
from maskedface.training.means import class_means
from maskedface.training.network import Network, compile_network

# Seconds, on a GPU, where an epoch may take less time than writing its state.
_BETWEEN_STATES = 10.0


def fit(
    network: Network,
    data: Data,
    inputs: Inputs,
    folder: str,
    callbacks: Sequence[keras.callbacks.Callback],
    devices: Devices,
    progress: bool,
) -> None:
    """Trains the remaining epochs after the state in the run folder, saving the state after each,
    or on a GPU at most every ten seconds.

    Args:
        network: the network to train.
        data: the faces; the test rows of the recipe's `test_on` domain are used for validation.
        inputs: the network's inputs.
        folder: the run folder.
        callbacks: called after an epoch's state is saved; the recipe's own are called before. One
            with a true attribute `reads_state` finds each epoch's state in the folder.
        devices: the devices to train on.
        progress: whether to show progress bars.

    Raises:
        ValueError: if the folder's state belongs to another network.
        OSError: if the disk is full.
    """
    recipe, learner = network.recipe, inputs.learner
    if recipe.head_init == "class_means" and not network.has_start:
        _start_from_means(network, data, inputs)
    steps = -(-len(inputs.train) // recipe.batch_size)
    own = [callback.build() for callback in recipe.callbacks]
    together = steps_together(steps, [*own, *callbacks]) if inputs.on_device else 1
    compile_network(learner, network, steps, together)
    changing = [*inputs.changing, *learner.optimizer.variables]
    state = read_state(folder, changing)
    done = len(state.history)
    # A run that was killed after its last epoch has none to train, but its callbacks, and averaged
    # weights (`use_ema`), may change its weights at the end.
    epochs = done if state.is_stopped else recipe.epochs
    if epochs:
        # Keras looks at a batch even if there is none to train.
        first = min(done, recipe.epochs - 1)
        batches, validation = make_batches(data, inputs, recipe, devices, first)
        keep = KeepState(folder, state, changing, own, _between_states(inputs, callbacks))
        with released_memory(), synchronized_batch_norm(learner, devices):
            learner.fit(
                batches,
                initial_epoch=done,
                epochs=epochs,
                steps_per_epoch=steps,
                validation_data=validation,
                callbacks=[
                    *own,  # first: what they change of an epoch is in its state
                    keep,
                    *_tensorboard(folder),
                    *([EpochLines(recipe.epochs)] if progress and not _is_watched() else []),
                    ExpectedTime(epochs - done, steps),
                    *callbacks,
                    KeepStop(keep),
                ],
                shuffle=False,  # the batches are in the order of the epoch
                verbose=int(progress and _is_watched()),
            )
    write_history(folder, state.history)


def _between_states(inputs: Inputs, callbacks: Sequence[keras.callbacks.Callback]) -> float:
    each = any(getattr(callback, "reads_state", False) for callback in callbacks)
    return _BETWEEN_STATES if inputs.on_device and not each else 0.0


def _start_from_means(network: Network, data: Data, inputs: Inputs) -> None:
    means = class_means(inputs.embeddings(inputs.train), data.plan.labels)
    head = cosine_head(network.learner)
    assert head is not None  # checked by `network_of`
    head.set_centers(means)


def _is_watched() -> bool:
    """Whether Keras' progress bar can be shown: on a terminal or in a notebook, not in a file or
    pipe."""
    return in_notebook() or (sys.stdout is not None and sys.stdout.isatty())


def _tensorboard(folder: str) -> list[keras.callbacks.Callback]:
    if keras.backend.backend() != "tensorflow":
        return []  # Keras' callback writes through TensorFlow
    logs = os.path.join(folder, "tensorboard")
    return [keras.callbacks.TensorBoard(logs, write_graph=False)]
