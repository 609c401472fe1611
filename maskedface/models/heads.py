"""Classifiers on a backbone: the paper's linear head with dropout, and a cosine head."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from maskedface.models.settings import in_float32


@in_float32()
def classifier(
    backbone: keras.Model,
    num_classes: int,
    *,
    hidden: Sequence[int] = (),
    dropout: float = 0.5,
) -> keras.Model:
    """Puts the paper's head on a backbone: hidden layers if any, dropout, one linear layer.

    Args:
        backbone: images -> embeddings, shape (batch, features).
        num_classes: int >= 2, the number of people.
        hidden: widths of ReLU layers before the last one; the paper names none.
        dropout: float in [0, 1), the share of values dropped before each of these layers. The paper
            added dropout, rate and place not stated; .5 before the linear layer is our reading.

    Returns:
        A `keras.Model`: images -> float32 logits, shape (batch, num_classes). `softmax` of them are
        the probabilities.

    Raises:
        ValueError: if an argument is out of its range.
    """
    _check(num_classes, dropout)
    if any(width < 1 for width in hidden):
        raise ValueError(f"hidden must hold widths >= 1. Received: hidden={tuple(hidden)}")
    x = backbone.output
    for number, width in enumerate(hidden):
        if dropout:
            x = layers.Dropout(dropout, name=f"head_dropout{number}")(x)
        x = layers.Dense(width, activation="relu", dtype="float32", name=f"head_hidden{number}")(x)
    if dropout:
        x = layers.Dropout(dropout, name="head_dropout")(x)
    x = layers.Dense(num_classes, dtype="float32", name="head_logits")(x)
    return keras.Model(backbone.input, x, name=f"{backbone.name}_classifier")


@in_float32()
def cosine_classifier(
    backbone: keras.Model,
    num_classes: int,
    *,
    dropout: float = 0.0,
    scale: float = 24.0,
    with_offsets: bool = False,
) -> keras.Model:
    """Puts a cosine head on a backbone: a face scores its cosine to each person's centre.

    Args:
        backbone: images -> embeddings, shape (batch, features).
        num_classes: int >= 2, the number of people.
        dropout: float in [0, 1), the share of the embedding dropped in training.
        scale: float > 0, what the cosines are multiplied by (the s of CosFace, Wang et al. 2018;
            24 is right for a few hundred people, they use 64 for tens of thousands).
        with_offsets: bool, whether a number a person is added to their cosines, 0 at first: minus
            `evaluation.Cohort.offsets`.

    Returns:
        A `keras.Model`: images -> float32 logits in [-scale, scale], with offsets beyond, shape
        (batch, num_classes). Train it with `losses.CosineMarginLoss`, which knows of no offsets.

    Raises:
        ValueError: if an argument is out of its range.
    """
    _check(num_classes, dropout)
    if scale <= 0:
        raise ValueError(f"scale must be above 0. Received: scale={scale}")
    x = backbone.output
    if dropout:
        x = layers.Dropout(dropout, name="head_dropout")(x)
    x = layers.UnitNormalization(dtype="float32", name="head_unit")(x)
    x = layers.Dense(
        num_classes,
        use_bias=with_offsets,
        kernel_constraint=keras.constraints.UnitNorm(axis=0),
        dtype="float32",
        name="head_centres",
    )(x)
    x = layers.Rescaling(scale, dtype="float32", name="head_scale")(x)
    return keras.Model(backbone.input, x, name=f"{backbone.name}_cosine_classifier")


def _check(num_classes: int, dropout: float) -> None:
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2. Received: num_classes={num_classes}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1). Received: dropout={dropout}")
