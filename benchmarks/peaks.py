"""What the machine can do at most: a product of two 2048 × 2048 float32 matrices, and a copy, on all cores.

``python peaks.py LIBRARY`` prints, as JSON, GFLOP/s (or GB/s for ``copy``): the best of several in this process.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

SIZE, REPEATS = 2048, 12
COPIED = 2**27  # bytes for each core, well over the caches


def best(call):
    """Return the seconds of the fastest of some calls, the first one left out."""
    call()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def product(library):
    """Return GFLOP/s of a product in NumPy, PyTorch or XLA, with the threads that each takes by itself."""
    import numpy as np

    one, other = np.random.default_rng(0).normal(size=(2, SIZE, SIZE)).astype("float32")
    if library == "numpy":
        call = lambda: one @ other  # noqa: E731
    elif library == "torch":
        import torch

        one, other = torch.from_numpy(one), torch.from_numpy(other)
        call = lambda: one @ other  # noqa: E731
    else:
        import jax

        one, other = jax.device_put(one), jax.device_put(other)
        multiply = jax.jit(lambda a, b: a @ b)
        call = lambda: multiply(one, other).block_until_ready()  # noqa: E731
    return 2 * SIZE**3 / best(call) / 1e9


def copy():
    """Return GB/s of copying, each core its own array; a byte counts when it is read and when it is written."""
    import os

    import numpy as np

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pairs = [(np.ones(COPIED // 4, "float32"), np.ones(COPIED // 4, "float32")) for _ in range(cores)]
    with ThreadPoolExecutor(cores) as pool:
        seconds = best(lambda: list(pool.map(lambda pair: np.copyto(*pair), pairs)))
    return 2 * COPIED * cores / seconds / 1e9


if __name__ == "__main__":
    print(json.dumps({"best": copy() if sys.argv[1] == "copy" else product(sys.argv[1])}))
