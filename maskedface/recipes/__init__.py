"""Named experiments, and the `Recipe` class that describes them."""

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
"""All named recipes: {name: recipe}."""


def scenario(recipe: Recipe) -> tuple[Recipe, ...]:
    """A recipe preceded by the recipes that it starts from, in training order.

    >>> from maskedface import recipes
    >>> [recipe.name for recipe in recipes.scenario(recipes.PAPER_MASKED)]
    ['paper_unmasked', 'paper_masked']

    Args:
        recipe: any recipe; an `init` that is not a named recipe is taken as the path of a run
            folder.

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
