"""From forecasts of past cutoffs to what a forecast is made of: scores, weights of methods, widths of intervals, leaks."""
