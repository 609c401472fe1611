"""The epochs still to come of a run, and what they read."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from maskedface.datasets import EpochPlan, FaceIndex, with_domain
from maskedface.recipes import Recipe
from maskedface.training.batches import RowBatches, TrainingBatches
from maskedface.training.compiling import compile_model
from maskedface.training.devices import Devices, SplitBatches, synchronised_batch_norm
from maskedface.training.inputs import Inputs
from maskedface.training.releasing import released_memory
from maskedface.training.checkpoint import KeepState, read_state, write_history


def fit(
    inputs: Inputs,
    plan: EpochPlan,
    recipe: Recipe,
    train: FaceIndex,
    test: FaceIndex,
    folder: str,
    callbacks: Sequence[keras.callbacks.Callback],
    devices: Devices,
    progress: bool,
) -> None:
    """Trains the epochs that the folder's state does not hold yet, keeping the state of each.

    Args:
        inputs: what to train, on what.
        plan: what each epoch shows of the training faces.
        recipe: the experiment.
        train, test: the rows; the curves show the test rows of the recipe's `test_on` domain.
        folder: the run's.
        callbacks: called after an epoch's state is kept.
        devices: what to train on.
        progress: whether to draw progress bars.

    Raises:
        ValueError: if the folder's state is not of this network.
        OSError: if the disk is full.
    """
    learner = inputs.learner
    steps = -(-len(train) // recipe.batch_size)
    compile_model(learner, recipe, steps)
    changing = [*inputs.changing, *learner.optimizer.variables]
    history = read_state(folder, changing)
    if len(history) < recipe.epochs:
        # Keras' own `class_weight` would take labels with the domain beside them for one-hot ones.
        weights = _class_weight(train) if recipe.class_weight == "balanced" else None
        arrays = devices.strategy is not None or weights is not None
        batches = _training_batches(inputs, plan, recipe, train, len(history), arrays)
        validation: Any = _validation(inputs, recipe, train, test)
        if arrays:
            batches = SplitBatches(batches, devices, weights)
        if devices.strategy is not None:
            validation = validation and SplitBatches(validation, devices)
        with released_memory(), synchronised_batch_norm(learner, devices):
            learner.fit(
                batches,
                initial_epoch=len(history),
                epochs=recipe.epochs,
                steps_per_epoch=steps,
                validation_data=validation,
                callbacks=[KeepState(folder, history, changing), *_tensorboard(folder), *callbacks],
                shuffle=False,  # the batches have their order
                verbose=_verbosity() if progress else 0,
            )
    write_history(folder, history)


def _verbosity() -> int:
    """Keras' bar on a terminal and in a notebook; in a file or pipe one line an epoch."""
    return 1 if sys.stdout.isatty() or "ipykernel" in sys.modules else 2


def _validation(
    inputs: Inputs, recipe: Recipe, train: FaceIndex, test: FaceIndex
) -> RowBatches | None:
    """The test rows of the domain that the curves show; none where other people are in them."""
    chosen = np.flatnonzero([face.domain == recipe.test_on for face in test.faces])
    if not len(chosen) or not set(test.people) <= set(train.people):
        return None
    labels = test.labels(train.people)
    if recipe.wants_domains:
        masked = np.array([face.domain == "masked" for face in test.faces])
        labels = with_domain(labels, masked, len(train.people))
    return RowBatches(inputs.test, labels, chosen)


def _training_batches(
    inputs: Inputs,
    plan: EpochPlan,
    recipe: Recipe,
    train: FaceIndex,
    initial_epoch: int,
    arrays: bool,
) -> Any:
    if arrays or inputs.views is not None or keras.backend.backend() != "tensorflow":
        return TrainingBatches(
            inputs.train,
            plan,
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            initial_epoch=initial_epoch,
            views=inputs.views,
        )
    from maskedface.datasets import as_tf_dataset

    return as_tf_dataset(
        train,
        image_size=inputs.train.shape[1],
        batch_size=recipe.batch_size,
        sampling=plan.sampling,
        flip=plan.flip,
        masks=plan.masks,
        augment=plan.augment,
        with_domains=plan.with_domains,
        seed=plan.seed,
        initial_epoch=initial_epoch,
        cache=inputs.train,
    )


def _class_weight(train: FaceIndex) -> dict[int, float]:
    counts = np.bincount(train.labels())
    return {label: len(train) / (len(counts) * count) for label, count in enumerate(counts)}


def _tensorboard(folder: str) -> list[keras.callbacks.Callback]:
    if keras.backend.backend() != "tensorflow":
        return []  # Keras' callback writes through TensorFlow
    logs = os.path.join(folder, "tensorboard")
    return [keras.callbacks.TensorBoard(logs, write_graph=False)]
