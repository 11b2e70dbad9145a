"""What may happen at the end of an epoch, as pure functions inside the program.

A rule is a frozen description with three functions: `start` makes its state, `update` is called at the end of every
epoch with the losses and metrics of that epoch, and answers with the new state, whether to stop, and the values to go
on with. All rules do exactly what the Keras callback of the same name does; the law suite in
tests/training/test_stopping.py runs each of them beside it.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from gatewise.training.state import ModelValues


class EpochEnd(NamedTuple):
    """What a rule sees at the end of an epoch.

    Attributes:
        epoch: Number of the epoch, from 0.
        logs: Loss and metrics of the epoch by name, each a scalar.
        validated: Whether this epoch was validated; ``val_…`` logs mean nothing where it was not.
    """

    epoch: Int[Array, ""]
    logs: dict[str, Any]
    validated: Bool[Array, ""]


@dataclass(frozen=True)
class Monitor:
    """What is watched, and what counts as better.

    Attributes:
        name: Name of a loss or metric in the logs.
        larger_is_better: Direction.
        min_delta: Least difference that counts, 0 or more.
    """

    name: str
    larger_is_better: bool
    min_delta: float = 0.0

    def improves(self, value: Any, reference: Any) -> Any:
        """Say whether `value` is better than `reference` by more than `min_delta`."""
        if self.larger_is_better:
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def available(self, end: EpochEnd) -> Any:
        """Say whether the watched quantity exists in this epoch."""
        if self.name not in end.logs:
            return jnp.bool_(False)
        return end.validated if self.name.startswith("val_") else jnp.bool_(True)


class Rule(Protocol):
    """The contract of everything that watches a run inside the program."""

    @property
    def monitor(self) -> Monitor:
        """What is watched."""

    def start(self, values: ModelValues) -> Any:
        """Return the rule's state before the first epoch."""

    def update(self, state: Any, end: EpochEnd, values: ModelValues) -> tuple[Any, Any, ModelValues]:
        """Return the rule's new state, whether to stop, and the values to go on with."""


class Best(NamedTuple):
    """The best value of a monitored quantity so far, and the model that had it.

    Attributes:
        value: The best value; meaningless while `seen` is False.
        seen: Whether there was any value yet.
        epoch: The epoch of the best value.
        wait: Epochs since the last improvement.
        stopped_epoch: The epoch at whose end the rule stopped the run, or -1.
        kept: Trainable and non-trainable arrays of the best epoch, where the rule keeps them; else empty.
    """

    value: Float[Array, ""]
    seen: Bool[Array, ""]
    epoch: Int[Array, ""]
    wait: Int[Array, ""]
    stopped_epoch: Int[Array, ""]
    kept: Any


def _nothing_yet(kept: Any) -> Best:
    integer = jnp.int32
    return Best(jnp.zeros(()), jnp.bool_(False), integer(0), integer(0), integer(-1), kept)


