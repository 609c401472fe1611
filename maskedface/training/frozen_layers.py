"""The frozen layers of a network, as a model of their own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import keras
import numpy as np

from maskedface import models
from maskedface.datasets.augmentation import Augmentation
from maskedface.models.frozen_boundary import boundary
from maskedface.models.graph import graph_of
from maskedface.recipes import Recipe
from maskedface.training.prefix_engine import PrefixEngine

# Of what a feature's values depend on besides the key; a change leaves old files unused.
_VERSION = 5
_BLOCK = 256  # rows hashed at a time


@dataclass(frozen=True)
class FrozenPrefix:
    """The frozen layers of a network, up to the first trainable one.

    Attributes:
        model: images -> activations at the boundary, in the form in which they are computed.
        boundary: the tensor of the whole network at the boundary.
        dtype: "float32" or "float16", the type in which activations are stored.
        engine: the engine that computes them; None = the Keras model itself.
    """

    model: keras.Model
    boundary: keras.KerasTensor
    dtype: str
    engine: PrefixEngine | None = None

    def activations(self, images: np.ndarray) -> np.ndarray:
        """The activations of uint8 images, shape (N, height, width, 3), N >= 1."""
        if self.engine is None:
            return models.predict(self.model, images)
        return self.engine.compiled(images)

    def bytes_of(self, rows: int, views: int) -> int:
        """The size in bytes of the activations of a number of rows and views."""
        values = int(np.prod(self.model.output.shape[1:]))
        return rows * views * values * np.dtype(self.dtype).itemsize

    def key(self, chips: np.ndarray, mirrors: bool) -> str:
        """A hash of everything that determines the activations: the pixels (and thus the rows, the
        decoder, the warp and the size), the frozen layers and operations, their order, weights,
        precision and folding, the boundary, whether mirror images are included, the type, Keras'
        backend, and for another engine its name, version, precision and calibration faces."""
        digest = hashlib.blake2b(digest_size=16)
        graph = graph_of(self.model)
        facts = [_VERSION, keras.backend.backend(), self.dtype, str(chips.shape), mirrors, graph]
        if self.engine is not None:
            facts.append(self.engine.key)
        digest.update(json.dumps(facts).encode())
        for weight in self.model.get_weights():
            digest.update(np.ascontiguousarray(weight).data)
        for start in range(0, len(chips), _BLOCK):
            digest.update(np.ascontiguousarray(chips[start : start + _BLOCK]).data)
        return digest.hexdigest()


def frozen_prefix(
    recipe: Recipe, backbone: keras.Model, augmentation: Augmentation
) -> FrozenPrefix | str:
    """Cuts a backbone after its frozen layers.

    Args:
        recipe: the experiment.
        backbone: images -> embeddings, with layers frozen according to the recipe.
        augmentation: the augmentation of the training images.

    Returns:
        The frozen part; or, if the recipe needs the ordinary training loop, the reason as text.
    """
    if recipe.features == "off":
        return "the recipe says features=off"
    if recipe.freeze_through == "none":
        return "no stage is frozen"
    if not augmentation.is_mirror:
        return "random augmentation never repeats an image (augmentation)"
    if recipe.batch_norm == "update":
        return "batch norms of the frozen stages are updated (batch_norm=update)"
    cut = boundary(backbone)
    if cut is None:
        return "the network cannot be cut at a single tensor before its first trainable layer"
    prefix = models.fold_batch_norm(keras.Model(backbone.input, cut, name="frozen_prefix"))
    return FrozenPrefix(prefix, cut, recipe.features_dtype)
