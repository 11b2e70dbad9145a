"""Tensors of the Open Inference Protocol: JSON or binary to arrays, and back.

Sources: https://github.com/open-inference/open-inference-protocol for the JSON form; the binary form, its lengths and its text
are Triton's extension "binary_tensor_data", which ``tritonclient`` uses unless it is told otherwise.
"""

import math
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gatewise.serving.sessions.bodies import fields_of
from gatewise.serving.terms.contract import Tensor
from gatewise.serving.terms.problems import Problem, shown

TYPES = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(object),
}
_FIELDS = {"name", "shape", "datatype", "parameters", "data"}
_MOST_ELEMENTS = 16 * 2**20


class Given(NamedTuple):
    """A tensor as it was sent: values checked, of the model's type."""

    name: str
    values: np.ndarray


def read_inputs(given: Any, binary: bytes, wanted: tuple[Tensor, ...]) -> dict[str, np.ndarray]:
    """Return a model's inputs by name.

    Args:
        given: The request's ``inputs``, as parsed.
        binary: What followed the JSON.
        wanted: The model's inputs.

    Raises:
        Problem: One is missing, unknown, twice, or not as the model takes it.
    """
    if type(given) is not list:
        raise Problem(
            "field_wrong" if given is not None else "field_missing",
            "inputs should be a list of tensors.",
            field="inputs",
        )
    by_name = {tensor.name: tensor for tensor in wanted}
    found: dict[str, np.ndarray] = {}
    at = 0
    for place, entry in enumerate(given):
        field = f"inputs[{place}]"
        name, shape, at_after = _read_one(entry, field, by_name, found, len(binary), at)
        found[name] = _values(entry, field, by_name[name], shape, binary[at:at_after])
        at = at_after
    if at != len(binary):
        raise Problem("shape_wrong", f"{len(binary) - at} bytes follow the last tensor.", field="inputs")
    for tensor in wanted:
        if tensor.name not in found:
            raise Problem("field_missing", f"The input {tensor.name!r} is missing.", field="inputs")
    return found


def _read_one(
    entry: Any, field: str, by_name: Mapping[str, Tensor], found: Mapping[str, Any], size: int, at: int
) -> tuple[str, tuple[int, ...], int]:
    """Return a tensor's name and shape, and where its binary data ends; all but its values is checked."""
    if type(entry) is not dict:
        raise Problem("field_wrong", f"{field} should be an object.", field=field)
    fields_of(entry, _FIELDS)
    name = entry.get("name")
    if type(name) is not str or name not in by_name:
        names = ", ".join(by_name)
        raise Problem(
            "field_wrong", f"{field} is called {shown(name)}, and the model takes {names}.", field=f"{field}.name"
        )
    if name in found:
        raise Problem("field_wrong", f"The input {name!r} comes twice.", field=f"{field}.name")
    wanted = by_name[name]
    if entry.get("datatype") != wanted.datatype:
        raise Problem(
            "field_wrong",
            f"{name} has the type {shown(entry.get('datatype'))}, and the model takes {wanted.datatype}.",
            field=f"{field}.datatype",
        )
    shape = _shape(entry.get("shape"), wanted, field)
    parameters = entry.get("parameters", {})
    length = parameters.get("binary_data_size") if type(parameters) is dict else None
    if length is None:
        return name, shape, at
    if type(length) is not int or not 0 <= length <= size - at or "data" in entry:
        raise Problem("shape_wrong", f"binary_data_size of {name} is not what follows.", field=f"{field}.parameters")
    return name, shape, at + length


def _shape(given: Any, wanted: Tensor, field: str) -> tuple[int, ...]:
    where = f"{field}.shape"
    if type(given) is not list or not all(type(length) is int and 0 <= length < 2**31 for length in given):
        raise Problem("field_wrong", f"{where} is {shown(given)}, and should be a list of whole numbers.", field=where)
    check_shape(given, wanted, f"{where} is", where)
    return tuple(given)


def check_shape(given: list[int], wanted: Tensor, said: str, field: str) -> None:
    """Raise a `Problem` where a shape is none that the model takes; `said` is how its sentence begins."""
    fits = len(given) == len(wanted.shape) and all(
        axis in (length, -1) for length, axis in zip(given, wanted.shape, strict=True)
    )
    if not fits:
        any_length = " (-1: any length)" if -1 in wanted.shape else ""
        raise Problem(
            "shape_wrong", f"{said} {given}, and the model takes {list(wanted.shape)}{any_length}.", field=field
        )
    if math.prod(given) > _MOST_ELEMENTS:
        raise Problem("shape_wrong", f"{said} {given}, and may be of {_MOST_ELEMENTS} elements.", field=field)


