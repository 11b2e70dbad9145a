"""What can be seen of a server from outside: numbers in `metrics`, lines in `logs`, both of each request by `tally`."""
