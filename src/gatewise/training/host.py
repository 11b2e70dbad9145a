"""Python callbacks between programs, called as Keras calls them."""

from typing import Any

import jax.numpy as jnp

from gatewise.backend import import_keras
from gatewise.training.callbacks import Watchers
from gatewise.training.history import History
from gatewise.training.program import Program, RunState
from gatewise.training.state import read_values, write_values

keras = import_keras()


class HostCallbacks:
    """The callbacks of a run that stay in Python.

    At each call the model holds the values of the run; afterwards the run goes on with what the model holds then, so a
    callback may read and change weights, learning rate and ``model.stop_training``.

    Args:
        model: The model.
        watchers: The sorted callbacks.
        program: The program, for the logs in the middle of an epoch.
        epochs: Epoch before which the run stops.
        history: Is called last, so that it holds what callbacks add to the logs of an epoch.
    """

    def __init__(self, model: Any, watchers: Watchers, program: Program, epochs: int, history: History) -> None:
        self.model = model
        self.program = program
        self.history = history
        self.steps = program.plan.steps
        self.batch_hooks = watchers.batch_hooks
        self.test_hooks = watchers.test_hooks
        self.tested_epoch = -1
        self.active = bool(watchers.host)
        self.callbacks = keras.callbacks.CallbackList(
            [*watchers.host, history] if self.active else [],
            add_history=False,
            add_progbar=False,
            model=model,
            epochs=epochs,
            steps=self.steps.total,
        )
        self.epoch = -1
        self.open_step: int | None = None
        self.skipped_steps = 0

    def limit(self, state: RunState) -> int:
        """Return how many steps may be done before a callback has to be called; never more than an epoch's."""
        left = self.steps.total - int(state.step)
        if left <= 0:
            return 2**30
        # Keras looks at stop_training after every step.
        if self.batch_hooks or self.model.stop_training:
            return 1
        # A callback that is called before a validation may change the weights that are validated.
        return left if self.test_hooks and self.program.plan.validates(int(state.epoch)) else 2**30

    def begin(self, state: RunState) -> RunState:
        """Call ``on_train_begin``, after which a callback may have the run begin with another epoch (BackupAndRestore)."""
        if not self.active:
            return state
        write_values(self.model, state.values)
        # A run that is resumed inside of an epoch has begun that epoch already.
        self.epoch = int(state.epoch) if int(state.step) else -1
        self.callbacks.on_train_begin()
        restored, self.model._initial_epoch = self.model._initial_epoch, None
        if restored:
            state = state._replace(epoch=jnp.int32(restored), step=jnp.int32(0))
        return self._as_the_model_is(state)

    def before(self, state: RunState) -> RunState:
        """Call what is due before a dispatch."""
        if not self.active:
            return state
        if int(state.epoch) != self.epoch:
            self.epoch = int(state.epoch)
            self.model.reset_metrics()
            self.callbacks.on_epoch_begin(self.epoch)
        if self.batch_hooks and int(state.step) < self.steps.total:
            self.open_step = int(state.step)
            self.callbacks.on_train_batch_begin(self.open_step)
        if int(state.step) >= self.steps.total and self.program.plan.validates(self.epoch):
            self._begin_test()
        return self._as_the_model_is(state)

    def after(self, state: RunState, logs: dict[str, float]) -> RunState:
        """Call what is due after a dispatch; `logs` are those of the last epoch that was finished."""
        if not self.active:
            return state
        write_values(self.model, state.values)
        if self.open_step is not None:
            running = {name: float(value) for name, value in self.program.step.results(state.metrics[0]).items()}
            self.callbacks.on_train_batch_end(self.open_step, running)
            self.open_step = None
        epoch_ended = int(state.epoch) > self.epoch
        if epoch_ended:
            if self.program.plan.validates(self.epoch):
                tested = {name.removeprefix("val_"): v for name, v in logs.items() if name.startswith("val_")}
                self._begin_test()  # Unless it was, which it was if anybody is there to be called.
                self.callbacks.on_test_end(tested)
            self.callbacks.on_epoch_end(self.epoch, logs)
            if "learning_rate" in logs:
                # A scheduler has written down the rate after its reduction on a plateau, and not the epoch's own.
                self.history.history["learning_rate"][-1] = logs["learning_rate"]
        state = self._as_the_model_is(state)
        if not self.model.stop_training:
            return state
        if epoch_ended:
            return state._replace(stopped=jnp.bool_(True))
        # As in Keras, an epoch that is stopped in the middle is validated and ends.
        self.skipped_steps = max(self.steps.total - int(state.step), self.skipped_steps)
        return state._replace(step=jnp.maximum(state.step, self.steps.total))

    def end(self, logs: dict[str, float]) -> None:
        """Call ``on_train_end``."""
        if self.active:
            # The learning rate is written into the logs of an epoch by callbacks; this call gets them without.
            self.callbacks.on_train_end({name: value for name, value in logs.items() if name != "learning_rate"})

    def _begin_test(self) -> None:
        if self.tested_epoch != self.epoch:
            self.tested_epoch = self.epoch
            self.callbacks.on_test_begin()

    def _as_the_model_is(self, state: RunState) -> RunState:
        return state._replace(values=read_values(self.model))
