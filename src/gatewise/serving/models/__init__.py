"""Models as the server asks them: opened from folders, stepped here or in a worker, by the contract in `terms`.

`served` opens; `stepped` are networks that NumPy steps in this process, `worked` those that a worker has; `calls` asks any of
them, with a time limit where it may take long.
"""
