"""The people whom those enrolled or named are compared with, and the means that a head ends with."""

from __future__ import annotations

import numpy as np

from maskedface.datasets import EpochPlan, FaceIndex
from maskedface.evaluation import Cohort
from maskedface.masking import RandomMask
from maskedface.recipes import Recipe
from maskedface.training.results import FinalModel
from maskedface.training.run import Run
from maskedface.training.start import class_means


def cohort_of_start(before: Run | None, recipe: Recipe, progress: bool) -> Cohort | None:
    """Whom the people of a closed set are compared with: those of the run that it starts from, where
    the network is still that run's.

    Args:
        before: the run at the start, if any.
        recipe: the experiment.
        progress: whether to say that a cohort that the recipe wants is missing.

    Returns:
        The cohort, or None.

    Raises:
        ValueError: if the run's network sees faces otherwise.
    """
    if not recipe.cohort:
        return None
    theirs = None if before is None or recipe.epochs else before.cohort
    if before is None or theirs is None:
        if progress:
            print("no cohort: a closed set has that of the run it starts from, untrained (epochs=0)")
        return None
    for field in ("view", "mirror_join"):
        if getattr(recipe, field) != getattr(before.recipe, field):
            raise ValueError(
                f"{field} must be that of the run whose cohort is used, or cohort 0. "
                f"Received: {getattr(recipe, field)!r}, init={before.path!r}"
            )
    return Cohort(theirs.people, recipe.cohort)


def set_means(
    final: FinalModel,
    recipe: Recipe,
    plan: EpochPlan,
    train: FaceIndex,
    template: str,
    *,
    with_cohort: bool,
) -> Cohort | None:
    """Gives a head the means of the training faces where the recipe ends with them.

    Args:
        final: changed in place.
        recipe: the experiment.
        plan: labels and domains of the training rows.
        train: these rows.
        template: the alignment of the faces.
        with_cohort: whether a cohort of the people trained on is wanted.

    Returns:
        The cohort, or None. Where no face wears a mask, each counts with a drawn one too: means of
        bare faces alone do not say who is like a masked one.
    """
    if recipe.head_final == "trained" and not with_cohort:
        return None
    photos = [face.photo for face in train.faces] if recipe.head_final == "photo_means" else None
    embeddings = final.train_embeddings()
    means = class_means(embeddings, plan.labels, photos)
    if recipe.head_final != "trained":
        final.set_centres(means)
    if not with_cohort:
        return None
    if not plan.masked.any():
        masks = RandomMask(1.0, seed=plan.seed, template=template, size=final.size)
        embeddings = np.concatenate([embeddings, final.masked_train_embeddings(masks)])
        means = class_means(embeddings, np.tile(plan.labels, 2), photos and photos * 2)
    return Cohort(means.T, recipe.cohort)
