"""From a recipe to a classifier ready to fit: head, freezing, rate, optimiser, loss."""

from __future__ import annotations

from typing import Any

import keras

from maskedface import losses, models
from maskedface.recipes import Recipe


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
        model: images -> logits, compiled in place; its optimiser's variables are built.
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
        _loss(recipe),
        metrics=["accuracy"],
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


def _loss(recipe: Recipe) -> keras.losses.Loss:
    if recipe.head == "cosine":
        return losses.CosineMarginLoss(
            recipe.margin, recipe.scale, label_smoothing=recipe.label_smoothing
        )
    # With a margin of 0 and a scale of 1 it is plain cross-entropy from integer labels, which
    # Keras' sparse one cannot smooth.
    return losses.CosineMarginLoss(
        0.0, 1.0, label_smoothing=recipe.label_smoothing, name="cross_entropy"
    )