def read_nested(value: list[Any], wanted: Tensor, field: str) -> np.ndarray:
    """Return nested lists as an array of a model's input.

    Args:
        value: The lists; their shape is that of their first entries.
        wanted: The input.
        field: Where they stand in the body.

    Raises:
        Problem: They are not of one shape, or not as the model takes them; it names the first wrong entry.
    """
    shape: list[int] = []
    level: Any = value
    while type(level) is list:
        shape.append(len(level))
        level = level[0] if level else None
    check_shape(shape, wanted, f"{field} has the shape", field)
    flat = _flat(value, tuple(shape))
    if flat is None:
        raise Problem(
            "shape_wrong", f"{field} has not everywhere the shape of its first entries, {shape}.", field=field
        )
    return _typed(flat, wanted, tuple(shape), field)


def _values(entry: dict[str, Any], field: str, wanted: Tensor, shape: tuple[int, ...], binary: bytes) -> np.ndarray:
    if type(entry.get("parameters")) is dict and "binary_data_size" in entry["parameters"]:
        return _from_binary(binary, field, wanted, shape)
    if type(entry.get("data")) is not list:
        raise Problem("field_missing", f"{field} has no list called data.", field=f"{field}.data")
    flat = _flat(entry["data"], shape)
    if flat is None:
        raise _counts(f"{field}.data", shape)
    return _typed(flat, wanted, shape, f"{field}.data", nested=False)


def _typed(flat: list[Any], wanted: Tensor, shape: tuple[int, ...], field: str, nested: bool = True) -> np.ndarray:
    """Return row-major values as an array; of a wrong one it is said where it stands, by all its places where `nested`."""
    kind = TYPES[wanted.datatype].kind
    allowed = {"O": (str,), "b": (bool,), "f": (int, float)}.get(kind, (int,))
    for place, value in enumerate(flat):
        if type(value) not in allowed:
            where = _where(field, place, shape, nested)
            code = "number_not_finite" if value is None and kind == "f" else "field_wrong"
            raise Problem(code, f"{where} is {shown(value)}, and should be {wanted.datatype}.", field=where)
    try:
        # What becomes infinite is refused below.
        with np.errstate(over="ignore"):
            found = np.array(flat, TYPES[wanted.datatype])
    except OverflowError:
        raise Problem("field_wrong", f"{field} holds a number beyond {wanted.datatype}.", field=field) from None
    return _checked(found.reshape(shape), wanted, field, nested)


def _where(field: str, place: int, shape: tuple[int, ...], nested: bool) -> str:
    """Return where a value stands, from its row-major place."""
    places = np.unravel_index(place, shape) if nested else (place,)
    return field + "".join(f"[{int(one)}]" for one in places)


def _flat(data: list[Any], shape: tuple[int, ...]) -> list[Any] | None:
    """Return row-major values, which may come nested as the shape says or flat; None where they are not as many."""
    size = math.prod(shape)
    level = data
    if not data and size == 0:
        return data
    if len(shape) > 1 and (not data or type(data[0]) is list):
        for axis, length in enumerate(shape):
            if axis == 0:
                if len(level) != length:
                    return None
                continue
            if not all(type(part) is list and len(part) == length for part in level):
                return None
            level = [value for part in level for value in part]
    return level if len(level) == size else None


def _counts(field: str, shape: tuple[int, ...]) -> Problem:
    return Problem(
        "shape_wrong", f"{field} does not have the {math.prod(shape)} values of the shape {list(shape)}.", field=field
    )


def _from_binary(data: bytes, field: str, wanted: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    if wanted.datatype == "BYTES":
        texts = np.empty(math.prod(shape), object)
        at = 0
        try:
            for place in range(len(texts)):
                (length,) = struct.unpack_from("<I", data, at)
                texts[place] = data[at + 4 : at + 4 + length].decode("utf-8")
                at += 4 + length
        except (struct.error, UnicodeDecodeError):
            raise _counts(field, shape) from None
        if at != len(data):
            raise _counts(field, shape)
        return texts.reshape(shape)
    kind = TYPES[wanted.datatype]
    if len(data) != math.prod(shape) * kind.itemsize:
        raise _counts(field, shape)
    return _checked(np.frombuffer(data, kind).reshape(shape), wanted, f"{field}.data", nested=False)


def _checked(values: np.ndarray, wanted: Tensor, field: str, nested: bool) -> np.ndarray:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        where = _where(field, int(np.argmin(np.isfinite(values))), values.shape, nested)
        raise Problem("number_not_finite", f"{where} is no finite number that {wanted.datatype} holds.", field=where)
    return values


def written(tensor: Tensor, values: np.ndarray, binary: bool) -> tuple[dict[str, Any], bytes]:
    """Return an output as JSON values, and its binary data where it is asked for."""
    said: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(values.shape)}
    if not binary:
        return {**said, "data": values.reshape(-1).tolist()}, b""
    if tensor.datatype == "BYTES":
        texts = [str(text).encode() for text in values.reshape(-1)]
        data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    else:
        data = np.ascontiguousarray(values, TYPES[tensor.datatype]).tobytes()
    return {**said, "parameters": {"binary_data_size": len(data)}}, data
