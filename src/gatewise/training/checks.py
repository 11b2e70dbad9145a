"""What can be wrong with a model or a call, said before anything runs."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import NotCompilableError, UsageError
from gatewise.recurrent import recurrent_layers, state_rows
from gatewise.training.wording import a_or_an, counted

keras = import_keras()

RESETS = ("epoch", "batch", "never")


def check_built(model: Any) -> None:
    """Refuse what is no Keras model, or one without weights yet.

    Raises:
        UsageError: With what to do.
    """
    if not isinstance(model, keras.Model):
        # What holds models, such as an ensemble, says itself where they are.
        remedy = getattr(type(model), "where_models_are", "pass a model, such as a keras.Sequential")
        raise UsageError(f"A keras.Model is needed, and {a_or_an(model)} was passed: {remedy}.")
    if not model.built or (hasattr(model, "layers") and not all(layer.built for layer in model._flatten_layers())):
        raise UsageError(
            f"Model {model.name!r} is not built, so its weights do not exist yet: begin it with keras.Input(shape=...), "
            "or call it once on a batch of data."
        )
    for layer in recurrent_layers(model):
        if layer.stateful and layer.states is None:
            raise UsageError(
                f"Layer {layer.name!r} is stateful and has no state yet: give the model keras.Input(batch_shape=(batch, "
                "time, features)) with the batch size written out."
            )


def check_trainable(model: Any, replaced: tuple[str, ...] = ("train_step", "test_step")) -> None:
    """Refuse a model that cannot be trained by a compiled program.

    Args:
        model: Anything.
        replaced: The methods of the model that gatewise is about to do without.

    Raises:
        UsageError: The model is not compiled.
        NotCompilableError: It asks for something that only Python can do.
    """
    check_built(model)
    if not getattr(model, "compiled", False) or model.optimizer is None:
        raise UsageError(f"Model {model.name!r} is not compiled: call model.compile(optimizer=..., loss=...) first.")
    if model.run_eagerly:
        raise NotCompilableError(
            f"Model {model.name!r} was compiled with run_eagerly=True, and gatewise runs nothing eagerly: compile it "
            "without run_eagerly, or use model.fit to step through Python."
        )
    if "train_step" in replaced and model.optimizer.built:
        known = [id(variable) for variable in model.optimizer._trainable_variables]
        if known != [id(variable) for variable in model.trainable_variables]:
            raise UsageError(
                f"The trainable weights of model {model.name!r} are not those that its optimizer was made for: call "
                "model.compile(...) again after a layer was frozen, thawed or added."
            )
    for name in replaced:
        own = getattr(type(model), name)
        if own is not getattr(keras.Model, name):
            raise NotCompilableError(
                f"{type(model).__name__} overrides {name}, which gatewise replaces: override compute_loss or call "
                "instead, or use model.fit."
            )


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Refuse what is no whole number, or too small a one.

    Raises:
        UsageError: With the value found and the values allowed.
    """
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise UsageError(f"{name}={value!r}: a whole number of at least {least} is needed.")


