"""Whether the training of an ensemble takes a kernel, and if not, why: decided here, by measured numbers, and nowhere else."""

import importlib.util
import sys
from typing import Any, NamedTuple

import jax

from gatewise.backend import cores, kernels_wanted
from gatewise.training.data import Data
from gatewise.training.small_ensembles.recognise import Unknown, network_of, positions

LEAST_WORK = 2e5


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

    The choice depends on the model, the run and their sizes alone, so that the same call gives the same bits whatever was
    compiled before.

    Args:
        model: A compiled model, its metrics built.
        data: The rows.
        plan: The run's plan.
        job: How many members, epochs and devices.
    """
    members, epochs, devices = job
    reason = _why_never()
    if reason is None:
        try:
            network = network_of(model, data, plan)
        except Unknown as unknown:
            reason = str(unknown)
    if reason is None and members * epochs * plan.steps.rows < LEAST_WORK:
        reason = "it is too little work"
    if reason is not None:
        return Way(None, f"general: {reason}")

    from gatewise.recurrent.kernels import library, target
    from gatewise.training.small_ensembles import selftest
    from gatewise.training.small_ensembles.calls import Kernel

    lanes = target.shape().lanes
    blocks = -(-members // (devices * lanes))
    threads = max(1, min(cores() // devices, blocks)) if library.threaded() else 1
    kernel = Kernel(network, **positions(model), threads=threads)
    fault = selftest.fault(kernel, model, plan)
    if fault is not None:
        return Way(None, f"general: {fault}")
    every = threads * devices
    return Way(kernel, f"kernel: one member a lane, {every} thread{'' if every == 1 else 's'}")


def _why_never() -> str | None:
    """Return why no ensemble can take a kernel in this process."""
    if not kernels_wanted():
        return "GATEWISE_KERNELS=0"
    if jax.default_backend() != "cpu":
        return f"JAX runs on the {jax.default_backend()}"
    if sys.byteorder != "little" or sys.maxsize < 2**32:
        return "kernels are written for 64-bit little-endian processors"
    if importlib.util.find_spec("llvmlite") is None:
        return "llvmlite is not installed"
    return None
