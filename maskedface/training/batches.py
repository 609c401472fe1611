"""The batches for `fit`, as functions of (seed, epoch, element): a data set or from arrays."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from maskedface.datasets import with_domain
from maskedface.datasets.epoch_plan import EpochPlan
from maskedface.models.predicting import batch_size_for
from maskedface.recipes import Recipe
from maskedface.training.data import Data
from maskedface.training.distribution import Devices, SplitBatches
from maskedface.training.feature_cache import Inputs


def make_batches(
    data: Data,
    inputs: Inputs,
    recipe: Recipe,
    devices: Devices,
    initial_epoch: int,
) -> tuple[Any, Any]:
    """The training batches of the remaining epochs, and the validation batches.

    Args:
        data: the faces.
        inputs: the network's inputs.
        recipe: the experiment.
        devices: the devices to train on.
        initial_epoch: int >= 0, the first remaining epoch.

    Returns:
        (a `tf.data.Dataset` whose iterations are consecutive epochs, or a `keras.utils.PyDataset`
        of all epochs; a `PyDataset`, or None if there are no validation rows).
    """
    # Keras' own `class_weight` would take labels with the domain beside them for one-hot ones.
    weights = _class_weight(data.plan.labels) if recipe.class_weight == "balanced" else None
    validation: Any = _validation(data, inputs, recipe.test_on)
    as_arrays = devices.strategy is not None or weights is not None
    is_plain = not (as_arrays or inputs.has_features or inputs.on_device)
    if is_plain and keras.backend.backend() == "tensorflow":
        from maskedface.datasets.tf_dataset import dataset_of

        return dataset_of(data.plan, data.train, recipe.batch_size, initial_epoch), validation
    batches: Any = TrainingBatches(
        inputs.train,
        data.plan,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        initial_epoch=initial_epoch,
        has_features=inputs.has_features,
        on_device=inputs.on_device,
    )
    if as_arrays:
        batches = SplitBatches(batches, devices, weights)
    if devices.strategy is not None:
        validation = validation and SplitBatches(validation, devices)
    return batches, validation


class TrainingBatches(keras.utils.PyDataset):
    """The training batches of the remaining epochs, one epoch after the other.

    Pass it to `fit` with `steps_per_epoch=batches.steps`. Each batch is a function of its number
    only, so batches can be requested in any order and from any thread.

    Args:
        inputs: array, shape (rows, height, width, 3), faces; or with `has_features` (rows, views,
            ...), activations of each face and, with flip augmentation, of its mirror image; or
            numbers in their place (`training.on_device`).
        plan: the order, augmentation and labels of each epoch.
        batch_size: int >= 1.
        epochs: int, the number of epochs of the whole run.
        initial_epoch: int >= 0, the first remaining epoch.
        has_features: bool, whether `inputs` are activations.
        on_device: bool, whether `inputs` are numbers; those of faces are followed by their draws.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        plan: EpochPlan,
        *,
        batch_size: int,
        epochs: int,
        initial_epoch: int = 0,
        has_features: bool = False,
        on_device: bool = False,
    ) -> None:
        super().__init__()
        self.inputs, self.plan = inputs, plan
        self.has_features, self.on_device = has_features, on_device
        self.batch_size, self.epochs, self.initial_epoch = batch_size, epochs, initial_epoch
        self.steps = -(-len(plan.labels) // batch_size)
        self._elements: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return self.steps * (self.epochs - self.initial_epoch)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        past, step = divmod(number, self.steps)
        epoch, plan = self.initial_epoch + past, self.plan
        elements = self._elements_of(epoch)[step * self.batch_size : (step + 1) * self.batch_size]
        rows, draws = plan.rows(elements), plan.draws(elements, epoch)
        if self.has_features:
            inputs = self.inputs[rows, plan.augmentation.mirrored(draws).astype(int)]
        elif self.on_device:
            inputs = np.concatenate([self.inputs[rows, :1], draws], axis=1)
        else:
            inputs = plan.images(self.inputs[rows], draws, epoch, step)
        return inputs, plan.targets(elements, draws)

    def _elements_of(self, epoch: int) -> np.ndarray:
        if self._elements is None or self._elements[0] != epoch:
            self._elements = epoch, self.plan.elements(epoch)
        return self._elements[1]


class RowBatches(keras.utils.PyDataset):
    """Some rows of an array, in order, for validation.

    Args:
        inputs: array, shape (rows, ...).
        labels: int array, shape (rows,), or with domains (rows, people + 1).
        chosen: int array, the rows to use.
        batch_size: int >= 1.
    """

    def __init__(
        self, inputs: np.ndarray, labels: np.ndarray, chosen: np.ndarray, batch_size: int = 64
    ) -> None:
        super().__init__()
        self.inputs, self.labels, self.chosen = inputs, labels, chosen
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.chosen) // self.batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.chosen[number * self.batch_size : (number + 1) * self.batch_size]
        return self.inputs[rows], self.labels[rows]


def _validation(data: Data, inputs: Inputs, domain: str) -> RowBatches | None:
    rows = data.rows
    chosen = rows.shown_in_curves(domain)
    if not len(chosen):
        return None
    labels = rows.test.labels(rows.train.people)
    if data.plan.with_domains:
        masked = rows.test.masked
        labels = with_domain(labels, masked, len(rows.train.people))
    size = batch_size_for(inputs.learner) if inputs.on_device else 64
    return RowBatches(inputs.test, labels, chosen, size)


def _class_weight(labels: np.ndarray) -> dict[int, float]:
    counts = np.bincount(labels)
    return {label: len(labels) / (len(counts) * count) for label, count in enumerate(counts)}
