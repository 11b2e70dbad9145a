"""The host's side of a run: dispatch after dispatch of a program, and what happens between them.

Between two dispatches of about half a second: the history grows, progress is shown, Ctrl-C is answered, a checkpoint
is written, Python callbacks are called. Nothing is ever donated to a program: the state before a dispatch stays whole
until the next one has come back, so that an interrupt, or a loss that is not finite, always has a state to return to.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gatewise.training.compiled import compile_in_background
from gatewise.training.data import Data
from gatewise.training.inputs import UNFIT, unfit
from gatewise.training.interrupts import Interrupt
from gatewise.training.program import EPOCHS_PER_DISPATCH, Control, Dispatch, Program, RunState

DISPATCH_SECONDS = 0.5

_MEMBERS = "members"


class CompiledProgram:
    """A program, compiled when it is first run, on one device or with the members spread over several.

    Args:
        program: The program; of an ensemble, for the members of one device.
        devices: How many devices the members are spread over.
    """

    def __init__(self, program: Program, devices: int = 1) -> None:
        self.program = program
        self.mesh = None if devices == 1 else Mesh(np.array(jax.devices()[:devices]), (_MEMBERS,))
        self.executable: Any = None
        self.compile_seconds = 0.0
        # Kept with the program: a second run of it begins at the pace that the first one found.
        self.pace = Pace()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the logs, in the order of their columns."""
        return self.program.names

    def place(self, state: RunState, data: Data, validation: Data | None) -> tuple[RunState, Data, Data | None]:
        """Put the arrays of a run on the devices that they belong to."""
        plan = self.program.plan
        if plan.mesh is not None:
            everywhere = NamedSharding(plan.mesh, PartitionSpec())
            return jax.device_put(state, everywhere), *jax.device_put((data, validation), everywhere)
        if self.mesh is None:
            return jax.device_put(state), *jax.device_put((data, validation))
        mesh = self.mesh
        spread = [NamedSharding(mesh, spec) for spec in self._state_specs()]  # type: ignore[arg-type]  # a spec each
        rows = NamedSharding(mesh, PartitionSpec(_MEMBERS) if plan.member_data else PartitionSpec())
        placed = RunState(*(jax.device_put(part, where) for part, where in zip(state, spread, strict=True)))
        return placed, *jax.device_put((data, validation), rows)

    def compile(
        self, state: RunState, data: Data, validation: Data | None, control: Control, waiting: Callable[[], None]
    ) -> None:
        """Trace and compile the program for arguments like these, calling `waiting` now and then."""
        started = time.perf_counter()
        try:
            lowered = self._jitted().lower(state, data, validation, control)
        except UNFIT as error:
            raise unfit(self.program.step.model, error) from error
        self.executable = compile_in_background(lowered, waiting)
        self.compile_seconds = time.perf_counter() - started

    def __call__(self, state: RunState, data: Data, validation: Data | None, control: Control) -> Dispatch:
        """Run the compiled program."""
        return self.executable(state, data, validation, control)

    def _jitted(self) -> Any:
        if self.mesh is None:
            return jax.jit(self.program.__call__)
        members, everywhere = PartitionSpec(_MEMBERS), PartitionSpec()
        state = self._state_specs()
        data = members if self.program.plan.member_data else everywhere
        # Members never talk to each other: each device runs its own loop over its own members.
        return jax.jit(
            jax.shard_map(
                self.program.__call__,
                mesh=self.mesh,
                in_specs=(state, data, data, everywhere),
                out_specs=Dispatch(state, PartitionSpec(None, _MEMBERS), everywhere, everywhere, members),
                check_vma=False,
            )
        )

    def _state_specs(self) -> RunState:
        members, everywhere = PartitionSpec(_MEMBERS), PartitionSpec()
        specs: list[Any] = [everywhere if name in ("epoch", "step") else members for name in RunState._fields]
        return RunState(*specs)


class Pace:
    """Chooses how many steps to dispatch so that a dispatch takes about half a second, the last one a little longer."""

    def __init__(self) -> None:
        self.steps = 1

    def learn(self, steps: int, seconds: float) -> None:
        """Take note of how long a dispatch took."""
        if steps:
            affordable = DISPATCH_SECONDS * steps / max(seconds, 1e-9)
            # From a first step of unknown cost the pace grows by 8, so that no early dispatch is far too long.
            self.steps = int(max(1, min(affordable, 8 * max(self.steps, steps), 2**30)))

    def budget(self, left: int) -> int:
        """Return how many steps to dispatch when so many are left: all, where the rest would be less than half a dispatch.

        A dispatch begins with fresh memory, which costs as much for one step as for many.

        >>> pace = Pace()
        >>> pace.steps = 10
        >>> pace.budget(30), pace.budget(15), pace.budget(4)
        (10, 15, 10)
        """
        return left if self.steps < left <= self.steps * 1.5 else self.steps


@dataclass
class Outcome:
    """How a run ended.

    Attributes:
        state: The state at the end; with a loss that is not finite, the state before that step.
        run_seconds: Time spent in the program.
        bad: Member → (epoch, step) whose loss was not finite; member 0 for a single model.
        before_bad: Member → the state before that step.
        interrupted: Whether Ctrl-C ended it.
    """

    state: RunState
    run_seconds: float = 0.0
    bad: dict[int, tuple[int, int]] = field(default_factory=dict)
    before_bad: dict[int, RunState] = field(default_factory=dict)
    interrupted: bool = False


