"""What `fit` reads: batches by (seed, epoch, element), out of arrays, on any Keras backend."""

from __future__ import annotations

import keras
import numpy as np

from maskedface.datasets import EpochPlan
from maskedface.masking import RandomMask
from maskedface.recipes import Recipe
from maskedface.training.frozen_features import Views


def plan_of(
    recipe: Recipe,
    labels: np.ndarray,
    masked: np.ndarray,
    *,
    seed: int,
    alignment: str,
    size: int,
) -> EpochPlan:
    """What a recipe shows of the training faces in each epoch.

    Args:
        recipe: the experiment.
        labels: int array, shape (rows,).
        masked: bool array, shape (rows,): which faces wear a mask.
        seed: int >= 0, the run's.
        alignment, size: alignment and size in pixels of the faces, for the masks drawn on them.

    Returns:
        The plan.
    """
    masks = None
    if recipe.mask_probability and recipe.epochs and not masked.all():
        masks = RandomMask(
            recipe.mask_probability,
            seed=seed,
            alignment=alignment,
            size=size,
            fixed=recipe.mask_views,
        )
    return EpochPlan(
        labels=labels,
        masked=masked,
        seed=seed,
        sampling=recipe.sampling,
        flip=recipe.flip,
        masks=masks,
        augment=recipe.augment,
        with_domains=recipe.wants_domains,
    )


class TrainingBatches(keras.utils.PyDataset):
    """The training batches of the epochs still to come, one epoch after the other.

    Give it to `fit` with `steps_per_epoch=batches.steps`. Each batch is a function of its number
    alone, so it does not matter who asks for it when.

    Args:
        inputs: array, shape (rows, height, width, 3), faces; or with `views` (rows, views, ...),
            activations.
        plan: what each epoch shows.
        batch_size: int >= 1.
        epochs: int, how many the whole run has.
        initial_epoch: int >= 0, the number of the first that is still to come.
        views: what `inputs` holds of each face, or None for the face itself.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        plan: EpochPlan,
        *,
        batch_size: int,
        epochs: int,
        initial_epoch: int = 0,
        views: Views | None = None,
    ) -> None:
        super().__init__()
        self.inputs, self.plan, self.views = inputs, plan, views
        self.batch_size, self.epochs, self.initial_epoch = batch_size, epochs, initial_epoch
        self.steps = -(-len(plan.labels) // batch_size)
        self._elements: tuple[int, tuple[np.ndarray, np.ndarray]] | None = None

    def __len__(self) -> int:
        return self.steps * (self.epochs - self.initial_epoch)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        past, step = divmod(number, self.steps)
        epoch = self.initial_epoch + past
        part = slice(step * self.batch_size, (step + 1) * self.batch_size)
        elements, mirrored = (array[part] for array in self._elements_of(epoch))
        rows = self.plan.rows(elements)
        if self.views is None:
            inputs = self.plan.images(self.inputs[rows], elements, mirrored, epoch)
        else:
            column = self.views.column(self.plan.views(elements, epoch), mirrored)
            inputs = self.inputs[rows, column]
        return inputs, self.plan.targets(elements, epoch)

    def _elements_of(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        if self._elements is None or self._elements[0] != epoch:
            self._elements = epoch, self.plan.elements(epoch)
        return self._elements[1]


class RowBatches(keras.utils.PyDataset):
    """Some rows of an array in their order, for validation.

    Args:
        inputs: array, shape (rows, ...).
        labels: int array, shape (rows,), or with the domain (rows, people + 1).
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