def _keep(condition: Any, new: Any, old: Any) -> Any:
    """Choose between two equal nests of arrays."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


@dataclass(frozen=True)
class StopEarly:
    """Stop when the monitored quantity has not improved for `patience` epochs (``keras.callbacks.EarlyStopping``).

    Attributes:
        monitor: What is watched.
        patience: Epochs without improvement that are allowed.
        baseline: A value that has to be beaten for the waiting to start again, or None.
        restore_best_weights: Whether the best epoch's weights are kept.
        start_from_epoch: Epochs before this one are not watched.
    """

    monitor: Monitor
    patience: int
    baseline: float | None
    restore_best_weights: bool
    start_from_epoch: int

    def start(self, values: ModelValues) -> Best:
        """Return the state before the first epoch."""
        return _nothing_yet((values.trainable, values.non_trainable) if self.restore_best_weights else ())

    def update(self, state: Best, end: EpochEnd, values: ModelValues) -> tuple[Best, Any, ModelValues]:
        """Look at the end of one epoch."""
        watched = self.monitor.available(end) & (end.epoch >= self.start_from_epoch)
        current = end.logs.get(self.monitor.name, state.value)
        better = watched & (~state.seen | self.monitor.improves(current, state.value))
        beats_baseline = True if self.baseline is None else self.monitor.improves(current, self.baseline)
        wait = jnp.where(watched, state.wait + 1, state.wait)
        stop = watched & ~better & (wait >= self.patience) & (end.epoch > 0)
        kept = (values.trainable, values.non_trainable)
        new = Best(
            value=jnp.where(better, current, state.value).astype(state.value.dtype),
            seen=state.seen | watched,
            epoch=jnp.where(better, end.epoch, state.epoch),
            wait=jnp.where(better & beats_baseline, 0, wait),
            stopped_epoch=jnp.where(stop, end.epoch, state.stopped_epoch),
            kept=_keep(better, kept, state.kept) if self.restore_best_weights else (),
        )
        return new, stop, values


@dataclass(frozen=True)
class SaveBest:
    """Keep the model of the best epoch (``keras.callbacks.ModelCheckpoint`` with ``save_best_only``).

    Attributes:
        monitor: What is watched.
        threshold: Only values better than this one count, or None.
    """

    monitor: Monitor
    threshold: float | None

    def start(self, values: ModelValues) -> Best:
        """Return the state before the first epoch."""
        best = _nothing_yet(values)
        if self.threshold is None:
            return best
        return best._replace(value=jnp.asarray(self.threshold, best.value.dtype), seen=jnp.bool_(True))

    def update(self, state: Best, end: EpochEnd, values: ModelValues) -> tuple[Best, Any, ModelValues]:
        """Look at the end of one epoch."""
        current = end.logs.get(self.monitor.name, state.value)
        better = self.monitor.available(end) & (~state.seen | self.monitor.improves(current, state.value))
        new = state._replace(
            value=jnp.where(better, current, state.value).astype(state.value.dtype),
            seen=state.seen | better,
            epoch=jnp.where(better, end.epoch, state.epoch),
            # Counts the epochs that were kept, so that the host knows whether there is something new to write.
            wait=state.wait + better,
            kept=_keep(better, values, state.kept),
        )
        return new, jnp.bool_(False), values


@dataclass(frozen=True)
class ReduceRate:
    """Reduce the learning rate on a plateau (``keras.callbacks.ReduceLROnPlateau``).

    Attributes:
        monitor: What is watched.
        factor: By which the learning rate is multiplied, between 0 and 1.
        patience: Epochs without improvement that are allowed.
        cooldown: Epochs to wait after a reduction.
        min_rate: Lower bound of the learning rate.
        position: Where in the optimizer's variables the learning rate is.
    """

    monitor: Monitor
    factor: float
    patience: int
    cooldown: int
    min_rate: float
    position: int

    def start(self, values: ModelValues) -> tuple[Best, Any]:
        """Return the state before the first epoch: the best value, and the epochs left to cool down."""
        return _nothing_yet(()), jnp.int32(0)

    def update(self, state: tuple[Best, Any], end: EpochEnd, values: ModelValues) -> tuple[Any, Any, ModelValues]:
        """Look at the end of one epoch."""
        best, cooling = state
        watched = self.monitor.available(end)
        current = end.logs.get(self.monitor.name, best.value)
        was_cooling = watched & (cooling > 0)
        cooling = jnp.where(was_cooling, cooling - 1, cooling)
        wait = jnp.where(was_cooling, 0, best.wait)
        better = watched & (~best.seen | self.monitor.improves(current, best.value))
        waiting = watched & ~better & (cooling == 0)
        wait = jnp.where(better, 0, jnp.where(waiting, wait + 1, wait))
        rate = values.optimizer[self.position]
        reduce = waiting & (wait >= self.patience) & (rate > self.min_rate)
        slots = list(values.optimizer)
        slots[self.position] = jnp.where(reduce, jnp.maximum(rate * self.factor, self.min_rate), rate).astype(
            rate.dtype
        )
        new = best._replace(
            value=jnp.where(better, current, best.value).astype(best.value.dtype),
            seen=best.seen | watched,
            epoch=jnp.where(better, end.epoch, best.epoch),
            wait=jnp.where(reduce, 0, wait),
        )
        return (new, jnp.where(reduce, self.cooldown, cooling)), jnp.bool_(False), values._replace(optimizer=slots)
