"""Tables of numbers, from files, frames and lists, into series: read strictly, or refused with the row that is wrong.

::

    files      path -> bytes that are a table           records    bytes -> rows, counted
    dialect    separator, header, decimal sign          delimited  rows -> columns, parsed by pandas
    cells      numbers                                  frames     frames, arrays, spreadsheets, Parquet
    spellings, timestamps, whole_times   times          roles      which column is what
    unfolding  table -> rows of one value each          frequency, steps   the step between two times
    assembly   rows -> series on a regular grid         remarks    what is remarkable about them
    reading    all of it: `read_series`                 series_table       the result
    columns    one column of numbers: `read_values`

In: a table in any of these forms. Out: a `SeriesTable`. Nothing here knows Keras.
"""

from gatewise.tables.columns import ValueColumn as ValueColumn
from gatewise.tables.columns import read_values as read_values
from gatewise.tables.form import Covariates as Covariates
from gatewise.tables.form import Fix as Fix
from gatewise.tables.form import TableFormat as TableFormat
from gatewise.tables.reading import read_series as read_series
from gatewise.tables.series_table import Series as Series
from gatewise.tables.series_table import SeriesTable as SeriesTable
