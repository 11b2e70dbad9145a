"""Keras callbacks on their way into a program: which become rules, which stay on the host.

EarlyStopping, ReduceLROnPlateau, LearningRateScheduler, TerminateOnNaN and ModelCheckpoint(save_best_only) are
compiled; any other callback is called between epochs (or between steps, if it has a batch hook) as Keras would.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import GatewiseWarning, NotCompilableError, UsageError
from gatewise.training.state import ModelValues, write_values
from gatewise.training.stopping import Monitor, ReduceRate, Rule, SaveBest, StopEarly
from gatewise.training.wording import a_or_an

keras = import_keras()

_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
_TEST_BATCH_HOOKS = ("on_test_batch_begin", "on_test_batch_end")


@dataclass
class Watchers:
    """The callbacks of one run, sorted.

    Attributes:
        rules: Rules for the program.
        sources: The Keras callback that each rule came from.
        schedule: A LearningRateScheduler that the program follows, or None.
        schedule_place: How many of the `host` callbacks come before it in the list.
        ends_on_nan: The TerminateOnNaN callback, or None.
        host: Callbacks that are called between programs.
        batch_hooks: Whether any of those wants to see every step.
        test_hooks: Whether any of those wants to be there before a validation, and may change what is validated.
    """

    rules: list[Rule] = field(default_factory=list)
    sources: list[Any] = field(default_factory=list)
    schedule: Any = None
    schedule_place: int = 0
    ends_on_nan: Any = None
    host: list[Any] = field(default_factory=list)
    batch_hooks: bool = False
    test_hooks: bool = False

    @property
    def logs_rate(self) -> bool:
        """Whether the history holds the learning rate, as Keras's two callbacks for it write it there."""
        return self.schedule is not None or any(isinstance(rule, ReduceRate) for rule in self.rules)


def sort_callbacks(model: Any, callbacks: Any, rate_position: int | None) -> Watchers:
    """Sort the callbacks of a call.

    Args:
        model: The compiled model, its metrics built.
        callbacks: A Keras callback, a list of them, or None.
        rate_position: Where in the optimizer's variables the learning rate is; None where it is a schedule.

    Raises:
        UsageError: Something in the list is no Keras callback.
        NotCompilableError: A callback that gatewise can neither compile nor call.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    if callbacks is None:
        callbacks = []
    elif not isinstance(callbacks, Sequence):
        callbacks = [callbacks]
    watchers = Watchers()
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise UsageError(
                f"callbacks holds {a_or_an(callback)}, which is no keras.callbacks.Callback: derive from that "
                "class, or leave it out."
            )
        if type(callback) is keras.callbacks.History or type(callback) is keras.callbacks.ProgbarLogger:
            continue
        _sort_one(model, callback, rate_position, watchers)
    _move_schedule_to_host_if_shared(watchers)
    watchers.batch_hooks = any(_overrides(callback, _BATCH_HOOKS) for callback in watchers.host)
    watchers.test_hooks = any(_overrides(callback, ("on_test_begin",)) for callback in watchers.host)
    for callback in watchers.host:
        if _overrides(callback, _TEST_BATCH_HOOKS):
            raise NotCompilableError(
                f"{type(callback).__name__} wants to see every validation batch, and validation is part of the program: "
                "use on_epoch_end or on_test_end instead."
            )
    return watchers


def _sort_one(model: Any, callback: Any, rate_position: int | None, watchers: Watchers) -> None:
    kind = type(callback)
    known = keras.callbacks
    if kind is known.TerminateOnNaN:
        watchers.ends_on_nan = callback
    elif kind is known.LearningRateScheduler:
        _require_rate(callback, rate_position)
        if watchers.schedule is None:
            watchers.schedule, watchers.schedule_place = callback, len(watchers.host)
        else:
            watchers.host.append(callback)
    elif kind is known.EarlyStopping:
        rule = StopEarly(
            _monitor(model, callback),
            callback.patience,
            callback.baseline,
            callback.restore_best_weights,
            callback.start_from_epoch,
        )
        _add(watchers, rule, callback)
    elif kind is known.ReduceLROnPlateau:
        position = _require_rate(callback, rate_position)
        rule_rate = ReduceRate(
            _monitor(model, callback), callback.factor, callback.patience, callback.cooldown, callback.min_lr, position
        )
        _add(watchers, rule_rate, callback)
    elif kind is known.ModelCheckpoint and _keeps_one_file(callback):
        _add(watchers, SaveBest(_monitor(model, callback), callback.best), callback)
    else:
        watchers.host.append(callback)


def _add(watchers: Watchers, rule: Rule, callback: Any) -> None:
    watchers.rules.append(rule)
    watchers.sources.append(callback)


def _keeps_one_file(callback: Any) -> bool:
    """Say whether a ModelCheckpoint keeps only the best model, in one file: the form that the program can follow."""
    return callback.save_best_only and callback.save_freq == "epoch" and "{" not in callback.filepath


def _require_rate(callback: Any, rate_position: int | None) -> int:
    if rate_position is None:
        raise UsageError(
            f"{type(callback).__name__} sets the learning rate, and this optimizer's learning rate is a schedule: compile "
            "the model with a number as learning_rate, or leave the callback out."
        )
    return rate_position


def _move_schedule_to_host_if_shared(watchers: Watchers) -> None:
    """A schedule can be tabulated ahead only if nobody else changes the learning rate that it is given."""
    if watchers.schedule is not None and (watchers.host or any(isinstance(r, ReduceRate) for r in watchers.rules)):
        watchers.host.insert(watchers.schedule_place, watchers.schedule)
        watchers.schedule = None


def _monitor(model: Any, callback: Any) -> Monitor:
    """Let Keras find out in which direction the callback's quantity improves."""
    callback.set_model(model)
    # ModelCheckpoint has no min_delta; setting the operator turns the sign of the others, so it is done on a copy.
    delta = abs(float(getattr(callback, "min_delta", 0.0) or 0.0))
    if callback.monitor_op is None:
        callback._set_monitor_op()
    return Monitor(callback.monitor, callback.monitor_op is keras.ops.greater, delta)


