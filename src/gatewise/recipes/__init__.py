"""The classic time-series recipes by name, as data; and what they are worth over many seeds, beside persistence.

In: a name from `recipes()`, and a series (the airline passengers unless another is given). Out: the specification
(`Recipe`), its Keras model (`Recipe.build`), and the distribution of its error over seeds (`RecipeResult`).
May be imported by the report and the command line. Keras is loaded only when a recipe is built or run.
"""

from gatewise.recipes.result import RecipeResult as RecipeResult
from gatewise.recipes.run import RunOptions as RunOptions
from gatewise.recipes.run import run_recipes as run_recipes
from gatewise.recipes.specification import Recipe as Recipe
from gatewise.recipes.specification import recipe as recipe
from gatewise.recipes.specification import recipes as recipes
