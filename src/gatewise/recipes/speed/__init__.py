"""How fast gatewise trains on this machine, beside Keras on each of its backends and a plain PyTorch loop.

In: names of workloads (`workloads.WORKLOADS`) and of runners (`runners.RUNNERS`). Out: `results.Results`, every raw
timing with the machine it was made on, which `tables` turns into text. May be imported by the command line.

Each measurement is a process of its own, started by `runners`: the peers run `peers`, which imports nothing of
gatewise, and gatewise runs `own`; both get the same arrays and the same plain description of the network.

``python -m gatewise.recipes.speed --runner keras-jax --workload lstm-time-steps --json`` makes one measurement.
"""

from gatewise.recipes.speed.results import Measurement as Measurement
from gatewise.recipes.speed.results import Results as Results
from gatewise.recipes.speed.runners import RUNNERS as RUNNERS
from gatewise.recipes.speed.runners import measure as measure
from gatewise.recipes.speed.runners import measure_all as measure_all
from gatewise.recipes.speed.workloads import WORKLOADS as WORKLOADS
