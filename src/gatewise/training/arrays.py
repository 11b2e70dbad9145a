"""What users pass, as NumPy arrays: converted once, or refused in a sentence.

After this room there are only nests of numeric arrays, each with its samples along one axis.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import DataError, NotCompilableError, ShapeError, UsageError
from gatewise.training.wording import a_or_an, counted, first_index

keras = import_keras()

# What the kinds of NumPy types that are no numbers mean, and what to do about them.
_NOT_NUMBERS = {
    "U": "holds text: give every word or class a number first",
    "S": "holds text: give every word or class a number first",
    "M": "holds dates: turn them into numbers first, for example days since the first one",
    "m": "holds time spans: turn them into numbers first, for example seconds",
    "c": "holds complex numbers: pass the real and the imaginary part as two features",
}


def as_arrays(value: Any, name: str) -> Any:
    """Convert one argument to a NumPy array, or a nest of them, without touching the caller's.

    Floats become Keras's ``floatx``; integers and booleans stay what they are.

    Raises:
        NotCompilableError: A generator or another stream whose content no program can hold.
        DataError: Text, dates, objects, masked values: what are no numbers.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise UsageError(f"{name} is a dict with the key {key!r}: name every array by a str.")
        return {key: as_arrays(part, f"{name}[{key!r}]") for key, part in value.items()}
    if isinstance(value, (list, tuple)) and any(_is_array(part) for part in value):
        parts = [as_arrays(part, f"{name}[{index}]") for index, part in enumerate(value)]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if type(value) is not np.ndarray:
        value = converted(value, name)
    kind = value.dtype.kind
    if kind == "f" or (kind == "V" and jax.numpy.issubdtype(value.dtype, np.floating)):
        return _as_floats(value, name)
    if kind not in "iub":
        fault = _NOT_NUMBERS.get(kind, f"has the type {value.dtype}: convert it to numbers first")
        if kind == "O":
            fault = (
                f"holds objects: convert them to numbers first, for example with np.asarray({name}, dtype='float32')"
            )
        raise DataError(f"{name} {fault}.")
    _check_32_bits(value, name)
    return value


def _as_floats(array: np.ndarray, name: str) -> np.ndarray:
    """Convert to Keras's ``floatx``, and refuse numbers that it would make infinite of finite ones.

    Raises:
        DataError: How many there are, and where the first one is.
    """
    kind = keras.config.floatx()
    with np.errstate(over="ignore"):
        floats = array.astype(kind, copy=False)
    if floats.dtype.itemsize < array.dtype.itemsize and not np.isfinite(floats).all():
        beyond = np.isinf(floats) & np.isfinite(array)
        if beyond.any():
            first, count = first_index(beyond), int(beyond.sum())
            which = f"{count} values beyond {kind}, the first" if count > 1 else f"a value beyond {kind}"
            raise DataError(
                f"{name} holds {which} at index {first} ({array[first]:g}): scale the data, best to about -1 to 1."
            )
    return floats


def as_inputs(x: Any) -> Any:
    """Convert inputs, and refuse what has no samples, or not the same number everywhere.

    Raises:
        UsageError: `x` is None.
        DataError: As `as_arrays` and `check_counts`.
    """
    if x is None:
        raise UsageError("x is None: pass the inputs as arrays.")
    x = as_arrays(x, "x")
    check_leaves(x, "x")
    check_counts(list(named_leaves(x, "x")))
    return x


def converted(value: Any, name: str) -> np.ndarray:
    """Convert something that is no plain NumPy array and no nest."""
    kind = type(value).__name__
    streams = kind.endswith(("Dataset", "DataLoader")) or isinstance(value, keras.utils.PyDataset)
    if streams or hasattr(value, "__next__") or callable(value):
        raise NotCompilableError(
            f"{name} is {a_or_an(value)}, whose content a compiled program cannot hold: pass arrays (np.concatenate over its "
            "batches), or use model.fit for data that does not fit in memory."
        )
    if np.ma.is_masked(value):
        raise DataError(
            f"{name} is a masked array with {np.ma.count_masked(value)} masked values, and the mask would be lost: drop "
            f"those rows, or fill them ({name}.filled(...))."
        )
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        raise DataError(f"{name} is sparse ({kind}): pass {name}.toarray().")
    try:
        array = np.asarray(value)
    except Exception as error:
        if isinstance(value, (list, tuple)):
            remedy = "whose parts have different lengths: pad them to one, for example with keras.utils.pad_sequences."
        else:
            remedy = f"that NumPy makes no array of ({str(error).splitlines()[0]}): pass a NumPy array."
        raise DataError(f"{name} is {a_or_an(value)} {remedy}") from error
    if array.dtype == object and hasattr(value, "to_numpy"):
        return _from_table(value, name)
    if array.dtype == object and array.ndim == 0:
        raise DataError(f"{name} is {a_or_an(value)}: pass a NumPy array, or something that np.asarray makes one of.")
    return array


