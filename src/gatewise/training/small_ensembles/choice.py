"""Whether the training of an ensemble takes a kernel, and if not, why: decided here, by measured numbers, and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from gatewise.backend import cores
from gatewise.recurrent.paths import why_no_kernels
from gatewise.training.data import Data
from gatewise.training.small_ensembles.network import Network, Room
from gatewise.training.small_ensembles.recognise import Unknown, network_of, positions

# The general way's estimated time below which a kernel is not worth what it takes the first time on a machine: half a second
# to be compiled, and about two for its self-test. Measured on two cores of a Zen 4: a step of the smallest network takes at
# least 0.7 µs a member, and of large ones 5e9 multiplications are done in a second, forward and back.
LEAST_SECONDS = 2.0
# Every weight's gradient is a sum over all rows and time steps: with a GRU(32) of two layers, 24 steps and 8 rows (5 MB) the
# kernel takes 0.6 of the general way's time, with a SimpleRNN(32), 48 steps and 256 rows (75 MB) all of it.
MOST_BYTES = 16 * 2**20
# Floats of the widest vectors that there are: the choice is the same on every processor.
_WIDEST = 16
_SECONDS_OF_A_STEP, _MULTIPLICATIONS_A_SECOND = 7e-7, 5e9
_runs: ContextVar[int] = ContextVar("runs", default=1)


@contextmanager
def shared_by(runs: int) -> Iterator[None]:
    """Let so many trainings of the same network, one after the other, share what a kernel takes the first time."""
    before = _runs.set(runs)
    try:
        yield
    finally:
        _runs.reset(before)


class Way(NamedTuple):
    """How an ensemble is trained.

    Attributes:
        kernel: The `calls.Kernel`, or None for the general way.
        words: The same for people.
    """

    kernel: Any
    words: str


def choose(model: Any, data: Data, plan: Any, job: tuple[int, int, int]) -> Way:
    """Choose how to train an ensemble.

    The choice depends on the model, the run, their sizes and how many runs there are alone, so that the same call gives the
    same bits whatever was compiled before.

    Args:
        model: A compiled model, its metrics built.
        data: The rows.
        plan: The run's plan.
        job: How many members, epochs and devices.
    """
    members, epochs, devices = job
    reason = why_no_kernels()
    if reason is None:
        try:
            network = network_of(model, data, plan)
        except Unknown as unknown:
            reason = str(unknown)
        else:
            if _general_seconds(network, plan, members * epochs) * _runs.get() < LEAST_SECONDS:
                reason = "it is too little work"
            elif Room(network).row * plan.steps.batch * 4 * _WIDEST > MOST_BYTES:
                reason = "the rows of a step are more than fits a cache"
    if reason is not None:
        return Way(None, f"general: {reason}")

    from gatewise.recurrent.kernels import library, target
    from gatewise.recurrent.kernels.threads import MOST_THREADS
    from gatewise.training.small_ensembles import selftest
    from gatewise.training.small_ensembles.calls import Kernel

    lanes = target.shape().lanes
    blocks = -(-members // (devices * lanes))
    threads = max(1, min(cores() // devices, blocks, MOST_THREADS)) if library.threaded() else 1
    kernel = Kernel(network, **positions(model), threads=threads)
    fault = selftest.fault(kernel, model, plan)
    if fault is not None:
        return Way(None, f"general: {fault}")
    every = threads * devices
    return Way(kernel, f"kernel: one member a lane, {every} thread{'' if every == 1 else 's'}")


def _general_seconds(network: Network, plan: Any, epochs: int) -> float:
    """Return about how long the general way takes for so many epochs of one member."""
    # As many again for the gradient of what was multiplied, and of what it was multiplied with.
    multiplications = 3 * plan.steps.rows * network.time * network.work
    return epochs * (plan.steps.total * _SECONDS_OF_A_STEP + multiplications / _MULTIPLICATIONS_A_SECOND)
