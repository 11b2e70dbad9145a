"""Networks that forecast: local ones, one for each series, and global ones, which learn from all series of a table."""
