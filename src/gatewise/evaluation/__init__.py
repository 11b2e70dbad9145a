"""How good forecasts are: errors, baselines to beat, intervals, and whether a difference is more than luck.

In: arrays, in NumPy, of many series at once; NaN is what is not known, and nothing else is. Out: arrays, and sentences.
Nothing here knows Keras, JAX or where the forecasts come from. `gatewise.metrics` and `gatewise.baselines` are the short
names of two of its parts.
"""

from gatewise.evaluation.intervals import Intervals as Intervals
from gatewise.evaluation.intervals import conformal_intervals as conformal_intervals
from gatewise.evaluation.ranking import Comparison as Comparison
from gatewise.evaluation.ranking import Ranking as Ranking
from gatewise.evaluation.ranking import diebold_mariano as diebold_mariano
from gatewise.evaluation.ranking import friedman as friedman
