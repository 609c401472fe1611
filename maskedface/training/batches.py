"""What `fit` reads: batches by (seed, epoch, element), out of arrays, on any Keras backend."""

from __future__ import annotations

import keras
import numpy as np

from maskedface.datasets import order
from maskedface.recipes import Recipe


class TrainingBatches(keras.utils.PyDataset):
    """The training batches of the epochs still to come, one epoch after the other.

    Give it to `fit` with `steps_per_epoch=batches.steps`. Each batch is a function of its number
    alone, so it does not matter who asks for it when.

    Args:
        inputs: array, shape (rows, height, width, 3), faces to mirror here; or with `has_views`
            (rows, views, ...), of which view 1 is the mirrored one.
        labels: int array, shape (rows,).
        recipe: the experiment: batch size, order, flips, epochs.
        seed: int >= 0.
        initial_epoch: int >= 0, the number of the first epoch.
        has_views: whether `inputs` holds views.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        labels: np.ndarray,
        recipe: Recipe,
        *,
        seed: int,
        initial_epoch: int = 0,
        has_views: bool = False,
    ) -> None:
        super().__init__()
        self.inputs, self.labels, self.recipe = inputs, labels, recipe
        self.seed, self.initial_epoch, self.has_views = seed, initial_epoch, has_views
        self.steps = -(-len(labels) // recipe.batch_size)
        self._planned: tuple[int, tuple[np.ndarray, np.ndarray]] | None = None

    def __len__(self) -> int:
        return self.steps * (self.recipe.epochs - self.initial_epoch)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        epoch, step = divmod(number, self.steps)
        rows, mirrored = self._plan(self.initial_epoch + epoch)
        part = slice(step * self.recipe.batch_size, (step + 1) * self.recipe.batch_size)
        rows, mirrored = rows[part], mirrored[part]
        if self.has_views:
            return self.inputs[rows, mirrored.astype(int)], self.labels[rows]
        return order.mirror(self.inputs[rows], mirrored), self.labels[rows]

    def _plan(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        if self._planned is None or self._planned[0] != epoch:
            balance, flip = self.recipe.sampling == "balanced", self.recipe.flip
            plan = order.plan(self.labels, self.seed, epoch, balance=balance, flip=flip)
            self._planned = epoch, plan
        return self._planned[1]


class RowBatches(keras.utils.PyDataset):
    """Some rows of an array in their order, for validation.

    Args:
        inputs: array, shape (rows, ...).
        labels: int array, shape (rows,).
        chosen: int array, the rows to give.
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
