"""The classic recipes by name, as data; and what they are worth over many seeds, beside what costs next to nothing.

::

    names       all of them: `recipe`, `recipes`
    airline/    forecasting one series: the airline passengers, or another; beside persistence
    reviews/    movie reviews, good or bad; beside linear models
    dialect     whose defaults recurrent layers have
    members, wording   distributions over members; tables of results
    speed/      how long the small ones take, beside Keras and PyTorch

In: a name, and a series or reviews. Out: the specification, its Keras model (`build`), and the distribution of its error
or accuracy over seeds. May be imported by the report and the command line. Keras is loaded only when a recipe is built
or run.
"""

from gatewise.recipes.airline.result import RecipeResult as RecipeResult
from gatewise.recipes.airline.run import RunOptions as RunOptions
from gatewise.recipes.airline.run import run_recipes as run_recipes
from gatewise.recipes.airline.specification import Recipe as Recipe
from gatewise.recipes.names import recipe as recipe
from gatewise.recipes.names import recipes as recipes
from gatewise.recipes.reviews.result import ReviewResult as ReviewResult
from gatewise.recipes.reviews.run import ReviewOptions as ReviewOptions
from gatewise.recipes.reviews.run import run_reviews as run_reviews
from gatewise.recipes.reviews.specification import ReviewRecipe as ReviewRecipe
