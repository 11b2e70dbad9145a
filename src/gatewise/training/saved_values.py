"""The arrays of a model under names that say what they are, as they lie in a saved folder; and back, checked.

``model/trainable/0000/lstm/lstm_cell/kernel``: whose, which group of `ModelValues`, its number there, the variable.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.artifact.manifest import AGAIN, refusal, short
from gatewise.errors import ModelFileError, NonFiniteError
from gatewise.training.state import ModelValues, model_variables

# An optimizer's slots may overflow in a network that still works, so they are not among those that must be finite.
_FINITE = ("trainable", "non_trainable", "recurrent")


def named_arrays(model: Any, values: ModelValues, prefix: str) -> dict[str, np.ndarray]:
    """Return a model's arrays by name; `prefix` says whose they are."""
    variables = model_variables(model)
    return {
        f"{prefix}/{group}/{index:04d}/{variable.path}": np.asarray(array)
        for group in ModelValues._fields
        for index, (variable, array) in enumerate(zip(getattr(variables, group), getattr(values, group), strict=True))
    }


def check_finite(model: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse to save weights or states that are NaN or infinite; `arrays` as from `named_arrays`.

    Raises:
        NonFiniteError: With the first variable that holds them.
    """
    for name, array in arrays.items():
        wrong = _not_finite(name, array)
        if wrong:
            variable = name.split("/", 3)[3]
            raise NonFiniteError(
                f"Model {model.name!r} cannot be saved: {wrong} of the {array.size} values of {variable!r} are "
                "NaN or infinite; train it again with a smaller learning rate or with clipnorm."
            )


def _not_finite(name: str, array: np.ndarray) -> int:
    """Return how many values of an array that must be finite are not."""
    if name.split("/")[1] not in _FINITE or (array.dtype.kind != "f" and array.dtype.name != "bfloat16"):
        return 0
    return int(array.size - np.count_nonzero(np.isfinite(array)))


def take_values(arrays: Mapping[str, np.ndarray], prefix: str, where: Path) -> ModelValues:
    """Return the arrays under a prefix in their groups, in the order of their numbers.

    Raises:
        ModelFileError: A name is out of place, or values that must be finite are not.
    """
    values = ModelValues([], [], [], [])
    for name, array in arrays.items():
        parts = name.split("/", 3)
        if parts[0] != prefix:
            continue
        group = getattr(values, parts[1], None) if len(parts) == 4 and parts[1] in ModelValues._fields else None
        if group is None or parts[2] != f"{len(group):04d}":
            raise refusal(where, f"its tensor {short(name)} is out of place")
        wrong = _not_finite(name, array)
        if wrong:
            raise refusal(
                where,
                f"{wrong} of the {array.size} values of its tensor {short(name)} are NaN or infinite",
                "Restore an earlier copy, or train the model again.",
            )
        group.append(array)
    return values


def check_fit(model: Any, values: ModelValues, where: object, members: int | None = None) -> None:
    """Refuse arrays that are not exactly those of a model's variables.

    Args:
        model: A built model, or the rehearsal of one.
        values: The arrays, as from `take_values`.
        where: The file's name, for the message.
        members: Length of the leading members axis that every array must have, or None for a model of its own.

    Raises:
        ModelFileError: Number, shape or dtype differ.
    """
    lead = () if members is None else (members,)
    for name, variables, arrays in zip(ModelValues._fields, model_variables(model), values, strict=True):
        if len(variables) != len(arrays):
            reason = f"its network has {len(variables)} {name} variables and its weights {len(arrays)}"
            raise refusal(where, reason)
        for variable, array in zip(variables, arrays, strict=True):
            wanted, found = (*lead, *variable.shape), array.shape
            dtype = str(variable.value.dtype)
            if wanted != found or dtype != str(array.dtype):
                raise _unfit(where, variable, (wanted, dtype), (found, str(array.dtype)))


def _unfit(where: object, variable: Any, wanted: tuple[Any, str], found: tuple[Any, str]) -> ModelFileError:
    remedy = AGAIN
    if wanted[0] == found[0] and found[1] in ("float64", "int64", "uint64"):
        remedy = "Set the environment variable JAX_ENABLE_X64=1: it was saved with 64-bit numbers."
    return refusal(
        where,
        f"its network needs {wanted[0]} {wanted[1]} for {short(variable.path)} and its weights have "
        f"{found[0]} {found[1]}",
        remedy,
    )
