"""What each epoch of training shows, decided in one place for every reader of the faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskedface.datasets import order
from maskedface.datasets.augmenting import augmented
from maskedface.masking import RandomMask


def with_domain(labels: np.ndarray, masked: np.ndarray, classes: int) -> np.ndarray:
    """Labels with the domain beside them, for the losses that ask for it (`maskedface.losses`).

    The largest number of a row stands in its person's column, so that Keras' own accuracy is right.

    Args:
        labels: int array, shape (n,), in [0, classes).
        masked: bool array, shape (n,).
        classes: int >= 2, how many people there are.

    Returns:
        int32 array, shape (n, classes + 1): 2 in the person's column, 0 in the others', then the
        domain: 0 unmasked, 1 masked.

    Raises:
        ValueError: if there are fewer than 2 people.
    """
    if classes < 2:
        raise ValueError(f"domains must be of at least 2 people. Received: {classes}")
    found = np.zeros((len(labels), classes + 1), "int32")
    found[np.arange(len(labels)), labels] = 2
    found[:, -1] = masked
    return found


@dataclass(frozen=True)
class EpochPlan:
    """Order, flips, drawn masks and small changes, as functions of (seed, epoch, element).

    An element is a row, or a row's second, third ... showing in an epoch (`order.elements`).

    Attributes:
        labels: int32 array, shape (rows,), the class of each row.
        masked: bool array, shape (rows,): whether its face wears a mask already.
        seed: int >= 0.
        sampling: as for `order.plan`.
        flip: bool, mirror each image with chance one half.
        masks: what to draw on faces that wear none, or None.
        augment: float >= 0, strength of `augmented`.
        with_domains: bool, whether a label has the domain beside it, for losses that ask for it.
        classes: int >= 1, how many people there are; None = as many as there are labels.
    """

    labels: np.ndarray
    masked: np.ndarray
    seed: int = 0
    sampling: order.Sampling = "shuffled"
    flip: bool = False
    masks: RandomMask | None = None
    augment: float = 0.0
    with_domains: bool = False
    classes: int | None = None

    def elements(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """An epoch's elements, and which of them are mirrored; as `order.plan`."""
        return order.plan(self.labels, self.seed, epoch, sampling=self.sampling, flip=self.flip)

    def rows(self, elements: np.ndarray) -> np.ndarray:
        """The row of each element: int64 array."""
        return elements % len(self.labels)

    def choices(self, elements: np.ndarray, epoch: int) -> np.ndarray:
        """The mask each element is given: int64 array, a number of the bank, or -1 for none."""
        rows = self.rows(elements)
        if self.masks is None:
            return np.full(len(rows), -1)
        return np.where(self.masked[rows], -1, self.masks.choices(elements, epoch, rows))

    def views(self, elements: np.ndarray, epoch: int) -> np.ndarray:
        """Which of its row's fixed masks each element wears: int64 array, a column of
        `masks.masks_of`, or -1 for none."""
        rows = self.rows(elements)
        if self.masks is None:
            return np.full(len(rows), -1)
        return np.where(self.masked[rows], -1, self.masks.views(elements, epoch))

    def images(
        self, faces: np.ndarray, elements: np.ndarray, mirrored: np.ndarray, epoch: int
    ) -> np.ndarray:
        """Makes a batch's images out of its faces.

        Args:
            faces: uint8 array, shape (batch, height, width, 3); it may be changed in place.
            elements: int array, shape (batch,), as `elements` gives them.
            mirrored: bool array, shape (batch,).
            epoch: int >= 0.

        Returns:
            uint8 array of the same shape: masked, then mirrored, then changed a little.
        """
        if self.masks is not None:
            faces = self.masks.lay(faces, self.choices(elements, epoch))
        faces = order.mirror(faces, mirrored)
        return augmented(faces, elements, seed=self.seed, epoch=epoch, strength=self.augment)

    def targets(self, elements: np.ndarray, epoch: int) -> np.ndarray:
        """The batch's labels: int32 array, shape (batch,), or with domains as `with_domain` says, where a
        face that is given a mask counts as masked."""
        rows = self.rows(elements)
        labels: np.ndarray = self.labels[rows].astype("int32")
        if not self.with_domains:
            return labels
        masked = self.masked[rows] | (self.choices(elements, epoch) >= 0)
        return with_domain(labels, masked, self.classes or int(self.labels.max()) + 1)
