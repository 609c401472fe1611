"""Named experiments, and the `Recipe` they are made of."""

from maskedface.recipes.beyond import (
    COSINE_MARGIN,
    COSINE_MARGIN_S_TO_T,
    FROZEN_MEANS,
    FROZEN_MEANS_S_TO_T,
    MASKED_BEST,
    MASKED_BEST_CLOSED,
    MASKED_BEST_CLOSED_S,
    MASKED_BEST_TUNED,
    MASKED_DRAWN,
)
from maskedface.recipes.gpu import (
    PAPER_MASKED_DIRECT_GPU,
    PAPER_MASKED_GPU,
    PAPER_UNMASKED_GPU,
)
from maskedface.recipes.paper import (
    PAPER_MASKED,
    PAPER_MASKED_DIRECT,
    PAPER_UNMASKED,
    S_AND_T_TO_T,
    S_TO_T,
)
from maskedface.recipes.recipe import Recipe
from maskedface.recipes.spec import Spec

ALL: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        PAPER_UNMASKED,
        PAPER_MASKED,
        PAPER_MASKED_DIRECT,
        S_TO_T,
        S_AND_T_TO_T,
        FROZEN_MEANS,
        FROZEN_MEANS_S_TO_T,
        COSINE_MARGIN,
        COSINE_MARGIN_S_TO_T,
        MASKED_BEST,
        MASKED_DRAWN,
        MASKED_BEST_CLOSED,
        MASKED_BEST_CLOSED_S,
        MASKED_BEST_TUNED,
        PAPER_UNMASKED_GPU,
        PAPER_MASKED_GPU,
        PAPER_MASKED_DIRECT_GPU,
    )
}
"""Every named recipe by its name."""


def scenario(recipe: Recipe) -> tuple[Recipe, ...]:
    """The recipes to run in order so that `recipe` can start: itself last, what it starts from before.

    >>> from maskedface import recipes
    >>> [recipe.name for recipe in recipes.scenario(recipes.PAPER_MASKED)]
    ['paper_unmasked', 'paper_masked']

    Args:
        recipe: any recipe; an `init` that is no named recipe is taken for a run folder's path.

    Returns:
        One or more recipes; `PAPER_MASKED` gives (`PAPER_UNMASKED`, `PAPER_MASKED`).
    """
    before = scenario(ALL[recipe.init]) if recipe.init in ALL else ()
    return (*before, recipe)


__all__ = [
    "ALL",
    "COSINE_MARGIN",
    "COSINE_MARGIN_S_TO_T",
    "FROZEN_MEANS",
    "FROZEN_MEANS_S_TO_T",
    "MASKED_BEST",
    "MASKED_BEST_CLOSED",
    "MASKED_BEST_CLOSED_S",
    "MASKED_BEST_TUNED",
    "MASKED_DRAWN",
    "PAPER_MASKED",
    "PAPER_MASKED_DIRECT",
    "PAPER_MASKED_DIRECT_GPU",
    "PAPER_MASKED_GPU",
    "PAPER_UNMASKED",
    "PAPER_UNMASKED_GPU",
    "S_AND_T_TO_T",
    "S_TO_T",
    "Recipe",
    "Spec",
    "scenario",
]
