"""What each epoch of training shows, decided in one place for every reader of the faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskedface.datasets import order
from maskedface.datasets.augmenting import augmented
from maskedface.masking import RandomMask


@dataclass(frozen=True)
class EpochPlan:
    """Order, flips, drawn masks and small changes, as functions of (seed, epoch, row).

    Attributes:
        labels: int32 array, shape (rows,), the class of each row.
        masked: bool array, shape (rows,): whether its face wears a mask already.
        seed: int >= 0.
        sampling: as for `order.plan`.
        flip: bool, mirror each image with chance one half.
        masks: what to draw on faces that wear none, or None.
        augment: float >= 0, strength of `augmented`.
        with_domains: bool, whether a label has the domain beside it, for losses that ask for it.
    """

    labels: np.ndarray
    masked: np.ndarray
    seed: int = 0
    sampling: order.Sampling = "shuffled"
    flip: bool = False
    masks: RandomMask | None = None
    augment: float = 0.0
    with_domains: bool = False

    def rows(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """An epoch's rows, and which of them are mirrored; as `order.plan`."""
        return order.plan(
            self.labels, self.seed, epoch, sampling=self.sampling, flip=self.flip
        )

    def choices(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        """The mask each row is given: int64 array, a number of the bank, or -1 for none."""
        if self.masks is None:
            return np.full(len(rows), -1)
        return np.where(self.masked[rows], -1, self.masks.choices(rows, epoch))

    def views(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        """Which of its fixed masks each row wears: int64 array, a column of `masks.masks_of`, or -1
        for none."""
        if self.masks is None:
            return np.full(len(rows), -1)
        return np.where(self.masked[rows], -1, self.masks.views(rows, epoch))

    def images(
        self, faces: np.ndarray, rows: np.ndarray, mirrored: np.ndarray, epoch: int
    ) -> np.ndarray:
        """Makes a batch's images out of its faces.

        Args:
            faces: uint8 array, shape (batch, height, width, 3); it may be changed in place.
            rows: int array, shape (batch,), their row numbers.
            mirrored: bool array, shape (batch,).
            epoch: int >= 0.

        Returns:
            uint8 array of the same shape: masked, then mirrored, then changed a little.
        """
        if self.masks is not None:
            faces = self.masks.lay(faces, self.choices(rows, epoch))
        faces = order.mirror(faces, mirrored)
        return augmented(faces, rows, seed=self.seed, epoch=epoch, strength=self.augment)

    def targets(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        """The batch's labels: int32 array, shape (batch,), or with domains (batch, 2), where a face
        that is given a mask counts as masked."""
        labels: np.ndarray = self.labels[rows].astype("int32")
        if not self.with_domains:
            return labels
        masked = self.masked[rows] | (self.choices(rows, epoch) >= 0)
        return np.stack([labels, masked.astype("int32")], 1)
