"""Many series in blocks, on one machine or on many: what all have alike is learned once, from some of them, and sent round.

In: a table, or a frame of Dask, Ray or Spark. Out: forecasts in the columns of `Forecaster.predict`, the same numbers
wherever they were made.
"""
