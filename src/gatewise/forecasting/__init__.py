"""Series to forecasts: networks, what they are weighed against, intervals that hold, and backtests.

In: a `SeriesTable`. Out: frames of forecasts in the columns `unique_id, ds, gatewise, gatewise-lo-80, …`, and saved models.
"""
