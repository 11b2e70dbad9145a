"""Which rows meet in which step: a pure function of (seed, epoch), so that nothing about it needs storing.

Keys are JAX's, one for each purpose, derived from the run's seed; a run that resumes in the middle of an epoch finds
the same order and the same dropout again.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key, UInt32

_ORDER, _DROPOUT, _BATCHES = 0, 1, 2


class Steps(NamedTuple):
    """How an epoch of `rows` samples is cut into steps.

    Attributes:
        rows: Samples in all.
        batch: Samples of a full step.
    """

    rows: int
    batch: int

    @property
    def full(self) -> int:
        """Steps of a whole batch."""
        return self.rows // self.batch

    @property
    def ragged(self) -> int:
        """Samples of the last, shorter step; 0 where the batch divides the rows."""
        return self.rows % self.batch

    @property
    def total(self) -> int:
        """Steps in all."""
        return self.full + (1 if self.ragged else 0)


def run_key(seed: int) -> Key[Array, ""]:
    """Return the key from which a run's order and dropout are derived.

    Args:
        seed: Any whole number from 0 to 2**63 - 1.
    """
    key = jax.random.key(seed & 0xFFFFFFFF)
    # JAX reads 32 bits of a seed; the others count as well.
    return jax.random.fold_in(key, seed >> 32) if seed >> 32 else key


def run_keys(seeds: Sequence[int]) -> Key[Array, " members"]:
    """Return what `run_key` returns for each of many seeds, without a program for every number of them."""
    if jax.config.values["jax_default_prng_impl"] == "threefry2x32" and not any(seed >> 32 for seed in seeds):
        # A threefry key is the seed in 64 bits.
        return jax.random.wrap_key_data(jax.device_put(np.array([[0, seed] for seed in seeds], np.uint32)))
    return jnp.stack([run_key(seed) for seed in seeds])


def epoch_order(key: Key[Array, ""], epoch: Int[Array, ""], rows: int) -> Int[Array, "rows"]:
    """Return the order of the rows in one epoch, each exactly once.

    Sorting random bits is a fair shuffle up to ties, which keep their order: with 2**16 rows one in a million pairs.
    """
    return jnp.argsort(epoch_bits(key, epoch, rows))


def epoch_bits(key: Key[Array, ""], epoch: Int[Array, ""], rows: int) -> UInt32[Array, "rows"]:
    """Return the random numbers by which the rows of one epoch are sorted."""
    return jax.random.bits(jax.random.fold_in(jax.random.fold_in(key, _ORDER), epoch), (rows,))


def windowed_order(
    key: Key[Array, ""], epoch: Int[Array, ""], lengths: Int[Array, "rows"], steps: Steps, window: int
) -> Int[Array, "rows"]:
    """Return an order in which rows of similar length meet in a batch, each exactly once.

    The rows are shuffled, cut into windows, sorted by length in each window and cut into batches, and the batches are
    shuffled. The last, shorter step gets rows as they come: always the longest of a window, it would not be fair.

    Args:
        key: The run's key.
        epoch: Its number.
        lengths: The length of each row.
        steps: How the rows are cut into batches.
        window: Rows of a window, a multiple of the batch.
    """
    order = epoch_order(key, epoch, steps.rows)
    whole = steps.full * steps.batch
    first = order[:whole]
    windows = jnp.arange(whole) // window
    batches = first[jnp.lexsort((lengths[first], windows))].reshape(steps.full, steps.batch)
    bits = jax.random.bits(jax.random.fold_in(jax.random.fold_in(key, _BATCHES), epoch), (steps.full,))
    return jnp.concatenate([batches[jnp.argsort(bits)].reshape(whole), order[whole:]])


def dropout_seeds(
    key: Key[Array, ""], epoch: Int[Array, ""], step: Int[Array, ""], generators: int
) -> UInt32[Array, "generators two"]:
    """Return the seeds of a model's random layers for one step, different for each generator, epoch and step."""
    step_key = jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(key, _DROPOUT), epoch), step)
    return jax.random.bits(step_key, (generators, 2), dtype=jnp.uint32)


def take_rows(nest: Any, order: Int[Array, "rows"]) -> Any:
    """Put the rows of every array of a nest into an order."""
    return jax.tree.map(lambda array: array[order], nest)


def slice_rows(nest: Any, start: Int[Array, ""], size: int) -> Any:
    """Cut `size` rows, beginning at `start`, out of every array of a nest."""
    return jax.tree.map(lambda array: jax.lax.dynamic_slice_in_dim(array, start, size), nest)
