"""`fit_ensemble`: many members of one model trained by one program, for little more than the price of one."""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from gatewise.errors import (
    GatewiseWarning,
    Interrupted,
    NonFiniteLossError,
    NotCompilableError,
    UsageError,
)
from gatewise.training.callbacks import Watchers, sort_callbacks, tabulate_schedule, warn_of_absent
from gatewise.training.checks import check_devices, check_flag, check_seed, check_trainable, check_whole
from gatewise.training.compiled import ProgramStore, model_facts, shapes
from gatewise.training.data import Data
from gatewise.training.fit import make_plan, rate_position
from gatewise.training.history import EnsembleHistory
from gatewise.training.initial import Initialiser, member_seed
from gatewise.training.interrupts import answering_interrupts
from gatewise.training.members import Ensemble
from gatewise.training.memory import members_that_fit
from gatewise.training.order import run_keys
from gatewise.training.preparation import Wishes, build_metrics, prepare
from gatewise.training.program import Program, RunState
from gatewise.training.progress import Progress
from gatewise.training.run import CompiledProgram, Outcome, Run
from gatewise.training.small_ensembles.choice import choose
from gatewise.training.state import ModelValues
from gatewise.training.step import Step
from gatewise.training.stopping import SaveBest, StopEarly
from gatewise.training.wording import counted


def fit_ensemble(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    members: int,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: str | int = "auto",
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: Any = None,
    steps_per_epoch: None = None,
    validation_steps: None = None,
    validation_batch_size: int | None = None,
    validation_freq: int | list[int] = 1,
    seed: int = 0,
    member_data: bool = False,
    learning_rates: Sequence[float] | None = None,
    reset_states: str = "epoch",
    max_memory: int | None = None,
    devices: int | None = None,
    lengths: Any = None,
    member_seeds: Sequence[int] | None = None,
) -> Ensemble:
    """Train many members of a model at once, each with initial weights, order and dropout of its own.

    Member k is what ``gw.initialize(model, s)`` and ``gw.fit(model, …, seed=s)`` with ``s = gw.member_seed(seed, k)``
    would give. The model itself is left as it was.

    Args:
        model: A built and compiled Keras model.
        x: Inputs ``(rows, …)``; with `member_data` ``(members, rows, …)``.
        y: Targets, likewise.
        members: How many.
        batch_size: As in `fit`.
        epochs: As in `fit`.
        verbose: As in `fit`.
        callbacks: EarlyStopping, ReduceLROnPlateau, LearningRateScheduler and TerminateOnNaN; each member stops by itself.
        validation_split: As in `fit`.
        validation_data: As in `fit`; with `member_data` with a leading members axis.
        shuffle: As in `fit`.
        class_weight: As in `fit`; not with `member_data`.
        sample_weight: As in `fit`.
        steps_per_epoch: Not to be given, as in `fit`.
        validation_steps: Not to be given, as in `fit`.
        validation_batch_size: As in `fit`.
        validation_freq: As in `fit`.
        seed: The ensemble's seed.
        member_data: Whether x, y and the weights have a leading members axis: other data for each member.
        learning_rates: A learning rate for each member, 0 or larger.
        reset_states: As in `fit`.
        max_memory: Bytes that training may take; members run in blocks that fit. Default: half of what is free.
        devices: Spread the members over so many devices. Default: all.
        lengths: As in `fit`; with `member_data` ``(members, rows)``.
        member_seeds: The seed of each member, instead of those that come from `seed`.

    Returns:
        The trained ensemble.

    Raises:
        UsageError: An argument that cannot be meant.
        DataError: Data of the wrong shape, or NaN or infinity in it.
        NotCompilableError: A Python callback, which an ensemble has no single model to show to.
        NonFiniteLossError: The loss of every member became NaN or infinite.
        Interrupted: Ctrl-C; the members as trained so far are in its `ensemble`.

    Example:
        >>> import numpy as np, gatewise as gw, keras
        >>> model = keras.Sequential([keras.Input((3, 1)), keras.layers.LSTM(4), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> x, y = gw.windows(np.sin(np.arange(60) / 6), look_back=3, layout="steps")
        >>> ensemble = gw.fit_ensemble(model, x, y, members=8, batch_size=4, epochs=5, verbose=0)
        >>> ensemble.predict(x).shape
        (8, 57, 1)
    """
    check_trainable(model)
    check_seed(seed)
    check_whole("members", members)
    check_flag("member_data", member_data)
    if max_memory is not None:
        _check_bytes(max_memory)
    wishes = Wishes(
        batch_size,
        validation_batch_size,
        epochs,
        0,
        shuffle,
        reset_states,
        validation_freq,
        verbose,
        steps_per_epoch,
        validation_steps,
    )
    given, own = (x, y, sample_weight, lengths), members if member_data else None
    data, validation, options = prepare(model, given, validation_data, validation_split, class_weight, wishes, own)
    build_metrics(model, data, options.batch_size, leading=1 if member_data else 0)
    watchers = _watchers(model, callbacks)
    seeds = _seeds(seed, members, member_seeds)
    start = Initialiser(model).members(seeds)
    if learning_rates is not None:
        if watchers.schedule is not None:
            raise UsageError(
                "learning_rates gives each member a rate of its own, and LearningRateScheduler sets one for all: leave one "
                "of them out."
            )
        start = _with_rates(model, start, learning_rates)
    plan = make_plan(model, data, validation, watchers, options, members, member_data)
    count = _device_count(devices, members)
    # A kernel does the steps of many members at once; choosing it may compile it.
    way = choose(model, data, plan, (members, options.epochs, count))
    plan = dataclasses.replace(plan, kernel=way.kernel)
    block = members_that_fit(model, data, plan, max_memory)
    trainer = _Trainer(model, plan, watchers, _even(min(block, members), members, count), count, verbose)
    trainer.way = way.words
    return trainer.train(seeds, start, data, validation, options.epochs)