@dataclass
class Run:
    """One run of a compiled program.

    Attributes:
        compiled: The program.
        data: Training data, on the devices.
        validation: Validation data, on the devices, or None.
        last_epoch: Epoch before which to stop.
        rates: A learning rate for each epoch from `first_epoch` on; empty without a schedule.
        first_epoch: Epoch that `rates` begins with.
        on_wait: Called ten times a second while the program is compiled.
        on_epochs: Called with the number of the first epoch finished and the rows of logs, after each dispatch.
        on_dispatch: Called after each dispatch with the state; returns the state to go on with.
        before_dispatch: Likewise, before each dispatch.
        limit: Says how many steps a dispatch may have at most, given the state, and lets no dispatch go beyond the end of
            an epoch; None for no limit.
    """

    compiled: CompiledProgram
    data: Data
    validation: Data | None
    last_epoch: int
    on_epochs: Callable[[int, Any], None]
    on_dispatch: Callable[[RunState], RunState]
    before_dispatch: Callable[[RunState], RunState] = lambda state: state
    limit: Callable[[RunState], int] | None = None
    rates: list[float] = field(default_factory=list)
    first_epoch: int = 0
    on_wait: Callable[[], None] = lambda: None

    def control(self, state: RunState, budget: int) -> Control:
        """Return the numbers for one dispatch."""
        epoch = int(state.epoch)
        rates = np.zeros(EPOCHS_PER_DISPATCH, jax.dtypes.canonicalize_dtype(float))
        part = self.rates[epoch - self.first_epoch :][:EPOCHS_PER_DISPATCH]
        rates[: len(part)] = part
        last = self.last_epoch if self.limit is None else epoch + 1
        return Control(np.int32(budget), np.int32(last), np.int32(epoch), rates)

    def drive(self, outcome: Outcome, interrupt: Interrupt) -> None:
        """Dispatch until the run is over, stopped, interrupted, or its loss is not finite any more.

        Args:
            outcome: Holds the state to begin with, and after every dispatch, and so where an error ended the run, the
                state then.
            interrupt: Says whether Ctrl-C was pressed.
        """
        state, pace = outcome.state, self.compiled.pace
        if not self._compiled_or_interrupted(state, interrupt):
            outcome.interrupted = True
            return
        while int(state.epoch) < self.last_epoch and not np.asarray(state.stopped).all():
            state = self.before_dispatch(state)
            budget = pace.budget(self._left(state)) if self.limit is None else min(pace.steps, self.limit(state))
            started = time.perf_counter()
            done = self.compiled(state, self.data, self.validation, self.control(state, budget))
            steps = int(done.steps)
            seconds = time.perf_counter() - started
            outcome.run_seconds += seconds
            pace.learn(steps, seconds)
            bad = np.atleast_1d(np.asarray(done.bad_step))
            if (bad >= 0).any():
                self._return_to_finite(state, bad, outcome)
                if len(outcome.bad) == len(bad):
                    return
            state = self._after(state, done, outcome)
            if interrupt.asked:
                outcome.interrupted = True
                return

    def _left(self, state: RunState) -> int:
        """Return how many steps there are still to be done, if nothing stops the run."""
        plan = self.compiled.program.plan
        epoch = plan.steps.total + (plan.validation.total if plan.validation else 0)
        return (self.last_epoch - int(state.epoch)) * epoch - int(state.step)

    def _compiled_or_interrupted(self, state: RunState, interrupt: Interrupt) -> bool:
        """Compile the program where that is still to be done; say whether nobody pressed Ctrl-C meanwhile."""
        if self.compiled.executable is not None:
            return True
        interrupt.held = False
        try:
            self.compiled.compile(state, self.data, self.validation, self.control(state, 1), self.on_wait)
        except KeyboardInterrupt:
            return False
        finally:
            interrupt.held = True
        return True

    def _after(self, before: RunState, done: Dispatch, outcome: Outcome) -> RunState:
        finished = int(done.finished)
        if finished:
            self.on_epochs(int(before.epoch), np.asarray(done.logs)[:finished])
        outcome.state = done.state
        outcome.state = self.on_dispatch(done.state)
        return outcome.state

    def _return_to_finite(self, before: RunState, bad: Any, outcome: Outcome) -> None:
        """Run the dispatch again up to the step whose loss was not finite: the same numbers, and then no further."""
        total = self.compiled.program.plan.steps.total
        for member in np.flatnonzero(bad >= 0).tolist():
            if member in outcome.bad:
                continue
            state = before
            again = self._last_finite(before, int(bad[member]), member)
            if again is not None:
                if np.ndim(before.stopped) == 0 and int(again.finished):
                    self.on_epochs(int(before.epoch), np.asarray(again.logs)[: int(again.finished)])
                state = again.state
            epoch, step = int(state.epoch), int(state.step)
            outcome.bad[member] = (epoch, min(step, total - 1))
            outcome.before_bad[member] = state
            if np.ndim(before.stopped) == 0:
                outcome.state = state

    def _last_finite(self, before: RunState, steps: int, member: int) -> Dispatch | None:
        """Return the longest part of a dispatch, of at most `steps` steps, that leaves a member's weights finite.

        A loss may be finite and its gradient not; the weights that come of it stay so, which makes it a search by halves.
        """
        found, low, high, trial = None, 0, steps, steps
        while low < high:
            done = self.compiled(before, self.data, self.validation, self.control(before, trial))
            single = np.ndim(before.stopped) == 0
            weights = [array if single else array[member] for array in done.state.values.trainable]
            if all(np.isfinite(array).all() for array in weights):
                found, low = done, trial
            else:
                high = trial - 1
            trial = (low + high + 1) // 2
        return found
