"""What the learning part of a network reads: the faces, or the frozen part's activations of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from maskedface import models
from maskedface.datasets import EpochPlan
from maskedface.recipes import Recipe
from maskedface.training.frozen_features import (
    FrozenPrefix,
    Views,
    frozen_prefix,
    read_features,
    room,
)
from maskedface.training.objectives import learner_output


@dataclass(frozen=True)
class Inputs:
    """The part of a network that is trained, and the arrays it reads.

    Attributes:
        learner: inputs -> what the recipe's loss reads; it shares its layers with the whole network.
        classifier: inputs -> logits, likewise.
        embedder: inputs -> embeddings, or None where the inputs are the embeddings.
        train: array, shape (rows, height, width, 3), uint8 faces; or with `views` (rows, views, ...),
            activations.
        test: array, shape (rows, ...), of the faces as they are.
        views: what `train` holds of each face, or None for the face itself.
        changing: the variables that training may change, but for the optimizer's: the same whether
            features are used or not, so a run can go on the other way.
        facts: for run.json: what was done with frozen features, and why.
    """

    learner: keras.Model
    classifier: keras.Model
    embedder: keras.Model | None
    train: np.ndarray
    test: np.ndarray
    views: Views | None
    changing: list[keras.Variable]
    facts: dict[str, Any]

    def embeddings(self, part: np.ndarray) -> np.ndarray:
        """Embeds `train` or `test`, the faces as they are: float32 array, shape (rows, features)."""
        plain = part[:, 0] if self.views is not None and part is self.train else part
        return np.asarray(plain) if self.embedder is None else models.predict(self.embedder, plain)


def prepare(
    recipe: Recipe,
    model: keras.Model,
    backbone: keras.Model,
    train: np.ndarray,
    test: np.ndarray,
    *,
    plan: EpochPlan,
    folder: str,
    progress: bool,
) -> Inputs:
    """Computes the frozen part's activations where the recipe and the disk allow it.

    Args:
        recipe: the experiment.
        model: images -> logits, from `training.build_model`.
        backbone: its backbone.
        train, test: uint8 arrays, shape (rows, height, width, 3).
        plan: what each epoch shows of the training faces.
        folder: where activations go.
        progress: whether to say what is done, with a progress bar.

    Returns:
        What to train, on what.

    Raises:
        OSError: if the disk is full.
    """
    output = learner_output(recipe, backbone.output, model.output)
    prefix = frozen_prefix(recipe, backbone)
    views = Views(recipe.flip and recipe.epochs > 0, plan.masks, plan.masked)
    if isinstance(prefix, FrozenPrefix):
        size = prefix.bytes_of(len(train), len(views)) + prefix.bytes_of(len(test), 1)
        reason = room(size, folder, recipe.features_budget)
        said = (
            reason
            or f"{size / 2**20:.0f} MiB after {prefix.boundary._keras_history.operation.name}"
        )
    else:
        reason = said = prefix
    if progress:
        print(f"frozen features: {said}{' (the ordinary loop is used)' if reason else ''}")
    facts = {"frozen_features": {"used": not reason, "because": said}}
    start = model.input if isinstance(prefix, str) else prefix.boundary
    tail = [keras.Model(start, end) for end in (output, model.output)]
    changing = _once(variable for part in tail for variable in part.variables)
    if reason or isinstance(prefix, str):
        whole = model if output is model.output else keras.Model(model.input, output)
        return Inputs(whole, model, backbone, train, test, None, changing, facts)
    at_end = prefix.boundary is backbone.output
    embedder = None if at_end else keras.Model(prefix.boundary, backbone.output)
    plain = Views(False, None, np.zeros(len(test), bool))
    train, test = (
        read_features(prefix, chips, views=seen, folder=folder, progress=progress)
        for chips, seen in ((train, views), (test, plain))
    )
    return Inputs(tail[0], tail[1], embedder, train, test[:, 0], views, changing, facts)


def _once(variables: Iterable[keras.Variable]) -> list[keras.Variable]:
    return list({id(variable): variable for variable in variables}.values())