def _seeds(seed: int, members: int, given: Sequence[int] | None) -> tuple[int, ...]:
    """Return the seed of each member."""
    if given is None:
        return tuple(member_seed(seed, member) for member in range(members))
    if len(given) != members:
        raise UsageError(
            f"member_seeds has {counted(len(given), 'value')} for {counted(members, 'member')}: give one for each."
        )
    for own in given:
        check_seed(own)
    return tuple(given)


def _check_bytes(max_memory: Any) -> None:
    if not isinstance(max_memory, (int, float, np.integer, np.floating)) or not 1 <= max_memory < np.inf:
        raise UsageError(
            f"max_memory={max_memory!r}: a number of bytes is needed, at least 1, such as 2 * 2**30 for two gibibytes."
        )


def _watchers(model: Any, callbacks: Any) -> Watchers:
    watchers = sort_callbacks(model, callbacks, rate_position(model))
    refused = [
        *watchers.host,
        *(s for r, s in zip(watchers.rules, watchers.sources, strict=True) if isinstance(r, SaveBest)),
    ]
    if refused:
        raise NotCompilableError(
            f"{type(refused[0]).__name__} works on one model, and an ensemble trains many at once: use EarlyStopping, "
            "ReduceLROnPlateau, LearningRateScheduler or TerminateOnNaN, or gw.fit for a single model."
        )
    return watchers


def _with_rates(model: Any, values: ModelValues, rates: Any) -> ModelValues:
    position, members = rate_position(model), len(values.trainable[0])
    if position is None:
        raise UsageError(
            "learning_rates needs an optimizer with a number as learning rate, and this one has a schedule: compile the model "
            "with a number, or leave learning_rates out."
        )
    rates = rates.tolist() if hasattr(rates, "tolist") else rates
    if not isinstance(rates, Sequence) or isinstance(rates, str):
        raise UsageError(
            f"learning_rates={rates!r}: a list is needed, with a number for each of the {members} members."
        )
    if len(rates) != members:
        raise UsageError(
            f"learning_rates has {counted(len(rates), 'value')} for {counted(members, 'member')}: give one for each."
        )
    for member, rate in enumerate(rates):
        if not isinstance(rate, (int, float, np.integer, np.floating)) or not 0 <= rate < np.inf:
            raise UsageError(f"learning_rates[{member}]={rate!r}: a finite number of at least 0 is needed.")
    slots = list(values.optimizer)
    slots[position] = np.asarray(rates, dtype=slots[position].dtype)
    return values._replace(optimizer=slots)


