"""The arguments of `fit` and `fit_ensemble`, checked together: arrays converted and split, numbers that fit them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from gatewise.errors import UsageError
from gatewise.recurrent import state_rows
from gatewise.training.arrays import rows_of
from gatewise.training.checks import (
    check_batch_size,
    check_flag,
    check_no_steps,
    check_resets,
    check_state,
    check_verbose,
    check_whole,
    check_whole_batches,
    cut,
)
from gatewise.training.data import (
    Data,
    as_data,
    check_class_weight,
    class_weights_as_sample_weights,
    split_rows,
)
from gatewise.training.initial import build_optimizer
from gatewise.training.inputs import UNFIT, check_indices, check_inputs, embeddings, unfit
from gatewise.training.lengths import Lengths, as_spec, by_length, measured, window_rows
from gatewise.training.rows import padded_rows
from gatewise.training.targets import check_targets, classes_of
from gatewise.training.wording import a_or_an

# Rows of a step where nobody says otherwise: Keras's own default.
USUAL_BATCH = 32


@dataclass(frozen=True)
class Wishes:
    """The plain arguments of a call, as they were passed; see `fit`."""

    batch_size: Any = None
    validation_batch_size: Any = None
    epochs: Any = 1
    initial_epoch: Any = 0
    shuffle: Any = True
    reset_states: Any = "epoch"
    validation_freq: Any = 1
    verbose: Any = "auto"
    steps_per_epoch: Any = None
    validation_steps: Any = None

    def check(self) -> None:
        """Refuse what is wrong whatever the data are.

        Raises:
            UsageError: Naming the first argument that cannot be meant.
        """
        check_no_steps(self.steps_per_epoch, self.validation_steps)
        if self.batch_size is not None:
            check_whole("batch_size", self.batch_size)
        if self.validation_batch_size is not None:
            check_whole("validation_batch_size", self.validation_batch_size)
        check_whole("epochs", self.epochs)
        check_whole("initial_epoch", self.initial_epoch, 0)
        check_flag("shuffle", self.shuffle)
        check_resets(self.reset_states)
        check_verbose(self.verbose)


@dataclass(frozen=True)
class Options:
    """The plain numbers of a call, as the program gets them.

    Attributes:
        batch_size: Rows of a training step.
        validation_batch_size: Rows of a validation step.
        epochs: Epoch before which to stop.
        initial_epoch: First epoch.
        shuffle: Whether every epoch has an order of its own.
        reset_states: When the carried state is reset.
        validation_freq: Validate every so many epochs, or in the epochs listed (counted from 1).
        window: How many rows of an epoch's order are sorted by length together; None where there are no lengths.
    """

    batch_size: int
    validation_batch_size: int
    epochs: int
    initial_epoch: int
    shuffle: bool
    reset_states: str
    validation_freq: int | tuple[int, ...]
    window: int | None = None


def frequency(value: Any) -> int | tuple[int, ...]:
    """Check a validation_freq.

    Raises:
        UsageError: It is neither a whole number of at least 1 nor a list of such.
    """
    if not isinstance(value, (list, tuple, set, frozenset, range, np.ndarray)) or len(value) == 0:
        check_whole("validation_freq", value)
        return int(value)
    for index, epoch in enumerate(value):
        check_whole(f"validation_freq[{index}]", epoch)
    return tuple(int(epoch) for epoch in value)


def prepare(
    model: Any,
    training: tuple[Any, Any, Any, Any],
    validation_data: Any,
    validation_split: float,
    class_weight: Mapping[int, float] | None,
    wishes: Wishes,
    members: int | None = None,
) -> tuple[Data, Data | None, Options]:
    """Convert, split and check the data of a call; see `fit` for the arguments.

    Args:
        model: A compiled model.
        training: x, y, sample_weight and lengths.
        validation_data: As passed.
        validation_split: As passed.
        class_weight: As passed.
        wishes: The other arguments.
        members: How many members have data of their own; None where all share them.

    Returns:
        Training and validation data, and the numbers of the run.
    """
    wishes.check()
    frequencies = frequency(wishes.validation_freq)
    axis = 0 if members is None else 1
    data = read_data(model, training, members)
    if class_weight is not None:
        if members is not None:
            raise UsageError(
                "class_weight is for rows that all members share, and member_data=True gives each its own: pass "
                "sample_weight with a leading members axis instead."
            )
        check_class_weight(class_weight, data, classes_of(model, data.x, data.y))
    whole, validation = data, None
    if validation_data is not None:
        validation = _as_validation(model, validation_data, data, training[3], members)
    elif validation_split:
        data, validation = split_rows(data, validation_split, axis)
    if class_weight is not None:
        # Only now: as in Keras, the rows kept for validation are not weighted by their class.
        data = data._replace(weight=class_weights_as_sample_weights(data.y, class_weight, data.weight))
    options = _options(wishes, model, rows_of(data.x, axis), frequencies)
    if data.lengths is not None:
        spec = as_spec(training[3])
        window = window_rows(spec.window if spec else None, options.batch_size, rows_of(data.x, axis))
        options = replace(options, window=window)
    arrays = Arrays(whole, options, axis, split=None if validation is None or validation_data is not None else data)
    _check_sizes(model, options, arrays, data, validation)
    if validation is not None and validation.lengths is not None and members is None:
        validation = take(validation, by_length(validation.lengths))
    return data, validation, options


def read_data(model: Any, given: tuple[Any, Any, Any, Any], members: int | None = None, where: str = "") -> Data:
    """Convert and check what belongs to each other and to the model.

    Args:
        model: A compiled model.
        given: x, y, sample_weight and lengths, as passed.
        members: How many members have data of their own; None where all share them.
        where: What to say before their names, such as ``"validation "``.

    Raises:
        GatewiseError: Naming the first thing that cannot be meant.
    """
    x, y, weight, lengths = given
    spec = as_spec(lengths)
    x, own = padded_rows(model, x, f"{where}x") if members is None else (x, None)
    if own is not None:
        spec = lengths_of_rows(spec, own, where)
    data = as_data(x, y, weight, members, where)
    check_against_model(model, data, 1 if members is None else 2, where)
    if spec is None:
        return data
    lengths, span = measured(model, data.x, spec, members, where)
    return data._replace(lengths=lengths, span=span)


def lengths_of_rows(spec: Lengths | None, own: Any, where: str = "") -> Lengths:
    """Return the lengths that a list of rows has by itself.

    Raises:
        UsageError: There are others besides.
    """
    if spec is not None:
        raise UsageError(
            f"{where}x is a list of rows, which has lengths of its own, and {where}lengths are given besides: leave them "
            "out, or pass x as one padded array."
        )
    return Lengths(own)


def take(data: Data, order: Any) -> Data:
    """Put the rows of all arrays into an order."""
    return Data(*jax.tree.map(lambda array: array[order], tuple(data)))


def _as_validation(model: Any, validation_data: Any, training: Data, lengths: Any, members: int | None) -> Data:
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3, 4):
        parts = f" of {len(validation_data)} parts" if isinstance(validation_data, (tuple, list)) else ""
        raise UsageError(
            f"validation_data is {a_or_an(validation_data)}{parts}: pass (x, y), (x, y, sample_weight) or (x, y, "
            "sample_weight, lengths)."
        )
    x, y, weight, own = (*validation_data, None, None)[:4]
    if own is not None and not isinstance(own, Lengths) and isinstance(lengths, Lengths):
        own = replace(lengths, values=own)
    validation = read_data(model, (x, y, weight, own), members, "validation ")
    if lengths is not None and own is None and training.span is not None and validation.span is None:
        raise UsageError(
            "lengths are given for x and not for validation x, which would be computed without a mask: pass validation_data="
            "(x, y, sample_weight, lengths), with None where there is no sample_weight."
        )
    return validation


def _options(wishes: Wishes, model: Any, rows: int, frequencies: int | tuple[int, ...]) -> Options:
    usual = state_rows(model)
    return Options(
        batch_size=int(wishes.batch_size or usual or min(USUAL_BATCH, rows)),
        validation_batch_size=int(wishes.validation_batch_size or wishes.batch_size or usual or USUAL_BATCH),
        epochs=int(wishes.epochs),
        initial_epoch=int(wishes.initial_epoch),
        shuffle=bool(wishes.shuffle),
        reset_states=wishes.reset_states,
        validation_freq=frequencies,
    )


@dataclass(frozen=True)
class Arrays:
    """The user's own arrays, for sentences that say which rows of them to pass instead.

    Attributes:
        given: x, y and sample_weight as passed.
        options: The numbers of the call.
        axis: The axis of the rows.
        split: The part for training, where ``validation_split`` cuts the arrays; else None.
    """

    given: Data
    options: Options
    axis: int
    split: Data | None

    def fewer(self, stop: int) -> str:
        """Say how to pass whole batches only: the first rows, or two parts where the arrays are split."""
        names = [leaf for leaf, _ in self.given.named()]
        if self.split is None:
            return cut(names, None, stop, self.axis)
        total, border = rows_of(self.given.x, self.axis), rows_of(self.split.x, self.axis)
        ragged = border % self.options.batch_size
        over = (total - border) % self.options.validation_batch_size
        return (
            f"{cut(names, None, border - ragged, self.axis)}, and as validation_data in place of validation_split "
            f"{cut(names, border, total - over if over else None, self.axis)}"
        )


def _check_sizes(model: Any, options: Options, arrays: Arrays, data: Data, validation: Data | None) -> None:
    """Compare the sizes of batches with the rows that there are and with the model's state."""
    rows, stateful, split = rows_of(data.x, arrays.axis), state_rows(model) is not None, arrays.split is not None
    remedy = "build the model for another batch size"
    if stateful:
        check_state(model, options.batch_size)
        what = "training rows" if split else "rows"
        check_whole_batches(rows, options.batch_size, remedy, arrays.fewer, what)
    check_batch_size(rows, options.batch_size, rows_of(arrays.given.x, arrays.axis) - rows if split else 0)
    if stateful and validation is not None:
        check_state(model, options.validation_batch_size, "validation_batch_size")
        own = [leaf for leaf, _ in validation.named(*(f"validation_data[{at}]" for at in range(3)))]
        kept = arrays.fewer if split else lambda stop: cut(own, None, stop, arrays.axis)
        check_whole_batches(
            rows_of(validation.x, arrays.axis), options.validation_batch_size, remedy, kept, "validation rows"
        )


def check_against_model(model: Any, data: Data, leading: int = 1, where: str = "") -> None:
    """Compare inputs and targets with what a model reads and puts out.

    Raises:
        DataError: Naming the first array that does not fit.
    """
    check_inputs(model, data.x, leading, f"{where}x")
    check_indices(model, data.x, embeddings(model), f"{where}x")
    check_targets(model, data.x, data.y, leading, f"{where}y")


def build_metrics(model: Any, data: Data, batch_size: int, leading: int = 0) -> None:
    """Let Keras make the variables of its losses, metrics and optimizer, which it does when it first sees data."""
    index = (0,) * leading
    batch = jax.tree.map(lambda array: array[index][:batch_size], data)
    if not model.optimizer.built:
        build_optimizer(model)
    try:
        model._symbolic_build(data_batch=(batch.x, batch.y, batch.weight))
    except UNFIT as error:
        raise unfit(model, error, x=data.x, y=data.y, sample_weight=data.weight) from error
