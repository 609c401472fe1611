"""From a recipe to a classifier ready to fit: head, freezing, rate, optimizer, loss."""

from __future__ import annotations

from typing import Any

import keras

from maskedface import models
from maskedface.layers import UpperFaceCrop
from maskedface.recipes import Recipe
from maskedface.training.objectives import loss_of


def prepare_backbone(recipe: Recipe, backbone: keras.Model) -> keras.Model:
    """Gives a backbone the precision and the view of the face that the recipe names.

    Args:
        recipe: the experiment.
        backbone: images -> embeddings; it is left as it is.

    Returns:
        The backbone itself where nothing changes, else a new one with its weights.
    """
    if recipe.precision != "float32":
        backbone = models.with_precision(backbone, recipe.precision)
    if recipe.view == "whole":
        return backbone
    view = models.upper_view if recipe.view == "upper" else models.whole_and_upper
    crop = UpperFaceCrop(alignment=models.alignment_of(backbone))
    return view(backbone, crop.box_in(*backbone.input_shape[1:3]))


def build_model(recipe: Recipe, backbone: keras.Model, num_classes: int) -> keras.Model:
    """Puts the recipe's head on a backbone and freezes what the recipe freezes.

    Args:
        recipe: the experiment.
        backbone: images -> embeddings; its `trainable` flags are changed.
        num_classes: int >= 2, the number of people.

    Returns:
        A `keras.Model`: images -> logits, shape (batch, num_classes), not compiled.

    Raises:
        ValueError: if the backbone has no stage of that name.
    """
    models.freeze(backbone, recipe.freeze_through, recipe.batch_norm)
    if recipe.head == "cosine":
        return models.cosine_classifier(
            backbone, num_classes, dropout=recipe.dropout, scale=recipe.scale
        )
    return models.classifier(backbone, num_classes, hidden=recipe.hidden, dropout=recipe.dropout)


def compile_model(model: keras.Model, recipe: Recipe, steps_per_epoch: int) -> None:
    """Compiles a model as its recipe says; `training.train` and tuning both call this.

    Args:
        model: inputs -> what the loss reads (`Inputs.learner`), compiled in place; its optimizer's
            variables are built.
        recipe: the experiment.
        steps_per_epoch: int >= 1, batches an epoch.
    """
    rate = learning_rate(recipe, steps_per_epoch)
    optimizer: keras.optimizers.Optimizer
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=recipe.momentum, nesterov=True)
    elif recipe.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate)
    else:
        optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
    model.compile(
        optimizer,
        loss_of(recipe, model),
        # Of the other losses' columns the largest names nobody.
        metrics=["accuracy"]
        if recipe.loss in ("margin", "arcface") and recipe.align == "none"
        else [],
        jit_compile="auto" if keras.backend.backend() != "tensorflow" else recipe.jit,
    )
    optimizer.build(model.trainable_variables)


def learning_rate(recipe: Recipe, steps_per_epoch: int) -> Any:
    """The recipe's learning rate as a function of the step.

    "step" is PyTorch's StepLR: the rate drops at the start of epochs `decay_epochs`,
    2 * `decay_epochs`, ..., counted from 0.

    Args:
        recipe: the experiment.
        steps_per_epoch: int >= 1, batches an epoch.

    Returns:
        A float, or a `keras.optimizers.schedules.LearningRateSchedule`.
    """
    rate = recipe.learning_rate
    if recipe.schedule == "cosine":
        warmup = recipe.warmup_epochs * steps_per_epoch
        total = recipe.epochs * steps_per_epoch
        return keras.optimizers.schedules.CosineDecay(
            rate if not warmup else 0.0,
            max(1, total - warmup),
            warmup_target=rate if warmup else None,
            warmup_steps=warmup,
        )
    if recipe.schedule == "step":
        return keras.optimizers.schedules.ExponentialDecay(
            rate, recipe.decay_epochs * steps_per_epoch, recipe.decay_gamma, staircase=True
        )
    return rate
