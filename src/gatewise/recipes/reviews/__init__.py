"""The recipes on movie reviews: five networks that tell good reviews from bad ones, and their GRU twins.

In: a name, and the reviews of `gatewise.datasets.imdb`. Out: the distribution of the accuracy over seeds, beside linear
models: `gatewise.recipes.ReviewResult`.
"""
