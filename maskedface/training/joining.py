"""What a run joins to its trained embedding: its feature map, and the mirror image."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import keras
import numpy as np

from maskedface import models
from maskedface.datasets.augmentation import Augmentation
from maskedface.layers import RandomMask
from maskedface.models.feature_map import has_map
from maskedface.training.data import Data
from maskedface.training.network import Network

VIEWS = 4  # of each training face; as measured in docs/experiments.md
_BLOCK = 1024  # faces augmented at a time: 69 MB at 150 px


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
            layers = [RandomMask(0.5), keras.layers.RandomFlip("horizontal")]
            models.fit_map(backbone, AugmentedFaces(network, data, layers, VIEWS))
    return models.mirror_join(backbone) if recipe.mirror_join else backbone


class AugmentedFaces:
    """(images, labels) of the training faces, in order and in blocks; the same ones each time.

    Args:
        network, data: the run's.
        layers: what augments them, in place of the recipe's layers.
        views: int >= 1, how often each face is seen.
    """

    def __init__(
        self, network: Network, data: Data, layers: list[keras.layers.Layer], views: int = 1
    ) -> None:
        augmentation = Augmentation(
            layers,
            seed=data.plan.augmentation.seed,
            alignment=network.alignment,
            size=network.size,
        )
        self.plan = dataclasses.replace(data.plan, augmentation=augmentation)
        self.faces, self.views = data.train, views

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for view in range(self.views):
            for step, start in enumerate(range(0, len(self.faces), _BLOCK)):
                rows = np.arange(start, min(start + _BLOCK, len(self.faces)))
                draws = self.plan.draws(rows, view)
                faces = np.asarray(self.faces[rows])
                yield self.plan.images(faces, draws, view, step), self.plan.labels[rows]
