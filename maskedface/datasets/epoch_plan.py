"""The order, augmentation and labels of each training epoch, shared by all readers of the faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from maskedface.datasets import order
from maskedface.datasets.augmentation import Augmentation
from maskedface.reprs import short_repr


def with_domain(labels: np.ndarray, masked: np.ndarray, classes: int) -> np.ndarray:
    """Labels with an additional domain column, for losses that need it (`maskedface.losses`).

    The largest value of a row is in its person's column, so Keras' own accuracy remains correct.

    >>> import numpy as np
    >>> from maskedface import datasets
    >>> datasets.with_domain(np.array([1]), np.array([True]), 3).tolist()
    [[0, 2, 0, 1]]

    Args:
        labels: int array, shape (n,), in [0, classes).
        masked: bool array, shape (n,).
        classes: int >= 2, the number of people.

    Returns:
        int32 array, shape (n, classes + 1): 2 in the person's column, 0 in the others', then the
        domain: 0 unmasked, 1 masked.

    Raises:
        ValueError: if there are fewer than 2 people.
    """
    if classes < 2:
        raise ValueError(f"classes must be at least 2. Received: classes={classes}")
    found = np.zeros((len(labels), classes + 1), "int32")
    found[np.arange(len(labels)), labels] = 2
    found[:, -1] = masked
    return found


@dataclass(frozen=True)
class EpochPlan:
    """Order and augmentation as functions of (seed, epoch, element).

    An element is one occurrence of a row in an epoch: its first, second, third ...
    (`order.elements`).

    Attributes:
        labels: int32 array, shape (rows,), the class of each row.
        masked: bool array, shape (rows,): whether its face already wears a mask.
        augmentation: the augmentation of each image; its seed is the plan's.
        sampling: as for `order.plan`.
        with_domains: bool, whether labels have a domain column, for losses that need it.
        classes: int >= 1, the number of people; None = the highest label + 1.
    """

    labels: np.ndarray
    masked: np.ndarray
    augmentation: Augmentation
    sampling: order.Sampling = "shuffled"
    with_domains: bool = False
    classes: int | None = None

    __repr__ = short_repr

    def elements(self, epoch: int) -> np.ndarray:
        """An epoch's elements, in order; as `order.plan`."""
        return order.plan(self.labels, self.augmentation.seed, epoch, sampling=self.sampling)

    def rows(self, elements: np.ndarray) -> np.ndarray:
        """The row of each element: int64 array."""
        return elements % len(self.labels)

    def draws(self, elements: np.ndarray, epoch: int) -> np.ndarray:
        """The random numbers of each element, as `Augmentation.draws`."""
        return self.augmentation.draws(elements, epoch, self.masked[self.rows(elements)])

    def images(self, faces: np.ndarray, draws: np.ndarray, epoch: int, step: int) -> Any:
        """Augments a batch of faces.

        Args:
            faces: uint8 array, shape (batch, height, width, 3); it is not modified.
            draws: the result of `draws`.
            epoch, step: int >= 0, the epoch and the batch's number in it.

        Returns:
            Array of the same shape.
        """
        seed = self.augmentation.batch_seed(epoch, step)
        return np.asarray(self.augmentation.apply(faces, draws, seed))

    def targets(self, elements: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The batch's labels: int32 array, shape (batch,), or with domains as `with_domain` returns
        them, where a face with a drawn mask counts as masked."""
        rows = self.rows(elements)
        labels: np.ndarray = self.labels[rows].astype("int32")
        if not self.with_domains:
            return labels
        masked = self.masked[rows] | self.augmentation.lays(draws)
        return with_domain(labels, masked, self.classes or int(self.labels.max()) + 1)
