"""What is minimised: the outputs that a recipe's loss reads, and the loss."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from maskedface import losses
from maskedface.recipes import Recipe

_RANKING, _WITH_EMBEDDING = "ranking_centres", "with_embedding"


def learner_output(
    recipe: Recipe, embedding: keras.KerasTensor, logits: keras.KerasTensor
) -> keras.KerasTensor:
    """The tensor that the recipe's loss reads.

    Args:
        recipe: the experiment.
        embedding: the backbone's output, shape (batch, features).
        logits: the classifier's, shape (batch, classes).

    Returns:
        The logits themselves, or with some losses other columns in their place or behind them.
    """
    output, classes = logits, logits.shape[-1]
    if recipe.loss == "centre":
        away = losses.CentreDistances(classes, name="centre_distances")(embedding)
        output = layers.Concatenate(dtype="float32", name="with_distances")([logits, away])
    elif recipe.loss == "domain_ranking":
        unit = layers.UnitNormalization(dtype="float32", name="ranking_unit")(embedding)
        cosines = layers.Dense(
            2 * classes,
            use_bias=False,
            kernel_constraint=keras.constraints.UnitNorm(axis=0),
            dtype="float32",
            name=_RANKING,
        )(unit)
        output = layers.Rescaling(recipe.scale, dtype="float32", name="ranking_scale")(cosines)
    elif recipe.loss == "triplet":
        output = embedding
    if recipe.align != "none":
        output = layers.Concatenate(dtype="float32", name=_WITH_EMBEDDING)([output, embedding])
    return output


def loss_of(recipe: Recipe, learner: keras.Model) -> keras.losses.Loss:
    """The recipe's loss.

    Args:
        recipe: the experiment.
        learner: inputs -> `learner_output`.

    Returns:
        A loss of (label or (label, domain), `learner_output`).
    """
    if recipe.head == "linear":
        # With a margin of 0 and a scale of 1 it is plain cross-entropy from integer labels, which
        # Keras' sparse one cannot smooth.
        return losses.CosineMarginLoss(
            0.0, 1.0, label_smoothing=recipe.label_smoothing, name="cross_entropy"
        )
    loss = _identity(recipe)
    if recipe.align == "none":
        return loss
    features = learner.get_layer(_WITH_EMBEDDING).input[1].shape[-1]
    align = losses.CoralLoss() if recipe.align == "coral" else losses.AlignmentLoss()
    return losses.WithEmbeddings(loss, align, features=features, weight=recipe.align_weight)


def _identity(recipe: Recipe) -> keras.losses.Loss:
    margin, scale, smoothing = recipe.margin, recipe.scale, recipe.label_smoothing
    if recipe.loss == "margin":
        return losses.CosineMarginLoss(margin, scale, label_smoothing=smoothing)
    if recipe.loss == "arcface":
        return losses.ArcFaceLoss(margin, scale, label_smoothing=smoothing)
    if recipe.loss == "centre":
        return losses.CentreLoss(recipe.loss_weight, margin, scale)
    if recipe.loss == "domain_ranking":
        return losses.DomainRankingLoss(
            weight=recipe.loss_weight, scale=scale, identity_margin=margin
        )
    return losses.SelfRestrainedTripletLoss(margin)


def set_ranking_centres(learner: keras.Model, centres: np.ndarray) -> None:
    """Starts the two centres a person of a "domain_ranking" learner at the same place.

    Args:
        learner: a model with `learner_output`; any other is left as it is.
        centres: float array, shape (features, classes), of unit columns.
    """
    for layer in learner.layers:
        if layer.name == _RANKING:
            layer.set_weights([np.concatenate([centres, centres], axis=1)])
