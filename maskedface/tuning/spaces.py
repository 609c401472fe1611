"""Named search spaces, one constant each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maskedface.recipes import MASKED_BEST, PAPER_UNMASKED

if TYPE_CHECKING:
    from maskedface.tuning.space import Space

STEP: dict[str, Any] = PAPER_UNMASKED.schedule.to_dict()
"""The paper's schedule, PyTorch's StepLR, as a choice of "schedule"."""

COSINE: dict[str, Any] = MASKED_BEST.schedule.to_dict()
"""A warmup of one epoch and cosine decay for the rest of the run, as a choice of "schedule"."""

PAPER: Space = {
    "optimizer": ["SGD", "Adam", "AdamW"],
    "optimizer.learning_rate": {"min": 1e-5, "max": 1e-1, "sampling": "log"},
    "optimizer.momentum": {"min": 0.5, "max": 0.99, "when": {"optimizer": ["SGD"]}},
    "optimizer.weight_decay": {
        "values": [0.0, 1e-4, 1e-3, 4e-3, 1e-2],
        "when": {"optimizer": ["AdamW"]},
    },
    "schedule": [None, STEP, COSINE],
    "schedule.decay_rate": {"min": 0.05, "max": 0.9, "when": {"schedule": [STEP]}},
    "schedule.decay_steps": {"min": 2, "max": 20, "when": {"schedule": [STEP]}},
    "batch_size": [16, 32, 64, 128, 256],
    "image_size": [112, 160, 180, 224],
    "freeze_through": ["none", "layer1", "layer2", "layer3", "layer4", "all"],
    "batch_norm": ["frozen", "update"],
    "head.dropout": {"min": 0.0, "max": 0.8},
    "head.hidden": [[], [256], [512], [1024]],
    "epochs": [5, 10, 20, 25, 40],
    "class_weight": ["none", "balanced"],
}
"""The hyperparameters that the paper tuned by hand or does not state (sections IV and V, Table I),
around its values.

Optimizer, learning rate, momentum, StepLR's gamma and step, batch size, frozen children, epochs and
image size are the paper's; batch norm, dropout, hidden layers and class weights are not stated
there, or named as possible causes of errors (uneven classes). The bounds are ours: a decade or more
in both directions.
"""

_COSINE_HEAD = {"head": ["CosineHead"]}
_MARGIN_LOSS = {**_COSINE_HEAD, "loss": ["CosineMargin"]}

BEYOND: Space = {
    "head": ["LinearHead", "CosineHead"],
    **{field: entry for field, entry in PAPER.items() if field != "head.hidden"},
    "head.hidden": {"values": [[], [256], [512], [1024]], "when": {"head": ["LinearHead"]}},
    "head_init": {"values": ["random", "class_means"], "when": _COSINE_HEAD},
    "head_final": {"values": ["trained", "class_means"], "when": _COSINE_HEAD},
    "loss": {"values": ["SparseCategoricalCrossentropy", "CosineMargin"], "when": _COSINE_HEAD},
    "loss.scale": {"min": 8.0, "max": 64.0, "sampling": "log", "when": _MARGIN_LOSS},
    "loss.margin": {"min": 0.0, "max": 0.5, "when": _MARGIN_LOSS},
    "sampling": ["shuffled", "balanced"],
}
"""`PAPER` plus the cosine head with margin of `recipes.COSINE_MARGIN`, and balanced sampling."""

FROZEN: Space = {
    **{field: BEYOND[field] for field in BEYOND if field not in ("image_size", "batch_norm")},
    "freeze_through": ["layer3", "layer4", "layer5", "all"],
    "batch_size": [16, 32, 64],
    "epochs": [5, 10, 25],
}
"""`BEYOND` for two cores: frozen at least through layer3, so that all trials use cached features
and most train little more than a head, in short runs."""

SGD_TO_ADAM: Space = {
    "optimizer": ["SGD", "Adam"],
    "optimizer.learning_rate": [1e-4, 2e-3],
}
"""The paper's change of optimizer as an ablation, for `algorithm="grid"`: it replaced SGD (21 %) by
Adam (section V).

Both optimizers with both learning rates (2e-3 is that of the unmasked experiment; 1e-4 is this
library's choice for Adam, whose rate the paper does not state), to separate the effects of
optimizer and rate.
"""

ALL: dict[str, Space] = {
    "paper": PAPER,
    "beyond": BEYOND,
    "frozen": FROZEN,
    "sgd_to_adam": SGD_TO_ADAM,
}
"""All named spaces: {name: space}."""
