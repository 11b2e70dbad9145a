"""The recipes on one series: seven that everybody has met, five of them once more with GRU layers.

In: a name, and a series (the airline passengers unless another is given). Out: the distribution of the error over seeds,
beside persistence: `gatewise.recipes.RecipeResult`.
"""