def check_flag(name: str, value: Any) -> None:
    """Refuse what is neither True nor False.

    Raises:
        UsageError: With the value found.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise UsageError(f"{name}={value!r}: True or False is needed.")


def check_verbose(verbose: Any) -> None:
    """Refuse a `verbose` that Keras does not have either.

    Raises:
        UsageError: With the value found and the values allowed.
    """
    if not isinstance(verbose, (str, int, np.integer)) or verbose not in ("auto", 0, 1, 2):
        raise UsageError(f"verbose={verbose!r}: choose 'auto', 0, 1 or 2.")


def check_no_steps(steps_per_epoch: Any, validation_steps: Any) -> None:
    """Refuse the arguments of ``model.fit`` that are for data without an end.

    Raises:
        UsageError: With what to do instead.
    """
    if steps_per_epoch is not None:
        raise UsageError(
            f"steps_per_epoch={steps_per_epoch!r} is for data without an end, and here an epoch goes through all rows of the "
            "arrays: leave it out, and pass fewer rows for a shorter epoch."
        )
    if validation_steps is not None:
        raise UsageError(
            f"validation_steps={validation_steps!r} is for data without an end, and here validation goes through all rows of "
            "the arrays: leave it out, and pass fewer rows in validation_data for a shorter one."
        )


def check_batch_size(rows: int, batch_size: int, validation_rows: int = 0) -> None:
    """Refuse a batch size that is larger than the number of rows.

    Args:
        rows: How many there are for training.
        batch_size: As given.
        validation_rows: How many ``validation_split`` has taken from them.

    Raises:
        UsageError: With the value found and the values allowed.
    """
    if batch_size > rows:
        data = f"the data, which have {counted(rows, 'sample')}"
        if validation_rows:
            data = (
                f"the training part of the data, which has {counted(rows, 'sample')} (validation_split keeps "
                f"{validation_rows} more for validation)"
            )
        raise UsageError(f"batch_size={batch_size} is larger than {data}: use a batch_size of at most {rows}.")


def check_devices(devices: Any) -> None:
    """Refuse a number of devices that this process does not have.

    Raises:
        UsageError: With how many there are.
    """
    available = len(jax.devices())
    if not isinstance(devices, (int, np.integer)) or isinstance(devices, bool) or not 1 <= devices <= available:
        raise UsageError(
            f"devices={devices!r}: choose from 1 to {available}, the devices of this process (jax.devices())."
        )


def check_seed(seed: Any) -> None:
    """Refuse seeds that are no whole number from 0 to 2**63 - 1.

    Raises:
        UsageError: With the value found.
    """
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise UsageError(f"seed={seed!r}: a whole number from 0 to 2**63 - 1 is needed.")


def check_resets(reset_states: Any) -> None:
    """Refuse a `reset_states` that there is not.

    Raises:
        UsageError: With the value found and the values allowed.
    """
    if reset_states not in RESETS:
        raise UsageError(f"reset_states={reset_states!r}: choose one of {', '.join(map(repr, RESETS))}.")


def check_state(model: Any, batch_size: int, name: str = "batch_size") -> None:
    """Refuse to train or to measure a stateful model in batches of another size than its state.

    Args:
        model: A built model.
        batch_size: Rows of a batch.
        name: The name of that argument.

    Raises:
        UsageError: With the remedies.
    """
    size = state_rows(model)
    if size is not None and batch_size != size:
        raise UsageError(
            f"Model {model.name!r} carries its state for a batch of {size}, and {name}={batch_size}: use {name}={size}, or "
            f"build the model with keras.Input(batch_shape=({batch_size}, ...))."
        )


def check_whole_batches(
    rows: int, batch_size: int, remedy: str, kept: Callable[[int], str], part: str = "rows"
) -> None:
    """Refuse a number of rows that is no whole number of batches.

    Args:
        rows: How many there are.
        batch_size: Rows of a batch.
        remedy: How to come to another batch size.
        kept: What to pass so that only so many rows are left, in words.
        part: What the rows are called, such as ``"validation rows"``.

    Raises:
        UsageError: With both remedies: another batch size, or dropping the named rows.
    """
    ragged = rows % batch_size
    if not ragged:
        return
    divisors = [size for size in range(1, rows + 1) if rows % size == 0]
    nearest = min(divisors, key=lambda divisor: (abs(divisor - batch_size), divisor))
    rest = f"{remedy} (for example {nearest})"
    if rows > batch_size:
        last = "last row" if ragged == 1 else f"last {ragged} rows"
        rest += f", or drop the {last} ({kept(rows - ragged)})"
    raise UsageError(
        f"A stateful model needs whole batches, and {counted(rows, part.removesuffix('s'))} cannot be cut into batches of "
        f"{batch_size}: {rest}."
    )


def cut(names: Iterable[str], start: int | None, stop: int | None, axis: int = 0) -> str:
    """Return some rows of arrays in words, as in ``x[:8], y[:8]``."""
    rows = ":, " * axis + ("" if start is None else str(start)) + ":" + ("" if stop is None else str(stop))
    return ", ".join(f"{name}[{rows}]" for name in names)
