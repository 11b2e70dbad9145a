"""`fit`: Keras's ``model.fit`` as one compiled program."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from gatewise.artifact.durable import as_path
from gatewise.errors import Interrupted, NonFiniteLossError, UsageError
from gatewise.recurrent import is_stateful, kernels_do_it
from gatewise.training.arrays import rows_of
from gatewise.training.callbacks import (
    Watchers,
    hand_back,
    save_best,
    sort_callbacks,
    tabulate_schedule,
    warn_of_absent,
)
from gatewise.training.checkpoint import Checkpoint, fingerprint
from gatewise.training.checks import check_devices, check_seed, check_trainable
from gatewise.training.compiled import ProgramStore, model_facts, shapes
from gatewise.training.data import Data
from gatewise.training.history import History
from gatewise.training.host import HostCallbacks
from gatewise.training.interrupts import Interrupt, answering_interrupts
from gatewise.training.order import Steps, run_key
from gatewise.training.preparation import Options, Wishes, build_metrics, prepare
from gatewise.training.program import Plan, Program, RunState
from gatewise.training.progress import Progress
from gatewise.training.run import CompiledProgram, Outcome, Run
from gatewise.training.state import read_values, write_values
from gatewise.training.step import Step
from gatewise.training.stopping import SaveBest

# On a CPU the rows of a step are spread over the cores only from this many multiplications on. Measured on two cores: a
# GRU(64) over 48 steps, as a scan, takes 24 ms instead of 28 with 256 rows (5e8), but 6.1 instead of 4.8 with 64 (1.3e8).
_WORK_FOR_CORES = 4e8


def fit(
    model: Any,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: str | int = "auto",
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: None = None,
    validation_steps: None = None,
    validation_batch_size: int | None = None,
    validation_freq: int | list[int] = 1,
    *,
    seed: int = 0,
    reset_states: str = "epoch",
    checkpoint: str | Path | None = None,
    devices: int | None = None,
    lengths: Any = None,
) -> History:
    """Train a compiled Keras model, all of it in one compiled program.

    The arguments are those of ``model.fit``, and so are the weights afterwards, given the same batches. Training starts
    from the weights the model has now.

    Args:
        model: A built and compiled Keras model.
        x: Inputs ``(rows, …)``, or a list or dict of them. For a model with one input also a list of rows of different
            lengths, each ``(time, …)``: they are padded at the end and masked.
        y: Targets ``(rows, …)``, or a list or dict of them.
        batch_size: Rows of a step; the last step of an epoch takes what is left. Default: 32, or all rows where there are
            fewer; for a stateful model the batch of its state.
        epochs: Number of the epoch at which to stop, counted from the first epoch of all.
        verbose: ``"auto"`` or 1 for a progress bar (only on work over a second), 2 for a line an epoch, 0 for silence.
        callbacks: Keras callbacks. EarlyStopping, ReduceLROnPlateau, LearningRateScheduler, TerminateOnNaN and
            ModelCheckpoint(save_best_only=True) become part of the program; with any other one the program comes back
            after every epoch and the callback is called as by Keras.
        validation_split: Share of the rows, the last ones, kept for validation: from 0 to 1.
        validation_data: ``(x, y)``, ``(x, y, sample_weight)`` or ``(x, y, sample_weight, lengths)``.
        shuffle: Whether every epoch has an order of its own. With False the rows stay as given, whatever their lengths.
        class_weight: Class number → weight.
        sample_weight: Weights ``(rows,)``.
        initial_epoch: Number of the first epoch of this call.
        steps_per_epoch: Not to be given: an epoch goes through all rows.
        validation_steps: Not to be given: validation goes through all rows.
        validation_batch_size: Rows of a validation step; default `batch_size` where that is given, else as there.
        validation_freq: Validate after every so many epochs, or after the epochs listed (counted from 1).
        seed: Where order and dropout come from: the same seed gives bit-identical weights on the same machine.
        reset_states: When the state carried by stateful layers is set to zero: ``"epoch"``, ``"batch"`` or ``"never"``.
        checkpoint: Folder to which the run is saved while it goes on, and from which it goes on if it is there.
        devices: Spread the rows of a batch over so many devices. Default: all accelerators; the cores of a CPU for large steps.
        lengths: True length of each row of an array that is padded ``(rows,)``, or a `Lengths`, which says more: rows of
            similar length meet in a batch, and the model is given a mask of the padding.

    Returns:
        The history, with ``compile_seconds`` and ``run_seconds`` besides.

    Raises:
        UsageError: An argument that cannot be meant.
        DataError: Data of the wrong shape, or NaN or infinity in it.
        NotCompilableError: A generator, ``run_eagerly``, an overridden ``train_step``: what no program can hold.
        NonFiniteLossError: The loss became NaN or infinite; the model keeps the last finite weights.
        Interrupted: Ctrl-C; the model keeps the weights as trained so far.

    Example:
        >>> import numpy as np, gatewise as gw, keras
        >>> model = keras.Sequential([keras.Input((3, 1)), keras.layers.LSTM(4), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> x, y = gw.windows(np.sin(np.arange(60) / 6), look_back=3, layout="steps")
        >>> history = gw.fit(model, x, y, batch_size=4, epochs=20, verbose=0)
        >>> history.history["loss"][-1] < history.history["loss"][0]
        True
    """
    check_trainable(model)
    check_seed(seed)
    wishes = Wishes(
        batch_size,
        validation_batch_size,
        epochs,
        initial_epoch,
        shuffle,
        reset_states,
        validation_freq,
        verbose,
        steps_per_epoch,
        validation_steps,
    )
    given = (x, y, sample_weight, lengths)
    data, validation, options = prepare(model, given, validation_data, validation_split, class_weight, wishes)
    build_metrics(model, data, options.batch_size)
    watchers = sort_callbacks(model, callbacks, rate_position(model))
    plan = make_plan(
        model, data, validation, watchers, options, mesh=_rows_mesh(devices, model, data, options.batch_size)
    )
    facts = {
        **model_facts(model),
        "x, y, sample_weight": shapes(data),
        "validation_data": shapes(validation),
        **plan.facts(),
    }
    compiled = ProgramStore.of(model, "fit").get(facts, lambda: CompiledProgram(Program(Step(model), plan)))
    session = _Session(model, compiled, watchers, options, verbose)
    if checkpoint is not None:
        session.checkpoint = Checkpoint(as_path(checkpoint), fingerprint(model, data, validation, plan, seed))
    return session.train(data, validation, seed)


def make_plan(
    model: Any,
    data: Data,
    validation: Data | None,
    watchers: Watchers,
    options: Options,
    members: int | None = None,
    member_data: bool = False,
    mesh: Any = None,
) -> Plan:
    """Gather what a program is compiled for."""
    axis = 1 if member_data else 0
    validation_steps = None
    if validation is not None:
        rows = rows_of(validation.x, axis)
        validation_steps = Steps(rows, min(options.validation_batch_size, rows))
    return Plan(
        steps=Steps(rows_of(data.x, axis), options.batch_size),
        validation=validation_steps,
        validation_freq=options.validation_freq,
        shuffle=options.shuffle,
        rules=tuple(watchers.rules),
        rate_position=rate_position(model),
        scheduled=watchers.schedule is not None,
        logs_rate=watchers.logs_rate,
        reset_states=options.reset_states if is_stateful(model) else "never",
        members=members,
        member_data=member_data,
        mesh=mesh,
        window=options.window if options.shuffle else None,
    )


def rate_position(model: Any) -> int | None:
    """Return where in the optimizer's variables the learning rate is, or None where it is a schedule."""
    rate = getattr(model.optimizer, "_learning_rate", None)
    for position, variable in enumerate(model.optimizer.variables):
        if variable is rate:
            return position
    return None


def _rows_mesh(devices: int | None, model: Any, data: Data, batch_size: int) -> Any:
    """Return the devices over which the rows of a batch are spread, or None for a single one."""
    available = jax.devices()
    if devices is None:
        one = available[0].platform == "cpu" and (
            # The kernels of recurrent layers share the rows among the cores by themselves.
            _work(model, data, batch_size) < _WORK_FOR_CORES or kernels_do_it(model, batch_size, _time_steps(data))
        )
        devices = 1 if one or batch_size % len(available) else len(available)
    check_devices(devices)
    if batch_size % devices:
        raise UsageError(
            f"devices={devices} does not divide batch_size={batch_size}: each device takes as many rows of a batch as any "
            "other, so choose another of the two."
        )
    if devices == 1:
        return None
    return Mesh(np.array(available[:devices]), ("batch",))


def _work(model: Any, data: Data, batch_size: int) -> int:
    """Estimate the multiplications of a step: every weight, row and time step once forward and twice backward."""
    return 3 * model.count_params() * batch_size * _time_steps(data)


def _time_steps(data: Data) -> int:
    return max((array.shape[1] for array in jax.tree.leaves(data.x) if array.ndim > 2), default=1)


class _Session:
    """One call of `fit`, from the first dispatch to the model's new weights."""

    def __init__(
        self, model: Any, compiled: CompiledProgram, watchers: Watchers, options: Options, verbose: str | int
    ) -> None:
        self.model = model
        self.compiled = compiled
        self.watchers = watchers
        self.options = options
        self.history = History()
        self.history.set_model(model)
        model.history = self.history
        self.checkpoint: Checkpoint | None = None
        self.progress = Progress(verbose, options.epochs, "fit: epoch")
        self.host = HostCallbacks(model, watchers, compiled.program, options.epochs, self.history)
        self.saved = [0 for _ in watchers.rules]
        self.last_logs: dict[str, float] = {}

    def train(self, data: Data, validation: Data | None, seed: int) -> History:
        program, options = self.compiled.program, self.options
        state = program.start(read_values(self.model), run_key(seed), options.initial_epoch)
        if self.checkpoint is not None:
            state = self.checkpoint.read(state, self.history) or state
        warn_of_absent(self.watchers, program.names or program.log_names(state))
        rates: list[float] = []
        if self.watchers.schedule is not None:
            rate = float(state.values.optimizer[program.plan.rate_position or 0])
            # A run resumed inside of an epoch has been given that epoch's rate already.
            rates = [rate] if int(state.step) else []
            rates += tabulate_schedule(self.watchers.schedule, rate, int(state.epoch) + len(rates), options.epochs)
        state, data, validation = self.compiled.place(state, data, validation)
        self.model.stop_training = False
        compiled_before = self.compiled.executable is not None
        run = Run(
            compiled=self.compiled,
            data=data,
            validation=validation,
            last_epoch=options.epochs,
            on_epochs=self._epochs,
            before_dispatch=self.host.before,
            on_dispatch=self._dispatched,
            limit=self.host.limit if self.host.active else None,
            rates=rates,
            first_epoch=int(state.epoch),
            on_wait=self.progress.compiling,
        )
        with answering_interrupts() as interrupt, self.progress:
            first = options.initial_epoch - int(state.epoch)
            state = self.host.begin(state)
            first += int(state.epoch)
            interrupt.held = True
            outcome = self._drive(run, state, interrupt)
            self._finish(outcome)
        if not compiled_before:
            self.history.compile_seconds = self.compiled.compile_seconds
        self.history.run_seconds = outcome.run_seconds
        done = program.training_steps(outcome.state, first)
        self.history.steps = done - self.host.skipped_steps
        self._raise(outcome)
        return self.history

    def _drive(self, run: Run, state: RunState, interrupt: Interrupt) -> Outcome:
        """Run; whatever goes wrong between two dispatches (a full disk, say), the model keeps what was trained."""
        outcome = Outcome(state)
        try:
            run.drive(outcome, interrupt)
        except BaseException:
            # Callbacks of the host leave the model as they want it.
            if not self.host.active:
                write_values(self.model, outcome.state.values)
            raise
        return outcome

    def _epochs(self, first: int, rows: Any) -> None:
        plan = self.compiled.program.plan
        for epoch, row in enumerate(rows, first):
            logs = dict(zip(self.compiled.names, map(float, row), strict=True))
            if not plan.validates(epoch):
                logs = {name: value for name, value in logs.items() if not name.startswith("val_")}
            if not self.host.active:
                self.history.add(epoch, logs)
            self.last_logs = logs
            self.progress.finished_epoch(epoch, logs)

    def _dispatched(self, state: RunState) -> RunState:
        plan = self.compiled.program.plan
        total = plan.steps.total + (plan.validation.total if plan.validation else 0)
        self.progress.update(int(state.epoch) + int(state.step) / total, self.last_logs)
        self._save_best(state)
        state = self.host.after(state, self.last_logs)
        if self.checkpoint is not None:
            self.checkpoint.write_if_due(state, self.history)
        return state

    def _save_best(self, state: RunState) -> None:
        for index, (rule, source) in enumerate(zip(self.watchers.rules, self.watchers.sources, strict=True)):
            if isinstance(rule, SaveBest) and int(state.rules[index].wait) > self.saved[index]:
                self.saved[index] = int(state.rules[index].wait)
                save_best(self.model, source, state.rules[index].kept, state.values)

    def _finish(self, outcome: Outcome) -> None:
        """Put the trained values into the model; nothing that comes after can lose them."""
        state = outcome.state
        values = state.values
        if self.model.optimizer.use_ema and not outcome.bad:
            values = self.compiled.program.step.finalize(values)
        write_values(self.model, values)
        stopped = bool(state.stopped)
        self.history.stopped_epoch = int(state.epoch) - 1 if stopped else None
        hand_back(self.model, self.watchers, state.rules, self.history.stopped_epoch)
        if not outcome.interrupted:
            self.host.end(self.last_logs)
        if self.checkpoint is not None:
            self.checkpoint.write(state, self.history)

    def _raise(self, outcome: Outcome) -> None:
        finished = len(self.history.epoch)
        if outcome.interrupted:
            raise Interrupted(
                f"Interrupted in epoch {int(outcome.state.epoch) + 1} of {self.options.epochs}: the model holds the "
                f"weights as trained so far, {finished} epochs are finished"
                + (f", and the same call goes on from {self.checkpoint.folder}." if self.checkpoint else "."),
                self.history,
            )
        if outcome.bad:
            epoch, step = outcome.bad[0]
            message = (
                f"The loss or its gradient became NaN or infinite in epoch {epoch + 1}, step {step + 1}; the model keeps "
                "the last finite weights. Try a smaller learning rate, clipnorm=1.0 in the optimizer, or data scaled to "
                "about -1 to 1."
            )
            if self.watchers.ends_on_nan is not None and not self.watchers.ends_on_nan.raise_error:
                print(message)
                return
            raise NonFiniteLossError(message, self.history, epoch, step)
