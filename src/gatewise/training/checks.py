"""What can be wrong with a model or a call, said before anything runs."""

import re
from typing import Any

import jax
import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import NotCompilableError, UsageError
from gatewise.recurrent import is_stateful, recurrent_layers, state_rows

keras = import_keras()

RESETS = ("epoch", "batch", "never")


def check_built(model: Any) -> None:
    """Refuse what is no Keras model, or one without weights yet.

    Raises:
        UsageError: With what to do.
    """
    if not isinstance(model, keras.Model):
        passed = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
        raise UsageError(f"A keras.Model is needed, and {passed} was passed.")
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


def check_batch_size(rows: int, batch_size: Any) -> None:
    """Refuse a batch size that is no whole number from 1 to the number of rows.

    Raises:
        UsageError: With the value found and the values allowed.
    """
    check_whole("batch_size", batch_size)
    if batch_size > rows:
        raise UsageError(
            f"batch_size={batch_size} is larger than the data, which have {rows} sample{'s' if rows > 1 else ''}: use a "
            f"batch_size of at most {rows}."
        )


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


def check_state(model: Any, rows: int, batch_size: int, reset_states: str, where: str = "") -> None:
    """Refuse what a stateful model cannot do: batches of another size than its state.

    Args:
        model: A built model.
        rows: How many there are.
        batch_size: Rows of a batch.
        reset_states: When the state is reset.
        where: What to say before ``batch_size`` and ``x``, such as ``"validation"``; may be empty.

    Raises:
        UsageError: With the remedies.
    """
    if reset_states not in RESETS:
        raise UsageError(f"reset_states={reset_states!r}: choose one of {', '.join(map(repr, RESETS))}.")
    if not is_stateful(model):
        return
    size, name = state_rows(model), f"{where}_batch_size" if where else "batch_size"
    if batch_size != size:
        raise UsageError(
            f"Model {model.name!r} carries its state for a batch of {size}, and {name}={batch_size}: use {name}={size}, or "
            f"build the model with keras.Input(batch_shape=({batch_size}, ...))."
        )
    check_whole_batches(rows, batch_size, "build the model for another batch size", ("x", "y"), where)


def check_whole_batches(
    rows: int, batch_size: int, remedy: str, arrays: tuple[str, ...] = ("x",), where: str = ""
) -> None:
    """Refuse a number of rows that is no whole number of batches.

    Args:
        rows: How many there are.
        batch_size: Rows of a batch.
        remedy: How to come to another batch size.
        arrays: What the rows are in.
        where: What the rows are for, such as ``"validation"``; may be empty.

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
        rest += f", or drop the {last} ({', '.join(f'{name}[:{rows - ragged}]' for name in arrays)})"
    of = f"{where} rows" if where else "rows"
    raise UsageError(
        f"A stateful model needs whole batches, and {rows} {of if rows > 1 else of[:-1]} cannot be cut into batches of "
        f"{batch_size}: {rest}."
    )


def in_keras_words(error: BaseException) -> str:
    """Return what an exception of Keras or JAX says, in one line without colours and without its arguments."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split("Arguments received by")[0]
    found = re.match(r"Exception encountered when calling (\S+?)(?:\.call)?\(\)\.\s*(.*)", text, re.DOTALL)
    if found:
        text = f"{found[1]} says: {found[2]}"
    text = " ".join(text.split()) or type(error).__name__
    return text[:400].removesuffix(".")
