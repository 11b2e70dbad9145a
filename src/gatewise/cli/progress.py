"""The bar on stderr while recipes are trained: which one, how far, and how much time is left."""

from typing import TYPE_CHECKING

from gatewise.progress import Bar

if TYPE_CHECKING:
    from gatewise.recipes import Recipe, ReviewRecipe


class RecipeBar(Bar):
    """The bar while recipes are trained."""

    def update(self, place: int, recipe: "Recipe | ReviewRecipe", share: float) -> None:
        """Show how far the work is; the arguments are those of ``on_progress`` in `gatewise.recipes.run_recipes`."""
        self.show(place, recipe.name, share)
