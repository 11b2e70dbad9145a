"""Which way a recurrent walk takes, the kernel or the scan, and why: decided here, by measured numbers, and nowhere else."""

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import jax

from gatewise.backend import cores, kernels_wanted
from gatewise.recurrent import equations, scans
from gatewise.recurrent.equations import Cell, Inputs, States, Weights
from gatewise.recurrent.scans import Returns

_WITH_KERNELS = (equations.LSTM, equations.GRU, equations.GRUResetBefore, equations.SimpleRNN)

# All measured on two cores of a Zen 4 (AVX-512), in multiplications of one walk forward. Kernels win from the smallest
# walks on (LSTM(4), 12 steps, batch 32, 4e4 multiplications: 18 µs a training step, the scan 57), but they take two or three
# seconds the first time on a machine, and a few tenths for the self-test in each process, which no small job should wait
# for. What is compiled already must not matter: the same call gives the same bits, today and tomorrow.
# `benchmarks/thresholds.py` measures it all again.
LEAST_WORK = 2e6
# Weights are packed once a walk, which fewer rows times steps than units do not repay: LSTM(256) takes 4.0 ms a training
# step for 12 steps of 16 rows where the scan takes 3.0, and GRU(256) 3.1 for 48 steps of 4 rows where it takes 2.8.
LEAST_ROWS = 1.0
# A thread costs 20 to 50 µs, and a core does 4e10 multiplications a second.
WORK_OF_A_THREAD = 8e6
_MOST_THREADS = 64

# Reasons that kernels cannot know.
MEMBERS = "the members of an ensemble are computed together"
DEVICES = "the rows of a batch are spread over devices"

_refused: ContextVar[str | None] = ContextVar("gatewise_kernels_refused", default=None)


@dataclass(frozen=True)
class Extent:
    """How large a walk is.

    Attributes:
        time: Steps.
        batch: Rows.
        features: Inputs of a step.
        units: Units of the layer.
        gates: Gates of a unit.
    """

    time: int
    batch: int
    features: int
    units: int
    gates: int

    @property
    def work(self) -> int:
        """Multiplications of one walk forward."""
        return self.time * self.batch * (self.features + self.units) * self.units * self.gates


@dataclass(frozen=True)
class Needs:
    """What a walk asks for, besides its size.

    Attributes:
        dtype: Of inputs, weights and states.
        mask: Whether there are steps that do not count.
        dropout: Whether the gates have dropout, each its own, for which there are other kernels than without.
        states: Whether more than the output of every step is wanted.
    """

    dtype: str = "float32"
    mask: bool = False
    dropout: bool = False
    states: bool = False


@contextlib.contextmanager
def without_kernels(reason: str) -> Iterator[None]:
    """While something is traced: let every walk be a scan, for a reason such as `MEMBERS` or `DEVICES`."""
    token = _refused.set(reason)
    try:
        yield
    finally:
        _refused.reset(token)


def why_not_kernel(cell: Cell, extent: Extent, needs: Needs | None = None) -> str | None:
    """Return why a walk has to be a scan; None where it takes the kernel.

    The first kernel of a cell is compiled (or read from the cache) and tested here.

    Args:
        cell: The equations.
        extent: How large the walk is.
        needs: What the walk asks for. Default: nothing special.
    """
    needs = needs or Needs()
    return _why_never(cell, needs) or _why_not_now(cell, extent, needs.dropout)


def _why_never(cell: Cell, needs: Needs) -> str | None:
    """Return why no such walk of a cell can take a kernel in this process."""
    if (refused := _refused.get() or why_no_kernels()) is not None:
        return refused
    if type(cell) not in _WITH_KERNELS:
        return f"there is no kernel for a {type(cell).__name__}"
    if needs.dtype != "float32":
        return f"it computes in {needs.dtype}, kernels in float32"
    return None


def why_no_kernels() -> str | None:
    """Return why there is no machine code of gatewise's in this process; None where there can be."""
    if not kernels_wanted():
        return "GATEWISE_KERNELS=0"
    if jax.default_backend() != "cpu":
        return f"JAX runs on the {jax.default_backend()}"
    if sys.byteorder != "little" or sys.maxsize < 2**32:
        return "kernels are written for 64-bit little-endian processors"
    if importlib.util.find_spec("llvmlite") is None:
        return "llvmlite is not installed"
    return None


def _why_not_now(cell: Cell, extent: Extent, dropped: bool) -> str | None:
    from gatewise.recurrent.kernels.selftest import fault

    if min(extent.time, extent.batch) < 1 or extent.work < LEAST_WORK:
        return "it is too little work"
    if extent.time * extent.batch < LEAST_ROWS * extent.units:
        return "there are too few rows and steps for so many units"
    return fault(type(cell), dropped)


def warm_up() -> Iterator[tuple[str, str | None]]:
    """Compile and test all kernels; yield the cell, with dropout or without, and why they cannot be used, or None."""
    for kind in _WITH_KERNELS:
        cell: Cell = kind()
        for dropped in (False, True):
            fault = _why_never(cell, Needs())
            if fault is None:
                from gatewise.recurrent.kernels import selftest

                fault = selftest.fault(kind, dropped)
            yield f"{kind.__name__} with dropout" if dropped else kind.__name__, fault


def threads_for(extent: Extent) -> int:
    """Return how many threads should share the rows of a walk."""
    from gatewise.recurrent.kernels.library import threaded

    useful = min(cores(), extent.batch, int(extent.work // WORK_OF_A_THREAD), _MOST_THREADS)
    return max(1, useful) if threaded() else 1


def extent_of(cell: Cell, sequence_shape: tuple[int, ...], units: int, columns: int) -> Extent:
    """Return the extent of a walk along ``(time, batch, features)`` with so many columns of the kernels."""
    time, batch, features = sequence_shape
    return Extent(time, batch, features, units, columns // units)


def walk(
    cell: Cell, returns: Returns, inputs: Inputs, weights: Weights, states: States
) -> tuple[tuple[Any, ...], States]:
    """Walk a cell along its inputs on the way that suits.

    Args:
        cell: The equations.
        returns: What to return of every step: nothing (``"last"``), its output (``"outputs"``) or all ``"states"``.
        inputs: What it walks along.
        weights: The weights of the recurrence.
        states: The states before the first step, each ``(batch, units)``.

    Returns:
        As from `scans.walk`.
    """
    extent = extent_of(cell, inputs.sequence.shape, *weights.kernel.shape)
    needs = _needs(returns, inputs, weights, states)
    if why_not_kernel(cell, extent, needs) is None:
        from gatewise.recurrent.kernels import calls

        call = calls.Call(cell, returns, threads_for(extent), needs.dropout)
        return calls.kernel_walk(call, inputs, weights, states)
    return scans.walk(cell, returns, inputs.projected(), inputs.mask, weights, states)


def _needs(returns: Returns, inputs: Inputs, weights: Weights, states: States) -> Needs:
    floats = jax.tree.leaves((inputs._replace(mask=None), weights, states))
    return Needs(
        dtype=" and ".join(sorted({str(array.dtype) for array in floats})),
        mask=inputs.mask is not None,
        dropout=inputs.weights.dropout is not None or weights.dropout is not None,
        states=scans.returned(returns, states) > 1,
    )
