"""Classical methods that a forecast is weighed against: estimated from each series, the slow ones in processes of their own."""