def _overrides(callback: Any, hooks: tuple[str, ...]) -> bool:
    plain = keras.callbacks.Callback
    if type(callback) is keras.callbacks.ModelCheckpoint and callback.save_freq == "epoch":
        return False
    return any(name in callback.__dict__ or getattr(type(callback), name) is not getattr(plain, name) for name in hooks)


def tabulate_schedule(callback: Any, rate: float, first: int, last: int) -> list[float]:
    """Ask a LearningRateScheduler for the learning rate of every epoch from `first` to `last`, the last one excluded."""
    rates = []
    for epoch in range(first, last):
        try:
            rate = callback.schedule(epoch, rate)
        except TypeError:
            rate = callback.schedule(epoch)
        if not isinstance(rate, (float, np.floating)):
            raise UsageError(
                f"The schedule of LearningRateScheduler returned {rate!r} for epoch {epoch}: it must return a float."
            )
        # Keras stores the rate in the optimizer and hands that value to the next call.
        rate = float(np.asarray(rate, dtype=keras.config.floatx()))
        rates.append(rate)
    return rates


def warn_of_absent(watchers: Watchers, names: Sequence[str]) -> None:
    """Warn of callbacks that watch a loss or metric which a run does not have: they will never act."""
    for rule, source in zip(watchers.rules, watchers.sources, strict=True):
        name = rule.monitor.name
        if name not in names:
            warnings.warn(
                f"{type(source).__name__} watches {name!r}, which this run does not have, and will not act: the run has "
                f"{', '.join(names)}.",
                GatewiseWarning,
                stacklevel=4,
            )


def hand_back(model: Any, watchers: Watchers, states: tuple[Any, ...], stopped_by: int | None) -> None:
    """Leave the Keras callbacks as Keras would after the run, restoring the best weights where they ask for it."""
    for callback, rule, state in zip(watchers.sources, watchers.rules, states, strict=True):
        best = state[0] if isinstance(rule, ReduceRate) else state
        callback.best = float(best.value) if bool(best.seen) else None
        if isinstance(rule, StopEarly):
            callback.wait, callback.best_epoch = int(best.wait), int(best.epoch)
            callback.stopped_epoch = max(int(best.stopped_epoch), 0)
            if callback.verbose > 0 and int(best.stopped_epoch) > 0:
                print(f"Epoch {callback.stopped_epoch + 1}: early stopping")
            if rule.restore_best_weights and bool(best.seen):
                if callback.verbose > 0:
                    print(f"Restoring model weights from the end of the best epoch: {callback.best_epoch + 1}.")
                _restore(model, best.kept)
                callback.best_weights = model.get_weights()
        elif isinstance(rule, ReduceRate):
            callback.wait, callback.cooldown_counter = int(best.wait), int(state[1])
    if stopped_by is not None:
        model.stop_training = True


def _restore(model: Any, kept: Any) -> None:
    for variables, arrays in zip((model.trainable_variables, model.non_trainable_variables), kept, strict=True):
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)


def save_best(model: Any, callback: Any, kept: ModelValues, current: ModelValues) -> None:
    """Write the best model so far where a ModelCheckpoint wants it."""
    write_values(model, kept)
    try:
        if callback.save_weights_only:
            model.save_weights(callback.filepath, overwrite=True)
        else:
            model.save(callback.filepath, overwrite=True)
    finally:
        write_values(model, current)
