"""What a run joins to its trained embedding: its feature map, and the mirror image."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import keras
import numpy as np

from maskedface import models
from maskedface.datasets.augmentation import Augmentation
from maskedface.layers import RandomMask
from maskedface.models.map_join import has_map
from maskedface.training.data import Data
from maskedface.training.network import Network

VIEWS = 4  # of each training face; as measured in docs/experiments.md
_BATCH = 256


def joined_backbone(network: Network, data: Data) -> keras.Model:
    """The trained network with what its recipe joins to the embedding.

    Args:
        network: the trained network.
        data: the run's faces.

    Returns:
        Images -> embeddings; the network's own backbone if the recipe joins nothing.

    Raises:
        ValueError: as `models.fit_map`.
    """
    recipe, backbone = network.recipe, network.backbone
    if recipe.map_join:
        if network.mapped is not None:
            backbone = network.mapped
        elif has_map(backbone):
            backbone = models.map_join(backbone)
            models.fit_map(backbone, _AugmentedFaces(network, data))
    return models.mirror_join(backbone) if recipe.mirror_join else backbone


class _AugmentedFaces:
    """The training faces in batches, several times each: at random mirrored, and half of the
    unmasked ones with a drawn mask. They are the same each time."""

    def __init__(self, network: Network, data: Data) -> None:
        augmentation = Augmentation(
            [RandomMask(0.5), keras.layers.RandomFlip("horizontal")],
            seed=data.plan.augmentation.seed,
            alignment=network.alignment,
            size=network.size,
        )
        self.plan = dataclasses.replace(data.plan, augmentation=augmentation)
        self.faces = data.train

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for view in range(VIEWS):
            for step, start in enumerate(range(0, len(self.faces), _BATCH)):
                rows = np.arange(start, min(start + _BATCH, len(self.faces)))
                draws = self.plan.draws(rows, view)
                faces = np.asarray(self.faces[rows])
                yield self.plan.images(faces, draws, view, step), self.plan.labels[rows]
