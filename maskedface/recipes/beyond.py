"""Experiments that go beyond the paper, one constant each."""

from __future__ import annotations

from maskedface.recipes.recipe import Recipe
from maskedface.recipes.spec import Spec

_MIRROR = Spec.named("keras.layers.RandomFlip", mode="horizontal")
_JITTER = Spec.named("maskedface.layers.RandomFaceJitter", strength=1.0)
_RISE_AND_FALL = Spec.named(
    "keras.optimizers.schedules.CosineDecay",
    initial_learning_rate=0.0,
    decay_steps=None,  # the rest of the run
    warmup_target=1.0,
    warmup_steps=1,
)


def _masks(probability: float) -> Spec:
    return Spec.named("maskedface.layers.RandomMask", probability=probability)


FROZEN_MEANS = Recipe(
    name="frozen_means",
    freeze_through="all",
    head="cosine",
    head_init="class_means",
    loss=Spec.named("maskedface.losses.CosineMargin", margin=0.25, scale=24.0),
    epochs=0,
)
"""The baseline without training: nearest class mean of the training embeddings.

Source: our own. Measured figures and the command: `docs/results.md`. Time: one forward pass.
"""

FROZEN_MEANS_S_TO_T = FROZEN_MEANS.override(name="frozen_means_s_to_t", train_on={"unmasked": 1.0})
"""`FROZEN_MEANS` with class means of unmasked faces only: scenario 1 without training.

Source: our own. Measured figures and the command: `docs/results.md`. Time: one forward pass.
"""

COSINE_MARGIN = FROZEN_MEANS.override(
    name="cosine_margin",
    freeze_through="none",
    head_final="class_means",
    optimizer=Spec.named("keras.optimizers.Adam", learning_rate=2e-5),
    epochs=4,
)
"""The whole network fine-tuned for a few epochs at a low learning rate, with class means before and
after.

A face is identified by the nearest class mean of the training embeddings, as in `FROZEN_MEANS`; the
trained centers overfit the few training faces and have a lower accuracy.

Source: the margin loss is CosFace's (Wang et al. 2018); rate, scale and margin are those of a trial on
MLFW (1e-4 collapsed there). Measured figures and the command: `docs/results.md`. Time: with
DlibResNet29 about 25 ms an image and epoch on two cores.
"""

COSINE_MARGIN_S_TO_T = COSINE_MARGIN.override(
    name="cosine_margin_s_to_t", train_on={"unmasked": 1.0}
)
"""`COSINE_MARGIN` on unmasked faces only, tested on masked ones: scenario 1.

Source, time: as `COSINE_MARGIN`. Measured figures and the command: `docs/results.md`.
"""

MASKED_BEST = COSINE_MARGIN.override(
    name="masked_best",
    optimizer=Spec.named("keras.optimizers.AdamW", learning_rate=1.5e-4, weight_decay=4e-3),
    schedule=_RISE_AND_FALL,
    augmentation=(_masks(0.4), _MIRROR, _JITTER),
    batch_size=64,
    epochs=8,
    mirror_join=True,
    cohort=60,
)
"""The best recipe so far: the whole network fine-tuned with a cosine margin, drawn masks, jitter,
flip test-time augmentation and cohort score normalization with the training identities.

Made for training sets of thousands of people with few images each, and for test people who are
unseen identities. For closed-set identification, start from such a run: `--recipe
masked_best_closed --set init=RUN`. Unmasked faces can still use the network it started from
(`examples/07_two_networks.py`).

Source: the margin loss is CosFace's (Wang et al. 2018), AdamW and its cosine decay Loshchilov and
Hutter's (2019); rate and chances were tried on a validation part of the training people. Measured
figures and commands: `docs/results.md`. Time: with DlibResNet29 about 16 ms an image and epoch on two
cores without AVX-512; 6 ms on two with avx512_bf16, with `precision=bfloat16`.
"""

MASKED_DRAWN = MASKED_BEST.override(
    name="masked_drawn",
    train_on={"unmasked": 1.0},
    augmentation=(_masks(0.6), _MIRROR, _JITTER),
    epochs=12,
)
"""`MASKED_BEST` without real masked images: unmasked faces and masks drawn on them.

Source, time: as `MASKED_BEST`. Measured figures and commands: `docs/results.md`.
"""

MASKED_BEST_CLOSED = FROZEN_MEANS.override(
    name="masked_best_closed",
    head_init="random",  # the means are computed at the end, with flip augmentation
    head_final="photo_means",
    mirror_join=True,
    cohort=60,
    features="off",
)
"""Closed-set identification with a network of `MASKED_BEST` trained on other people (`--set
init=RUN`), without further training.

A face is identified by the nearest mean of a person's photographs. A few epochs of `COSINE_MARGIN`
on the people's own few faces were no better on held-out photographs, and worse on unmasked faces.

Source: our own. Measured figures and commands: `docs/results.md`. Time: two forward passes.
"""

MASKED_BEST_TUNED = COSINE_MARGIN.override(
    name="masked_best_tuned",
    optimizer=Spec.named("keras.optimizers.AdamW", learning_rate=1e-4, weight_decay=4e-3),
    schedule=_RISE_AND_FALL,
    augmentation=(_masks(0.4), _MIRROR, _JITTER),
    epochs=8,
    mirror_join=True,
)
"""Some epochs on the people to be identified, after `MASKED_BEST` on others (`--set init=RUN`).

Better than `MASKED_BEST_CLOSED` if there are many photographs of each person, as in RMFRD.

Source: as `MASKED_BEST`; rate and epochs were chosen on photographs held out of the training rows
(`docs/experiments.md`). Measured figures and commands: `docs/results.md`. Time: as `MASKED_BEST`.
"""

MASKED_BEST_CLOSED_S = COSINE_MARGIN.override(
    name="masked_best_closed_s",
    train_on={"unmasked": 1.0},
    augmentation=(_masks(0.6), _MIRROR, _JITTER),
    mirror_join=True,
)
"""A few epochs on the people to be identified, after `MASKED_DRAWN` on others, without real masked
images.

Source, time: as `COSINE_MARGIN`. Measured figures and commands: `docs/results.md`.
"""
