"""THE program: steps into epochs, epochs into a run, one XLA program for all of it.

A program advances a `RunState` by at most `budget` steps and returns it with the logs of the epochs that were finished
on the way. The budget is a number, not a shape: the same program runs one step, half a second of steps, or the whole
run, and where it is cut makes no difference to the numbers. All that happens to a model during training happens here:
order, steps, the ragged last step, validation, stopping rules, reset of carried state.

An ensemble is the same program with every function of one member lifted over a leading members axis (`jax.vmap`); the
loops stay outside, so that all members move in step, and no member costs a branch.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from gatewise.recurrent import DEVICES, MEMBERS, without_kernels
from gatewise.training.arrays import rows_of
from gatewise.training.data import Data
from gatewise.training.order import Steps, dropout_seeds, epoch_order, slice_rows, take_rows, windowed_order
from gatewise.training.small_products import with_small_products_written_out
from gatewise.training.state import ModelValues
from gatewise.training.step import Step
from gatewise.training.stopping import EpochEnd, Rule

# How many epochs one dispatch can finish: the length of its log buffer.
EPOCHS_PER_DISPATCH = 256

# A shuffled copy of the data saves a gather in every step; above this size the gather is cheaper than the copy.
SHUFFLED_COPY_UP_TO = 64 * 2**20


class RunState(NamedTuple):
    """All that a run is at one moment: what a checkpoint holds besides the history.

    Attributes:
        values: Weights, optimizer slots, statistics and recurrent state.
        metrics: Metric sums of the epoch under way, and of its validation.
        validation_state: Recurrent state of the validation pass under way.
        rules: The state of every stopping rule.
        held: The values that members of an ensemble had when a rule stopped them; empty without members or rules.
        key: The key that order and dropout come from.
        stopped: Whether a rule has stopped the run (or this member).
        epoch: Number of the epoch under way. Never has a members axis.
        step: Next step of that epoch; validation steps follow the training steps. Never has a members axis.
    """

    values: ModelValues
    metrics: tuple[list[Any], list[Any]]
    validation_state: list[Any]
    rules: tuple[Any, ...]
    held: Any
    key: Any
    stopped: Any
    epoch: Any
    step: Any


class Dispatch(NamedTuple):
    """What a program returns.

    Attributes:
        state: The state afterwards.
        logs: ``(epochs, names)``, or ``(epochs, members, names)``: the epochs finished in this dispatch come first.
        finished: How many epochs were finished.
        steps: How many steps were done, validation included.
        bad_step: The first step of this dispatch, counted from 0, whose training loss was not finite; the number of
            steps done, where all losses were and the weights at the end are not; -1 for none. One a member.
    """

    state: RunState
    logs: Any
    finished: Any
    steps: Any
    bad_step: Any


class Control(NamedTuple):
    """The numbers that steer one dispatch; none of them is a shape.

    Attributes:
        budget: Most steps to do.
        last_epoch: Epoch before which to stop.
        first_epoch: The epoch under way when the dispatch began, to which `rates` are relative.
        rates: A learning rate for each epoch, ``(EPOCHS_PER_DISPATCH,)``; not used without a schedule.
    """

    budget: Any
    last_epoch: Any
    first_epoch: Any
    rates: Any


@dataclass(frozen=True)
class Plan:
    """What a program is compiled for: the facts of a run that do not change while it runs.

    Attributes:
        steps: How the training rows are cut.
        validation: How the validation rows are cut, or None.
        validation_freq: Validate every so many epochs, or in the epochs listed (counted from 1).
        shuffle: Whether every epoch has an order of its own.
        rules: What may happen at the end of an epoch.
        rate_position: Where in the optimizer's variables the learning rate is, or None where it is a schedule.
        scheduled: Whether the learning rate of each epoch comes from `Control.rates`.
        logs_rate: Whether the logs hold the learning rate.
        reset_states: When the carried state is set to zero: ``"epoch"``, ``"batch"`` or ``"never"``.
        members: Size of the members axis, or None for a single model.
        member_data: Whether the data have a members axis as well.
        mesh: Devices over which the rows of a batch are spread, or None.
        window: How many rows of an epoch's order are sorted by length together, or None.
        kernel: The `small_ensembles.Kernel` that does the training steps, or None.
    """

    steps: Steps
    validation: Steps | None
    validation_freq: int | tuple[int, ...]
    shuffle: bool
    rules: tuple[Rule, ...]
    rate_position: int | None
    scheduled: bool
    logs_rate: bool
    reset_states: str
    members: int | None
    member_data: bool
    mesh: Any = None
    window: int | None = None
    kernel: Any = None

    def facts(self) -> dict[str, Any]:
        """Return the plan by the names of the arguments that it came from, to tell one program from another."""
        return {
            "batch_size": self.steps,
            "validation_batch_size": self.validation,
            "validation_freq": self.validation_freq,
            "shuffle": self.shuffle,
            "callbacks": (self.rules, self.scheduled, self.logs_rate),
            "reset_states": self.reset_states,
            "members": self.members,
            "member_data": self.member_data,
            "devices": self.mesh,
            "lengths": self.window,
            "kernel": self.kernel,
        }

    def validates(self, epoch: Any) -> Any:
        """Say whether an epoch (counted from 0, a number or an array) ends with a validation."""
        if self.validation is None:
            return epoch < 0
        if isinstance(self.validation_freq, int):
            return (epoch + 1) % self.validation_freq == 0
        return sum((epoch + 1 == chosen) for chosen in self.validation_freq) > 0


class Program:
    """The functions of one run, ready for `jax.jit`.

    Args:
        step: The model's step.
        plan: What to compile for.
    """

    def __init__(self, step: Step, plan: Plan) -> None:
        self.step = step
        self.plan = plan
        self.names: tuple[str, ...] = ()
        self.traces = 0

    def lift(self, function: Callable[..., Any], *axes: int | None) -> Callable[..., Any]:
        """Lift a function of one member over the members axis, if there is one."""
        return function if self.plan.members is None else jax.vmap(function, in_axes=axes)

    def start(self, values: ModelValues, key: Any, epoch: int) -> RunState:
        """Return the state of a run that begins."""
        rules = tuple(self.lift(rule.start, 0)(values) for rule in self.plan.rules)
        members = () if self.plan.members is None else (self.plan.members,)
        zeros = [jnp.broadcast_to(array, (*members, *array.shape)) for array in self.step.reset_metrics()]
        stopped = jnp.zeros(members, bool)
        held = values if self.plan.members is not None and rules else ()
        cursor = jnp.int32(epoch), jnp.int32(0)
        return RunState(values, (zeros, zeros), values.recurrent, rules, held, key, stopped, *cursor)

    def final_values(self, state: RunState) -> ModelValues:
        """Return the values a run ends with: those of its stopped members as they were when they stopped."""
        if not state.held:
            return state.values
        return jax.vmap(_choose)(state.stopped, state.held, state.values)

    def training_steps(self, state: RunState, first_epoch: int) -> int:
        """Return how many training steps were done since `first_epoch` began."""
        epochs = int(state.epoch) - first_epoch
        return epochs * self.plan.steps.total + min(int(state.step), self.plan.steps.total)

    def __call__(self, state: RunState, data: Data, validation: Data | None, control: Control) -> Dispatch:
        """Advance a run by at most ``control.budget`` steps."""
        plan = self.plan
        with contextlib.ExitStack() as stack:
            # A kernel does the rows of one model on all cores: it knows neither members nor devices.
            if plan.members is not None:
                stack.enter_context(without_kernels(MEMBERS))
            elif plan.mesh is not None:
                stack.enter_context(without_kernels(DEVICES))
            return self._advance(state, data, validation, control)

    def _advance(self, state: RunState, data: Data, validation: Data | None, control: Control) -> Dispatch:
        self.traces += 1
        plan = self.plan
        members = () if plan.members is None else (plan.members,)
        names = self.log_names(state)
        logs = jnp.zeros((EPOCHS_PER_DISPATCH, *members, len(names)), state.metrics[0][0].dtype)
        begin = Dispatch(state, logs, jnp.int32(0), jnp.int32(0), jnp.full(members, -1, jnp.int32))

        def unfinished(at: Dispatch) -> Any:
            going = (at.steps < control.budget) & (at.finished < EPOCHS_PER_DISPATCH)
            going &= at.state.epoch < control.last_epoch
            # Members of an ensemble stop one by one, and the host looks at them between dispatches.
            return going & ~at.state.stopped if plan.members is None else going

        at = jax.lax.while_loop(unfinished, lambda at: self._epoch(at, data, validation, control), begin)
        # A gradient may be infinite where its loss was not: looked at once a dispatch, since every step would cost.
        finite = self.lift(_all_finite, 0)(at.state.values.trainable)
        return at._replace(bad_step=jnp.where((at.bad_step < 0) & ~finite & ~at.state.stopped, at.steps, at.bad_step))

    # -- one epoch, or the part of it that the budget allows ------------------------------------------------------

    def _epoch(self, at: Dispatch, data: Data, validation: Data | None, control: Control) -> Dispatch:
        at = at._replace(state=self._begin_epoch(at.state, control))
        at = self._training_steps(at, data, control)
        if validation is not None:
            at = self._validation_steps(at, validation, control)
        total = self.plan.steps.total + (self.plan.validation.total if self.plan.validation else 0)
        return jax.lax.cond(at.state.step >= total, self._end_epoch, lambda unchanged: unchanged, at)

    def _begin_epoch(self, state: RunState, control: Control) -> RunState:
        first = state.step == 0
        zeros = self.step.reset_metrics()
        metrics = [jnp.where(first, zero, array) for zero, array in zip(zeros, state.metrics[0], strict=True)]
        values = state.values
        if self.plan.reset_states == "epoch":
            values = values._replace(recurrent=[jnp.where(first, 0, array) for array in values.recurrent])
        if self.plan.scheduled:
            slots = list(values.optimizer)
            rate = slots[self.plan.rate_position or 0]
            scheduled = control.rates[state.epoch - control.first_epoch].astype(rate.dtype)
            slots[self.plan.rate_position or 0] = jnp.broadcast_to(scheduled, rate.shape)
            values = values._replace(optimizer=slots)
        return state._replace(values=values, metrics=(metrics, state.metrics[1]))

    def _training_steps(self, at: Dispatch, data: Data, control: Control) -> Dispatch:
        if self.plan.kernel is not None:
            return self._steps_by_kernel(at, data, control)
        steps = self.plan.steps
        rows_axis = 0 if self.plan.member_data or self.plan.shuffle else None
        fetch, source = self._fetcher(at.state, data, rows_axis)

        def full(at: Dispatch) -> Dispatch:
            start = at.state.step * steps.batch
            return self._train_one(at, self._cut(fetch, source, start, steps.batch, rows_axis), rows_axis)

        def ragged(at: Dispatch) -> Dispatch:
            start = jnp.int32(steps.full * steps.batch)
            return self._train_one(at, self._cut(fetch, source, start, steps.ragged, rows_axis), rows_axis)

        at = self._with_values(at, self.lift(self.step.pack, 0))
        at = jax.lax.while_loop(lambda at: (at.state.step < steps.full) & _affordable(at, control), full, at)
        if steps.ragged:
            due = (at.state.step == steps.full) & _affordable(at, control)
            at = jax.lax.cond(due, ragged, lambda unchanged: unchanged, at)
        return self._with_values(at, self.lift(self.step.unpack, 0))

    def _steps_by_kernel(self, at: Dispatch, data: Data, control: Control) -> Dispatch:
        """Do what is affordable of the epoch's training steps in one call."""
        steps, first = self.plan.steps, at.state.step
        count = jnp.clip(jnp.minimum(steps.total - first, control.budget - at.steps), 0)

        def some(at: Dispatch) -> Dispatch:
            state, (total, rows) = at.state, at.state.metrics[0]
            where = steps, state.epoch, first, count
            values, total, bad = self.plan.kernel.train(state.values, total, state.key, data, where)
            done = jnp.minimum((first + count) * steps.batch, steps.rows) - first * steps.batch
            metrics = [total, rows + done.astype(rows.dtype)]
            new = state._replace(values=values, metrics=(metrics, state.metrics[1]), step=first + count)
            first_bad = (at.bad_step < 0) & (bad >= 0) & ~state.stopped
            bad = jnp.where(first_bad, at.steps + bad, at.bad_step)
            return at._replace(state=new, steps=at.steps + count, bad_step=bad)

        return jax.lax.cond(count > 0, some, lambda unchanged: unchanged, at)

    def _with_values(self, at: Dispatch, change: Callable[[ModelValues], ModelValues]) -> Dispatch:
        return at._replace(state=at.state._replace(values=change(at.state.values)))

    def _cut(self, fetch: Callable[..., Any], source: Any, start: Any, size: int, axis: int | None) -> Any:
        """Cut one batch out, for every member where the members have rows of their own."""
        return (
            fetch(source, start, size) if axis is None else self.lift(lambda part: fetch(part, start, size), 0)(source)
        )

    def _fetcher(self, state: RunState, data: Data, rows_axis: int | None) -> tuple[Callable[..., Any], Any]:
        """Return how a batch is cut out, and of what: the data, a shuffled copy, or the data by an order."""
        plan = self.plan
        if not plan.shuffle:
            return slice_rows, data
        data_axis = 0 if plan.member_data else None

        def ordered(key: Any, lengths: Any) -> Any:
            if plan.window is None:
                return epoch_order(key, state.epoch, plan.steps.rows)
            return windowed_order(key, state.epoch, lengths, plan.steps, plan.window)

        order = self.lift(ordered, 0, data_axis)(state.key, data.lengths)
        size = sum(array.nbytes for array in jax.tree.leaves(data))
        copies = 1 if plan.member_data else plan.members or 1
        if size * copies <= SHUFFLED_COPY_UP_TO:
            return slice_rows, self.lift(take_rows, data_axis, 0)(data, order)

        def by_order(part: Any, start: Any, size: int) -> Any:
            rows, order = part
            return take_rows(rows, jax.lax.dynamic_slice_in_dim(order, start, size))

        if plan.members is not None and not plan.member_data:
            # One copy of the data for all members: each batch is gathered from it by the member's own order.
            return (lambda order, start, size: take_rows(data, jax.lax.dynamic_slice_in_dim(order, start, size))), order
        return by_order, (data, order)

    def _train_one(self, at: Dispatch, batch: Data, batch_axis: int | None) -> Dispatch:
        state, step = at.state, self.step
        # A ragged batch stays whole where the devices do not divide it.
        if self.plan.mesh is not None and rows_of(batch.x) % self.plan.mesh.size == 0:
            rows = NamedSharding(self.plan.mesh, PartitionSpec("batch"))
            batch = jax.tree.map(lambda array: jax.lax.with_sharding_constraint(array, rows), batch)

        def one(values: ModelValues, metrics: list[Any], key: Any, batch: Data) -> tuple[Any, ...]:
            if self.plan.reset_states == "batch":
                values = values._replace(recurrent=[jnp.zeros_like(array) for array in values.recurrent])
            seeds = dropout_seeds(key, state.epoch, state.step, step.generators)
            new, metrics, loss = step.train(step.with_seeds(values, seeds), metrics, batch)
            return step.without_seeds(new, values), metrics, jnp.isfinite(loss)

        one = with_small_products_written_out(one)
        values, metrics, finite = self.lift(one, 0, 0, 0, batch_axis)(state.values, state.metrics[0], state.key, batch)
        new = state._replace(values=values, metrics=(metrics, state.metrics[1]), step=state.step + 1)
        bad = jnp.where((at.bad_step < 0) & ~finite & ~state.stopped, at.steps, at.bad_step)
        return at._replace(state=new, steps=at.steps + 1, bad_step=bad)

    # -- validation -----------------------------------------------------------------------------------------------

    def _validation_steps(self, at: Dispatch, data: Data, control: Control) -> Dispatch:
        plan, steps = self.plan, self.plan.validation
        assert steps is not None
        first, total = plan.steps.total, plan.steps.total + steps.total
        data_axis = 0 if plan.member_data else None

        def skipped(at: Dispatch) -> Dispatch:
            over = (at.state.step == first) & ~plan.validates(at.state.epoch)
            return at._replace(state=at.state._replace(step=jnp.where(over, total, at.state.step)))

        def begun(at: Dispatch) -> Dispatch:
            state, beginning = at.state, at.state.step == first
            zeros = [
                jnp.where(beginning, z, m) for z, m in zip(self.step.reset_metrics(), state.metrics[1], strict=True)
            ]
            # Validation goes on from where training is, and training goes on from there as if nothing had been.
            carried = [
                jnp.where(beginning, now, array)
                for now, array in zip(state.values.recurrent, state.validation_state, strict=True)
            ]
            return at._replace(state=state._replace(metrics=(state.metrics[0], zeros), validation_state=carried))

        def one(size: int) -> Callable[[Dispatch], Dispatch]:
            def test(at: Dispatch) -> Dispatch:
                state = at.state
                start = (state.step - first) * steps.batch
                batch = self._cut(slice_rows, data, start, size, data_axis)
                tested = self.lift(self._test_one, 0, 0, 0, data_axis)
                carried, metrics = tested(state.values, state.validation_state, state.metrics[1], batch)
                state = state._replace(
                    metrics=(state.metrics[0], metrics), validation_state=carried, step=state.step + 1
                )
                return at._replace(state=state, steps=at.steps + 1)

            return test

        at = begun(skipped(at))
        last_full = first + steps.full

        def due_full(at: Dispatch) -> Any:
            return (at.state.step >= first) & (at.state.step < last_full) & _affordable(at, control)

        at = jax.lax.while_loop(due_full, one(steps.batch), at)
        if steps.ragged:
            due = (at.state.step == last_full) & _affordable(at, control)
            at = jax.lax.cond(due, one(steps.ragged), lambda unchanged: unchanged, at)
        return at

    def _test_one(self, values: ModelValues, carried: list[Any], metrics: list[Any], batch: Data) -> tuple[Any, Any]:
        if self.plan.reset_states == "batch":
            carried = [jnp.zeros_like(array) for array in carried]
        return self.step.test(values._replace(recurrent=carried), metrics, batch)

    # -- the end of an epoch --------------------------------------------------------------------------------------

    def _end_epoch(self, at: Dispatch) -> Dispatch:
        state = at.state
        epoch, validated = state.epoch, jnp.asarray(self.plan.validates(state.epoch))

        def one(values: ModelValues, metrics: Any, rules: Any, stopped: Any) -> tuple[Any, ...]:
            logs = self._logs(values, metrics)
            end = EpochEnd(epoch, logs, validated)
            new_rules = []
            for rule, rule_state in zip(self.plan.rules, rules, strict=True):
                new_rule, stop, values = rule.update(rule_state, end, values)
                stopped = stopped | stop
                new_rules.append(new_rule)
            return values, tuple(new_rules), stopped, jnp.stack(list(logs.values()))

        lifted = self.lift(one, 0, 0, 0, 0)
        values, rules, stopped, logs = lifted(state.values, state.metrics, state.rules, state.stopped)
        new = state._replace(
            values=values, rules=rules, stopped=stopped, epoch=epoch + 1, step=jnp.zeros_like(state.step)
        )
        if self.plan.members is not None and self.plan.rules:
            # A stopped member goes on with the others; what it was when it stopped is kept beside it.
            keep = jax.vmap(_choose)
            held = keep(state.stopped, state.held, new.values)
            new = new._replace(rules=keep(state.stopped, state.rules, new.rules), held=held)
        rows = jax.lax.dynamic_update_index_in_dim(at.logs, logs.astype(at.logs.dtype), at.finished, 0)
        return at._replace(state=new, logs=rows, finished=at.finished + 1)

    def _logs(self, values: ModelValues, metrics: tuple[list[Any], list[Any]]) -> dict[str, Any]:
        logs = dict(self.step.results(metrics[0]))
        if self.plan.validation is not None:
            logs.update({f"val_{name}": value for name, value in self.step.results(metrics[1]).items()})
        if self.plan.logs_rate and self.plan.rate_position is not None:
            logs["learning_rate"] = values.optimizer[self.plan.rate_position].astype(logs["loss"].dtype)
        self.names = tuple(logs)
        return logs

    def log_names(self, state: RunState) -> tuple[str, ...]:
        """Find out, without computing anything, which logs an epoch leaves."""
        one = (state.values, state.metrics)
        if self.plan.members is not None:
            one = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape[1:], array.dtype), one)
        jax.eval_shape(self._logs, *one)
        return self.names


def _all_finite(arrays: list[Any]) -> Any:
    return jnp.stack([jnp.isfinite(array).all() for array in arrays]).all() if arrays else jnp.bool_(True)


def _choose(condition: Any, yes: Any, no: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def _affordable(at: Dispatch, control: Control) -> Any:
    return at.steps < control.budget
