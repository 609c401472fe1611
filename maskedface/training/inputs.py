"""What the learning part of a network reads: the faces, or the frozen part's activations of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from maskedface import models
from maskedface.recipes import Recipe
from maskedface.training.frozen_features import (
    VIEWS,
    FrozenPrefix,
    frozen_prefix,
    read_features,
    room,
)


@dataclass(frozen=True)
class Inputs:
    """The part of a network that is trained, and the arrays it reads.

    Attributes:
        learner: inputs -> logits; it shares its layers with the whole network.
        embedder: inputs -> embeddings, or None where the inputs are the embeddings.
        train: array, shape (rows, height, width, 3), uint8 faces; or with `has_views` (rows, views,
            ...), activations of the faces as they are and of their mirrors.
        test: array, shape (rows, ...), of the faces as they are.
        has_views: whether `train` holds views.
        changing: the variables that training may change, but for the optimiser's: the same whether
            features are used or not, so a run can go on the other way.
        facts: for run.json: what was done with frozen features, and why.
    """

    learner: keras.Model
    embedder: keras.Model | None
    train: np.ndarray
    test: np.ndarray
    has_views: bool
    changing: list[keras.Variable]
    facts: dict[str, Any]

    def embeddings(self) -> np.ndarray:
        """The training faces' embeddings, unmirrored: float32 array, shape (rows, features)."""
        plain = self.train[:, 0] if self.has_views else self.train
        return np.asarray(plain) if self.embedder is None else models.predict(self.embedder, plain)


def prepare(
    recipe: Recipe,
    model: keras.Model,
    backbone: keras.Model,
    train: np.ndarray,
    test: np.ndarray,
    *,
    folder: str,
    progress: bool,
) -> Inputs:
    """Computes the frozen part's activations where the recipe and the disk allow it.

    Args:
        recipe: the experiment.
        model: images -> logits, from `training.build_model`.
        backbone: its backbone.
        train, test: uint8 arrays, shape (rows, height, width, 3).
        folder: where activations go.
        progress: whether to say what is done, with a progress bar.

    Returns:
        What to train, on what.

    Raises:
        OSError: if the disk is full.
    """
    prefix = frozen_prefix(recipe, backbone)
    views = VIEWS if recipe.flip and recipe.epochs else 1
    if isinstance(prefix, FrozenPrefix):
        size = prefix.bytes_of(len(train), views) + prefix.bytes_of(len(test), 1)
        reason = room(size, folder, recipe.features_budget)
        said = reason or f"{size / 2**20:.0f} MiB after {prefix.boundary._keras_history.operation.name}"
        learner = keras.Model(prefix.boundary, model.output, name="learner")
        changing = learner.variables
    else:
        reason = said = prefix
        changing = model.variables
    if progress:
        print(f"frozen features: {said}{' (the ordinary loop is used)' if reason else ''}")
    facts = {"frozen_features": {"used": not reason, "because": said}}
    if reason or isinstance(prefix, str):
        return Inputs(model, backbone, train, test, False, changing, facts)
    at_end = prefix.boundary is backbone.output
    embedder = None if at_end else keras.Model(prefix.boundary, backbone.output)
    train, test = (
        read_features(prefix, chips, views=seen, folder=folder, progress=progress)
        for chips, seen in ((train, views), (test, 1))
    )
    return Inputs(learner, embedder, train, test[:, 0], True, changing, facts)