def _device_count(devices: int | None, members: int) -> int:
    if devices is not None:
        check_devices(devices)
    return min(devices or len(jax.devices()), members)


def _even(block: int, members: int, devices: int) -> int:
    """Return the size of equal blocks of at most about `block` members, a multiple of the devices."""
    blocks = -(-members // max(block, 1))
    size = -(-members // blocks)
    return -(-size // devices) * devices


class _Trainer:
    """Trains the members of an ensemble, block by block, with one program."""

    def __init__(self, model: Any, plan: Any, watchers: Watchers, block: int, devices: int, verbose: str | int) -> None:
        self.model = model
        self.watchers = watchers
        self.block = block
        self.devices = devices
        self.verbose = verbose
        self.way = ""
        self.plan = dataclasses.replace(plan, members=block // devices)
        self.step = Step(model)

    def train(
        self, seeds: tuple[int, ...], start: ModelValues, data: Data, validation: Data | None, epochs: int
    ) -> Ensemble:
        members = len(seeds)
        plan, model = self.plan, self.model
        facts = {
            **model_facts(model),
            "x, y, sample_weight": shapes(data),
            "validation_data": shapes(validation),
            **plan.facts(),
            "devices": self.devices,
        }
        build = lambda: CompiledProgram(Program(self.step, plan), self.devices)  # noqa: E731
        compiled = ProgramStore.of(model, "fit_ensemble").get(facts, build)
        compiled_before = compiled.executable is not None
        history = EnsembleHistory(members, epochs)
        history.way = self.way
        finals: list[ModelValues] = []
        blocks = -(-members // self.block)
        title = "fit_ensemble: epoch" if blocks == 1 else f"fit_ensemble: {members} members in {blocks} blocks, epoch"
        interrupted = False
        with answering_interrupts() as interrupt, Progress(self.verbose, epochs * blocks, title) as progress:
            for number, first in enumerate(range(0, members, self.block)):
                chosen = [min(member, members - 1) for member in range(first, first + self.block)]
                real = min(self.block, members - first)
                block = _Block(compiled, self.watchers, history, chosen, real, progress, number * epochs)
                interrupt.held = True
                outcome, values = block.train(seeds, start, data, validation, epochs, interrupt)
                finals.append(jax.tree.map(lambda array: np.asarray(array)[:real], values))  # noqa: B023  used at once
                history.run_seconds += outcome.run_seconds
                history.steps = max(history.steps, compiled.program.training_steps(outcome.state, 0))
                interrupted = outcome.interrupted
                if interrupted:
                    break
        done = sum(len(values.trainable[0]) for values in finals)
        history.compile_seconds = 0.0 if compiled_before else compiled.compile_seconds
        values = jax.tree.map(lambda *parts: np.concatenate(parts), *finals)
        ensemble = Ensemble(model, seeds[:done], values, history.first(done))
        if interrupted:
            raise Interrupted(
                f"Interrupted with {done} of {members} members in training; they are in the exception's `ensemble`.",
                ensemble.history,
                ensemble,
            )
        self._report_bad(history, done)
        return ensemble

    def _report_bad(self, history: EnsembleHistory, members: int) -> None:
        if not history.bad:
            return
        member, (epoch, step) = next(iter(sorted(history.bad.items())))
        where = f"member {member} in epoch {epoch + 1}, step {step + 1}"
        remedy = "Try a smaller learning rate, clipnorm=1.0 in the optimizer, or data scaled to about -1 to 1."
        if len(history.bad) == members:
            raise NonFiniteLossError(
                f"The loss of every member became NaN or infinite, first of {where}. {remedy}", history, epoch, step
            )
        warnings.warn(
            f"The loss of {len(history.bad)} of {members} members became NaN or infinite, first of {where}; they keep "
            f"their last finite weights. {remedy}",
            GatewiseWarning,
            stacklevel=4,
        )


@dataclasses.dataclass
class _Block:
    """Some members of an ensemble, trained together."""

    compiled: CompiledProgram
    watchers: Watchers
    history: EnsembleHistory
    chosen: list[int]
    real: int
    progress: Progress
    epochs_before: int

    def train(
        self,
        seeds: tuple[int, ...],
        start: ModelValues,
        data: Data,
        validation: Data | None,
        epochs: int,
        interrupt: Any,
    ) -> tuple[Outcome, ModelValues]:
        program = self.compiled.program
        # All members in their order are what there is: no program gathers them.
        some = self.chosen != list(range(len(seeds)))
        values = jax.tree.map(lambda array: array[self.chosen], start) if some else start
        if program.plan.member_data and some:
            data, validation = jax.tree.map(lambda array: array[self.chosen], (data, validation))
        keys = run_keys([seeds[member] for member in self.chosen])
        state = _start(program, values, keys, len(self.chosen))
        if self.chosen[0] == 0:
            warn_of_absent(self.watchers, program.names or program.log_names(state))
        rates: list[float] = []
        if self.watchers.schedule is not None:
            rate = float(np.asarray(values.optimizer[program.plan.rate_position or 0]).flat[0])
            rates = tabulate_schedule(self.watchers.schedule, rate, 0, epochs)
        state, data, validation = self.compiled.place(state, data, validation)
        run = Run(
            self.compiled,
            data,
            validation,
            epochs,
            self._epochs,
            self._dispatched,
            rates=rates,
            on_wait=self.progress.compiling,
        )
        outcome = Outcome(state)
        run.drive(outcome, interrupt)
        return outcome, self._final(outcome)

    def _epochs(self, first: int, rows: Any) -> None:
        plan = self.compiled.program.plan
        for epoch, row in enumerate(rows, first):
            for column, name in enumerate(self.compiled.names):
                if not name.startswith("val_") or plan.validates(epoch):
                    self.history.put(name, self.chosen[: self.real], epoch, row[: self.real, column])

    def _dispatched(self, state: RunState) -> RunState:
        self.progress.update(self.epochs_before + int(state.epoch), self.history.medians(int(state.epoch) - 1))
        return state

    def _final(self, outcome: Outcome) -> ModelValues:
        """Return what each member ends with: stopped where a rule stopped it, restored where it asks for that."""
        program, state = self.compiled.program, outcome.state
        values = jax.tree.map(np.array, program.final_values(state))
        if program.step.model.optimizer.use_ema:
            values = jax.tree.map(np.array, jax.vmap(program.step.finalize)(values))
        for rule, rule_state in zip(program.plan.rules, state.rules, strict=True):
            if isinstance(rule, StopEarly):
                for row, epoch in enumerate(np.asarray(rule_state.stopped_epoch)[: self.real]):
                    self.history.stop(self.chosen[row], int(epoch) if epoch >= 0 else None)
                if rule.restore_best_weights:
                    values = values._replace(
                        trainable=[np.array(array) for array in rule_state.kept[0]],
                        non_trainable=[np.array(array) for array in rule_state.kept[1]],
                    )
        for row, where in outcome.bad.items():
            if row < self.real:
                for array, last in zip(
                    jax.tree.leaves(values), jax.tree.leaves(outcome.before_bad[row].values), strict=True
                ):
                    array[row] = np.asarray(last[row])
                self.history.fail(self.chosen[row], where)
        return values


def _start(program: Program, values: ModelValues, keys: Any, members: int) -> RunState:
    """Return the state of a block that begins; the program itself is made for the members of one device only."""
    whole = Program(program.step, dataclasses.replace(program.plan, members=members))
    return whole.start(values, keys, 0)
