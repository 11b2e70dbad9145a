"""`predict` and `evaluate`: any batch size, nothing lost when something is wrong, state carried where there is any."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from gatewise.backend import import_keras
from gatewise.recurrent import is_stateful, state_rows, states_for
from gatewise.training.arrays import as_inputs, named_leaves, rows_of
from gatewise.training.checks import (
    check_built,
    check_state,
    check_trainable,
    check_verbose,
    check_whole,
    check_whole_batches,
    cut,
)
from gatewise.training.compiled import ProgramStore, model_facts, shapes
from gatewise.training.data import Data, check_finite
from gatewise.training.forward import Forward, fetched, joined, padded_to_power_of_two
from gatewise.training.inputs import UNFIT, check_indices, check_inputs, embeddings, unfit
from gatewise.training.lengths import Lengths, as_spec, back_in_order, by_length, measured
from gatewise.training.preparation import USUAL_BATCH, build_metrics, lengths_of_rows, read_data, take
from gatewise.training.progress import Progress
from gatewise.training.rows import padded_rows
from gatewise.training.state import read_values
from gatewise.training.step import Step

keras = import_keras()

# Rows of one dispatch where the caller has no wish: large enough to keep a CPU busy, small enough for its memory.
ROWS_PER_DISPATCH = 1024

_PREDICTORS = "_gatewise_predictors"


def predict(
    model: Any, x: Any, batch_size: int | None = None, verbose: str | int = "auto", *, lengths: Any = None
) -> Any:
    """Run a model on data.

    The state of stateful layers is carried from batch to batch and from call to call; `gatewise.reset_states` sets it
    to zero. The weights are never touched, whatever goes wrong.

    Args:
        model: A built Keras model.
        x: Inputs ``(rows, …)``, or a list or dict of them. For a model with one input also a list of rows of different
            lengths, each ``(time, …)``: they are padded at the end and masked.
        batch_size: Rows of a batch. Default: the batch of a stateful model's state, else as fits. A stateful model may
            be run at any batch size; each size has a state of its own.
        verbose: ``"auto"`` or 1 for a progress bar on work over a second, 0 for silence.
        lengths: True length of each row of an array that is padded ``(rows,)``, or a `Lengths`: rows of similar length are
            computed together, and the model is given a mask of the padding.

    Returns:
        The outputs ``(rows, …)`` as NumPy arrays, nested as the model's, in the order of the rows in x.

    Raises:
        ShapeError: The model expects another shape.
        UsageError: The rows are no whole number of batches, and the model carries state from one to the next.
    """
    predictors: Any = model.__dict__.get(_PREDICTORS) if isinstance(model, keras.Model) else None
    if predictors is None:
        check_built(model)
        predictors = model.__dict__[_PREDICTORS] = {}
    key = (batch_size if type(batch_size) is int else repr(batch_size), getattr(model, "_functional", None))
    predictor = predictors.get(key)
    if predictor is None:
        predictor = predictors[key] = _Predictor(model, batch_size)
    return predictor(x, verbose, lengths)


class _Predictor:
    """What `predict` needs of one model at one batch size, made once."""

    def __init__(self, model: Any, batch_size: int | None) -> None:
        if batch_size is not None:
            check_whole("batch_size", batch_size)
        self.model = model
        self.stateful = is_stateful(model)
        self.rows = batch_size or (state_rows(model) if self.stateful else None) or ROWS_PER_DISPATCH
        states = states_for(model, self.rows) if self.stateful else [None for _ in states_for(model, 1)]
        self.forward = Forward(model, states)
        self.float_type = np.dtype(keras.config.floatx())
        self.embeddings = embeddings(model)
        self.checked: set[Any] = set()

    def __call__(self, x: Any, verbose: str | int, lengths: Any) -> Any:
        check_verbose(verbose)
        x, order, span = self._inputs(x, lengths)
        rows = rows_of(x)
        forward = self.forward
        weights = forward.read_weights()
        carried = [variable._value for variable in forward.carried]
        if self.stateful:
            _check_whole_batches(x, rows, self.rows)
        if rows <= self.rows:
            outputs, carried = forward.call(weights, carried, *padded_to_power_of_two((x, span), rows, self.rows))
            outputs = fetched(outputs, slice(rows))
        else:
            run = lambda state, part: forward.call(weights, state, *part)  # noqa: E731
            outputs, carried = run_batches(run, carried, (x, span), self.rows, verbose)
        forward.keep(carried)
        return outputs if order is None else back_in_order(outputs, order)

    def _inputs(self, x: Any, lengths: Any) -> tuple[Any, Any, Any]:
        """Return `x` as arrays that fit the model, with lengths in their order, and the span of each row that is real.

        One array of floats of a known shape is the quick way through.
        """
        spec = as_spec(lengths)
        quick = type(x) is np.ndarray and x.dtype == self.float_type and x.shape[1:] in self.checked and x.size
        if not quick:
            x, own = padded_rows(self.model, x)
            spec = spec if own is None else lengths_of_rows(spec, own)
            x = as_inputs(x)
            check_inputs(self.model, x)
            check_indices(self.model, x, self.embeddings)
            if type(x) is np.ndarray and not self.embeddings:
                self.checked.add(x.shape[1:])
        if self.stateful:
            # It would stay in the state, and in every output from here on.
            for name, array in named_leaves(x, "x"):
                check_finite(array, name)
        return (x, None, None) if spec is None else sorted_inputs(self.model, x, spec)


def sorted_inputs(model: Any, x: Any, spec: Lengths) -> tuple[Any, Any, Any]:
    """Sort inputs by length.

    Returns:
        The inputs, the order in which they are now, and the span of each row that is real, or None.
    """
    lengths, span = measured(model, x, spec)
    order = by_length(lengths)
    return jax.tree.map(lambda array: array[order], x), order, None if span is None else span[order]


def _check_whole_batches(x: Any, rows: int, size: int) -> None:
    if rows % size:
        names = [name for name, _ in named_leaves(x, "x")]
        check_whole_batches(rows, size, "use another batch_size", lambda stop: cut(names, None, stop))


def run_batches(
    call: Callable[[Any, Any], tuple[Any, Any]], carried: Any, x: Any, size: int, verbose: str | int, axis: int = 0
) -> tuple[Any, Any]:
    """Run one batch after the other, each with the state that the one before left.

    Args:
        call: ``(state, batch) -> (outputs, state)``.
        carried: The state before the first batch.
        x: All rows.
        size: Rows of a batch.
        verbose: Whether to show progress.
        axis: The axis of the rows in the outputs: 0, or 1 behind a members axis.

    Returns:
        The outputs of all rows, and the state after the last batch.
    """
    rows = rows_of(x)
    parts = []
    with Progress(verbose, -(-rows // size), "predict: batch") as progress:
        for number, (start, stop) in enumerate(_cuts(rows, size)):
            part = jax.tree.map(lambda array: array[start:stop], x)  # noqa: B023  used at once
            if stop - start < size:
                part = padded_to_power_of_two(part, stop - start, size)
            outputs, carried = call(carried, part)
            index = (slice(None),) * axis + (slice(0, stop - start),)
            parts.append(jax.tree.map(lambda array: np.asarray(array)[index], outputs))  # noqa: B023
            progress.update(number + 1, {})
    return joined(parts, axis), carried


def _cuts(rows: int, size: int) -> Iterator[tuple[int, int]]:
    for start in range(0, rows, size):
        yield start, min(start + size, rows)


def evaluate(
    model: Any,
    x: Any,
    y: Any = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
    sample_weight: Any = None,
    *,
    return_dict: bool = False,
    lengths: Any = None,
) -> Any:
    """Compute the loss and the metrics of a compiled model on data.

    Args:
        model: A built and compiled Keras model.
        x: Inputs ``(rows, …)``, or a list or dict of them, or a list of rows as in `fit`.
        y: Targets ``(rows, …)``, or a list or dict of them.
        batch_size: Rows of a batch; the last one takes what is left. Default: the batch of a stateful model's state, which
            is carried on from batch to batch, else 32.
        verbose: ``"auto"`` or 1 for a progress bar on work over a second, 0 for silence.
        sample_weight: Weights ``(rows,)``.
        return_dict: Whether to return a dict by name.
        lengths: As in `predict`. Rows are computed in the order of their lengths.

    Returns:
        The loss, or a list of loss and metrics, or a dict of them, as ``model.evaluate`` returns them.

    Raises:
        UsageError: The model is not compiled, or a stateful one is given no whole number of batches.
        DataError: Data of the wrong shape, or NaN or infinity in it.
    """
    check_trainable(model, replaced=("test_step",))
    check_verbose(verbose)
    if batch_size is not None:
        check_whole("batch_size", batch_size)
    data = read_data(model, (x, y, sample_weight, lengths))
    rows = rows_of(data.x)
    if data.lengths is not None:
        data = take(data, by_length(data.lengths))
    if batch_size is None:
        batch_size = state_rows(model) or USUAL_BATCH
    if is_stateful(model):
        check_state(model, batch_size)
        names = [leaf for leaf, _ in data.named()]
        check_whole_batches(
            rows, batch_size, "build the model for another batch size", lambda stop: cut(names, None, stop)
        )
    batch_size = min(batch_size, rows)
    build_metrics(model, data, batch_size)
    facts = {**model_facts(model), "x, y, sample_weight": shapes(jax.tree.map(lambda array: array[:1], data))}
    step, test = ProgramStore.of(model, "evaluate").get(facts, lambda: _test_function(model))
    values = read_values(model)
    carried, metrics = values.recurrent, step.reset_metrics()
    with Progress(verbose, -(-rows // batch_size), "evaluate: batch") as progress:
        for number, (start, stop) in enumerate(_cuts(rows, batch_size)):
            batch = Data(*jax.tree.map(lambda array: array[start:stop], tuple(data)))  # noqa: B023  used at once
            try:
                carried, metrics = test(values._replace(recurrent=carried), metrics, batch)
            except UNFIT as error:
                raise unfit(model, error, x=data.x, y=data.y, sample_weight=data.weight) from error
            progress.update(number + 1, {})
    for variable, value in zip(step.variables.recurrent, carried, strict=True):
        variable.assign(value)
    results = {name: float(value) for name, value in step.results(metrics).items()}
    if return_dict:
        return results
    return next(iter(results.values())) if len(results) == 1 else list(results.values())


def _test_function(model: Any) -> tuple[Step, Any]:
    step = Step(model)
    return step, jax.jit(step.test)
