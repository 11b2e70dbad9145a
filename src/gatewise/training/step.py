"""One step of a Keras model as a pure function: loss, gradient, update, metrics.

Here, and for prediction in `forward`, Keras runs inside a trace. The step follows what Keras's own JAX trainer does in
its train step, with two differences that the rest of gatewise is about: the state of stateful recurrent layers is part
of the values, and the seeds of random layers come from (seed, epoch, step) and not from a counter that prediction moves
as well.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import NotCompilableError
from gatewise.recurrent import quick_cells
from gatewise.training.arrays import rows_of
from gatewise.training.convolutions import quick_convolutions
from gatewise.training.data import Data
from gatewise.training.flat import flat_optimizer
from gatewise.training.lengths import mask_argument
from gatewise.training.state import ModelValues, model_variables

keras = import_keras()


class Step:
    """A compiled Keras model's step, as pure functions of its values.

    Args:
        model: A built and compiled Keras model whose metrics are built as well.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.variables = model_variables(model)
        self.metric_variables = list(model.metrics_variables)
        with keras.StatelessScope(state_mapping=[(v, v.value) for v in self.metric_variables]) as scope:
            model.reset_metrics()
        # NumPy arrays: the same constants inside of a trace and outside.
        self._fresh_metrics = [np.asarray(_current(scope, variable)) for variable in self.metric_variables]
        self.seed_positions = _seed_positions(model)
        self.flat = flat_optimizer(model) if getattr(model, "compiled", False) and model.optimizer else None

    @property
    def generators(self) -> int:
        """How many seeds one step needs."""
        return len(self.seed_positions)

    def with_seeds(self, values: ModelValues, seeds: Any) -> ModelValues:
        """Put the seeds of one step, ``(generators, 2)``, into the values."""
        non_trainable = list(values.non_trainable)
        for row, position in enumerate(self.seed_positions):
            non_trainable[position] = seeds[row]
        return values._replace(non_trainable=non_trainable)

    def without_seeds(self, new: ModelValues, old: ModelValues) -> ModelValues:
        """Keep the model's own seeds: a step leaves them as they were."""
        non_trainable = list(new.non_trainable)
        for position in self.seed_positions:
            non_trainable[position] = old.non_trainable[position]
        return new._replace(non_trainable=non_trainable)

    def forward(self, values: ModelValues, metrics: list[Any], data: Data, training: bool) -> tuple[Any, Any]:
        """Run the model and its loss on one batch.

        Returns:
            The loss, and (loss, predictions, non-trainable, recurrent and metric values) as they are afterwards.
        """
        model, variables = self.model, self.variables
        mapping = [
            *zip(variables.trainable, values.trainable, strict=True),
            *zip(variables.non_trainable, values.non_trainable, strict=True),
            *zip(variables.recurrent, values.recurrent, strict=True),
            *zip(self.metric_variables, metrics, strict=True),
        ]
        arguments = {"training": training} if model._call_has_training_arg else {}
        with (
            quick_cells(model),
            quick_convolutions(model),
            keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope,
        ):
            model._clear_losses()
            predictions = model.call(data.x, **arguments, **mask_argument(data.x, data.span))
            loss = model._compute_loss(data.x, data.y, predictions, data.weight, training=training)
            model._clear_losses()
        # A group of variables after the scope: what the layers assigned, or what went in.
        after = [
            [_current(scope, variable) for variable in group]
            for group in (variables.non_trainable, variables.recurrent)
        ]
        return loss, (loss, predictions, *after, [_current(scope, variable) for variable in self.metric_variables])

    def pack(self, values: ModelValues) -> ModelValues:
        """Bring values into the form in which `train` is quickest; the same values for most models."""
        return values if self.flat is None else self.flat.pack(values)

    def unpack(self, values: ModelValues) -> ModelValues:
        """Undo `pack`."""
        return values if self.flat is None else self.flat.unpack(values)

    def train(self, packed: ModelValues, metrics: list[Any], data: Data) -> tuple[ModelValues, list[Any], Any]:
        """Do one training step.

        Args:
            packed: The values, from `pack`.
            metrics: The metric values.
            data: One batch.

        Returns:
            The packed values and the metrics afterwards, and the loss, a scalar.
        """
        values, optimizer = self.unpack(packed), self.model.optimizer

        def scaled_loss(trainable: list[Any]) -> tuple[Any, Any]:
            loss, rest = self.forward(values._replace(trainable=trainable), metrics, data, training=True)
            with keras.StatelessScope(state_mapping=list(zip(self.variables.optimizer, values.optimizer, strict=True))):
                return optimizer.scale_loss(loss), rest

        gradient = jax.grad(scaled_loss, has_aux=True)
        gradients, (loss, predictions, non_trainable, recurrent, metrics) = gradient(values.trainable)
        if self.flat is None:
            trainable, slots = optimizer.stateless_apply(values.optimizer, gradients, values.trainable)
        else:
            trainable, slots = self.flat.apply(packed, gradients)
        new = ModelValues(trainable, non_trainable, slots, recurrent)
        return new, self._metrics_after(metrics, loss, data, predictions), loss

    def test(self, values: ModelValues, metrics: list[Any], data: Data) -> tuple[list[Any], list[Any]]:
        """Evaluate one batch.

        Returns:
            The recurrent state and the metrics afterwards.
        """
        loss, (_, predictions, _, recurrent, metrics) = self.forward(values, metrics, data, training=False)
        return recurrent, self._metrics_after(metrics, loss, data, predictions)

    def reset_metrics(self) -> list[Any]:
        """Return the metric values of an epoch that has not begun."""
        return list(self._fresh_metrics)

    def results(self, metrics: list[Any]) -> dict[str, Any]:
        """Return the loss and metrics that the metric values stand for, each a scalar, by name."""
        mapping = list(zip(self.metric_variables, metrics, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            results = self.model.get_metrics_result()
        flat: dict[str, Any] = {}
        for name, value in results.items():
            if isinstance(value, dict):
                flat.update(value)
            else:
                flat[name] = value
        return {name: jnp.asarray(value, dtype=keras.config.floatx()) for name, value in flat.items()}

    def finalize(self, values: ModelValues) -> ModelValues:
        """Do what the optimizer does when training ends: put averaged weights in place of the weights (EMA)."""
        mapping = [
            *zip(self.variables.trainable, values.trainable, strict=True),
            *zip(self.variables.optimizer, values.optimizer, strict=True),
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        return values._replace(trainable=[_current(scope, variable) for variable in self.variables.trainable])

    def _metrics_after(self, metrics: list[Any], loss: Any, data: Data, predictions: Any) -> list[Any]:
        model = self.model
        with keras.StatelessScope(state_mapping=list(zip(self.metric_variables, metrics, strict=True))) as scope:
            model._loss_tracker.update_state(loss, sample_weight=rows_of(data.x))
            logs = model.compute_metrics(data.x, data.y, predictions, data.weight)
            own = type(model).compute_metrics is not keras.Model.compute_metrics
            lost = set(logs) - set(model.get_metrics_result()) if own else set()
        if lost:
            raise NotCompilableError(
                f"compute_metrics of {type(model).__name__} returns {', '.join(sorted(lost))}, which no metric of the "
                "model holds: keep it in a keras.metrics object of the model, so that it can be carried over the epoch."
            )
        return [_current(scope, variable) for variable in self.metric_variables]


def _current(scope: Any, variable: Any) -> Any:
    value = scope.get_current_value(variable)
    return variable.value if value is None else value


def _seed_positions(model: Any) -> list[int]:
    """Return where in ``model.non_trainable_variables`` the seeds of random layers are."""
    seeds = {id(generator.state) for layer in model._flatten_layers() for generator in layer._seed_generators}
    return [index for index, variable in enumerate(model.non_trainable_variables) if id(variable) in seeds]
