"""The experiments of "Masked Face Recognition using ResNet-50" (arXiv 2104.08997), as constants.

To reproduce them as published (you need to obtain RMFRD and a VGGFace2 weight file), run one
command per row of the paper's tables:

    maskedface train --data RMFRD --min-masked 8 --recipe paper_unmasked \\
        --backbone ResNet50 --weights FILE --run runs/unmasked
    maskedface train --data RMFRD --min-masked 8 --recipe paper_masked \\
        --backbone ResNet50 --weights FILE --run runs/masked

All use faces="whole": the paper resizes RMFRD's images without alignment.
"""

from __future__ import annotations

from maskedface.recipes.recipe import Recipe
from maskedface.recipes.spec import Spec

PAPER_UNMASKED = Recipe(
    name="paper_unmasked",
    train_on={"unmasked": 1.0},
    test_on="unmasked",
    faces="whole",
    freeze_through="all",
    head=Spec.named("maskedface.models.LinearHead", dropout=0.5),
    optimizer=Spec.named("keras.optimizers.SGD", learning_rate=0.002, momentum=0.9, nesterov=True),
    schedule=Spec.named(  # PyTorch's StepLR
        "keras.optimizers.schedules.ExponentialDecay",
        initial_learning_rate=1.0,
        decay_steps=14,
        decay_rate=0.11,
        staircase=True,
    ),
    batch_size=256,
    epochs=20,
)
"""Table I, unmasked faces: all ten children frozen, a new linear head.

Source: section IV and Table I. Published result: accuracy 89.7016 %, loss 0.4698. Time on two cores
without a feature cache, ResNet50 at 180 px: about 30 ms per image and epoch, including validation.
Not stated in the paper, chosen here: dropout 0.5 before the single linear layer.
Command: `maskedface train --data RMFRD --min-masked 8 --recipe paper_unmasked --weights FILE`.
"""

PAPER_MASKED = Recipe(
    name="paper_masked",
    init="paper_unmasked",
    train_on={"masked": 1.0},
    test_on="masked",
    faces="whole",
    freeze_through="layer3",
    head=Spec.named("maskedface.models.LinearHead", dropout=0.5),
    optimizer=Spec.named("keras.optimizers.Adam", learning_rate=1e-4),
    batch_size=32,
    epochs=25,
)
"""Table I, masked faces: the weights of the unmasked run, seven children frozen, Adam.

Source: section IV and Table I. Published result: accuracy 47.91 %, loss 2.4092, in 1 min 48 s on a
GTX 1080. On two cores, ResNet50 at 180 px: about 43 ms per image and epoch for training, 30 ms for
validation. Not stated in the paper, chosen here: learning rate 1e-4, dropout 0.5 before the single
linear layer.
Command: `maskedface train --data RMFRD --min-masked 8 --recipe paper_masked --weights FILE`; it runs
`paper_unmasked` first.
"""

PAPER_MASKED_DIRECT = PAPER_MASKED.override(name="paper_masked_direct", init="")
"""The masked experiment started from the VGGFace2 weights directly, without the unmasked run.

Source: our control for the paper's starting point; the paper reports no result for it. Time and
command as `PAPER_MASKED`, with `--recipe paper_masked_direct`.
"""

S_TO_T = PAPER_UNMASKED.override(name="s_to_t", test_on="masked")
"""Scenario 1: train on unmasked faces S, test on masked faces T.

Source: section III; the paper reports no result for it. Values and time as `PAPER_UNMASKED`.
Command: `maskedface train --data RMFRD --min-masked 8 --recipe s_to_t --weights FILE`.
"""

S_AND_T_TO_T = PAPER_MASKED_DIRECT.override(
    name="s_and_t_to_t", train_on={"unmasked": 1.0, "masked": 1.0}
)
"""Scenario 2: train on S and a portion of T, test on the rest of T.

Source: section III; the paper reports no separate result for it. The portion is the split's
training share; `--set 'train_on={"unmasked": 1, "masked": 0.3}'` uses 0.3 of that. Other values as
`PAPER_MASKED`. Command: `maskedface train --data RMFRD --min-masked 8 --recipe s_and_t_to_t
--weights FILE`.
"""