def _from_table(value: Any, name: str) -> np.ndarray:
    """Convert a pandas table or column whose types have no common NumPy type."""
    types = dict(value.dtypes.items()) if hasattr(value, "columns") else {None: value.dtype}
    for column, kind in types.items():
        if getattr(kind, "kind", "O") not in "fiub":
            which = name if column is None else f"{name}[{column!r}]"
            raise DataError(f"{which} is a column of type {kind}: convert it to numbers first, or leave it out.")
    return value.to_numpy(dtype="float64", na_value=np.nan)


def _check_32_bits(array: np.ndarray, name: str) -> None:
    """Refuse whole numbers that JAX, which computes in 32 bits, would wrap round."""
    if array.dtype.itemsize < 8 or jax.dtypes.canonicalize_dtype("int64").itemsize == 8 or not array.size:
        return
    if array.max() > 2**31 - 1 or array.min() < -(2**31):
        raise DataError(
            f"{name} holds whole numbers beyond 32 bits (up to {np.abs(array).max()}): pass floats, better still scaled "
            "to about -1 to 1."
        )


def _is_array(value: Any) -> bool:
    """Say whether a value is an array of at least one axis; a list of numbers is data, a list of arrays is a nest."""
    return isinstance(value, Mapping) or len(getattr(value, "shape", ())) > 0


def named_leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every array of a nest with the way to it, as in ``x['left']``, in the order of Keras and JAX: keys sorted."""
    if value is None:
        return
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from named_leaves(value[key], f"{name}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            yield from named_leaves(part, f"{name}[{index}]")
    else:
        yield name, value


def check_leaves(value: Any, name: str) -> None:
    """Refuse a nest without a single array.

    Raises:
        ShapeError: With its name.
    """
    if next(named_leaves(value, name), None) is None:
        raise ShapeError(f"{name} holds no arrays: pass the inputs as arrays.")


def rows_of(value: Any, axis: int = 0) -> int:
    """Return how many samples a nest of arrays holds."""
    array = value if isinstance(value, np.ndarray) else jax.tree.leaves(value)[0]
    return int(array.shape[axis])


def check_members_axis(leaves: list[tuple[str, Any]], members: int) -> None:
    """Refuse arrays that do not begin with a members axis.

    Args:
        leaves: Names and arrays, from `named_leaves`.
        members: How many members there are.

    Raises:
        ShapeError: Naming the first array without it.
    """
    for name, array in leaves:
        if array.ndim < 2 or array.shape[0] != members:
            raise ShapeError(
                f"{name} has the shape {array.shape}, and member_data=True needs ({members}, rows, …), one part for each "
                f"member: pass arrays with that leading axis, or leave member_data out where all members share them."
            )


def check_counts(leaves: list[tuple[str, Any]], axis: int = 0) -> None:
    """Refuse arrays that are empty or of different lengths.

    Args:
        leaves: Names and arrays, from `named_leaves`.
        axis: The axis of the samples: 0, or 1 behind a members axis.

    Raises:
        ShapeError: Naming the first array that disagrees with the first one.
    """
    first_name, first = leaves[0]
    for leaf, array in leaves:
        if array.ndim <= axis:
            raise ShapeError(f"{leaf} is a single value: an array with the axes (samples, …) is needed.")
        if array.size == 0:
            what = "no samples" if array.shape[axis] == 0 else "samples without any values"
            raise ShapeError(f"{leaf} has {what} (shape {array.shape}): pass at least one.")
        if array.shape[axis] != first.shape[axis]:
            raise ShapeError(
                f"{first_name} has {counted(first.shape[axis], 'sample')} and {leaf} has {array.shape[axis]}: give both the "
                "same number of samples."
            )
