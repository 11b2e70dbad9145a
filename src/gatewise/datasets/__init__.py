"""Data that ships with gatewise, tables of numbers from the user's own files, and windows over a series.

In: a name, or a CSV file. Out: NumPy arrays. Nothing here knows Keras; every room above may import it.
"""

from gatewise.datasets.airline import load_airline as load_airline
from gatewise.datasets.columns import ValueColumn as ValueColumn
from gatewise.datasets.columns import read_values as read_values
from gatewise.datasets.windows import Layout as Layout
from gatewise.datasets.windows import as_series as as_series
from gatewise.datasets.windows import windows as windows
