"""After the last epoch: the means that a head ends with, the cohort, the test rows."""

from __future__ import annotations

import numpy as np

from maskedface.datasets import EpochPlan, FaceIndex
from maskedface.evaluation import Cohort
from maskedface.masking import RandomMask
from maskedface.recipes import Recipe
from maskedface.training.results import FinalModel, finish, open_results, report_domains
from maskedface.training.start import class_means, refuse_infinite


def conclude(
    folder: str,
    final: FinalModel,
    recipe: Recipe,
    plan: EpochPlan,
    train: FaceIndex,
    test: FaceIndex,
    *,
    alignment: str,
    is_open: bool,
    cohort: Cohort | None,
) -> None:
    """Sets the head's means, scores the test rows and writes model, predictions and metrics.

    Args:
        folder: the run's.
        final: its network, trained; changed in place.
        recipe: the experiment.
        plan: labels and domains of the training rows.
        train, test: the rows.
        alignment: the alignment of the faces.
        is_open: whether the test rows show other people than the training rows; those trained on are then
            the cohort that the recipe wants.
        cohort: of a closed set, or None.

    Raises:
        ValueError: if an embedding or a logit is no finite number.
        OSError: if the disk is full; nothing is half-written.
    """
    found = _set_means(final, recipe, plan, train, alignment, is_open and recipe.cohort > 0)
    if is_open:
        embeddings, templates = refuse_infinite(final.test_embeddings(), "embeddings"), None
        if recipe.enroll_masks:
            bare = np.array([face.domain == "unmasked" for face in test.faces])
            templates = final.test_templates(
                embeddings, bare, count=recipe.enroll_masks, alignment=alignment
            )
        finish(folder, final.model, *open_results(test, embeddings, found, templates))
        return
    if cohort is not None:
        final.set_cohort(cohort)
    labels = test.labels(train.people)
    logits = refuse_infinite(final.test_logits(), "logits")
    predictions = {"labels": labels, "logits": logits}
    if cohort is not None:
        predictions |= cohort.arrays()
    finish(folder, final.model, report_domains(test, labels, logits), predictions)


def _set_means(
    final: FinalModel,
    recipe: Recipe,
    plan: EpochPlan,
    train: FaceIndex,
    alignment: str,
    with_cohort: bool,
) -> Cohort | None:
    """Gives a head the means of the training faces where the recipe ends with them.

    Returns:
        The cohort of the people trained on where it is wanted. Where no face wears a mask, each counts
        with a drawn one too: means of bare faces alone do not say who is like a masked one.
    """
    if recipe.head_final == "trained" and not with_cohort:
        return None
    photos = [face.photo for face in train.faces] if recipe.head_final == "photo_means" else None
    embeddings = refuse_infinite(final.train_embeddings(), "embeddings")
    means = class_means(embeddings, plan.labels, photos)
    if recipe.head_final != "trained":
        final.set_centres(means)
    if not with_cohort:
        return None
    if not plan.masked.any():
        masks = RandomMask(1.0, seed=plan.seed, alignment=alignment, size=final.size)
        embeddings = np.concatenate([embeddings, final.masked_train_embeddings(masks)])
        means = class_means(embeddings, np.tile(plan.labels, 2), photos and photos * 2)
    return Cohort(means.T, recipe.cohort)
