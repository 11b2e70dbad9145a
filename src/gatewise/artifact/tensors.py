"""Arrays to safetensors bytes and back, strictly.

Reading is done here rather than by the safetensors package because that accepts headers of 100 MB, unknown metadata
and every dtype it knows; what gatewise reads is only what gatewise writes.
Format: https://huggingface.co/docs/safetensors (8 bytes of header length, JSON header, data).
"""

import math
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np

from gatewise.artifact.manifest import parse_json, refusal, short
from gatewise.errors import UsageError

MOST_HEADER_BYTES = 2**20
MOST_AXES = 32

_DTYPES = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
_KNOWN = {dtype.name for dtype in _DTYPES.values()}


def encode(arrays: Mapping[str, Any]) -> bytes:
    """Return arrays as the bytes of a safetensors file.

    Args:
        arrays: Name → NumPy array (or what NumPy makes one of) of a boolean, integer or float dtype.

    Raises:
        UsageError: A dtype that the format cannot hold, or so many arrays that the header passes 1 MB.
    """
    import safetensors.numpy

    ready = {name: _plain(name, array) for name, array in arrays.items()}
    data: bytes = safetensors.numpy.save(ready)
    header = int.from_bytes(data[:8], "little")
    if header > MOST_HEADER_BYTES:
        raise UsageError(
            f"{len(ready)} arrays need a header of {header} bytes and it may have {MOST_HEADER_BYTES}: "
            "stack arrays of the same shape."
        )
    return data


def _plain(name: str, array: Any) -> np.ndarray:
    """Return an array in C order and little-endian: the safetensors package writes any other order as garbage."""
    plain = np.asarray(array)
    if plain.dtype.name not in _KNOWN:
        raise UsageError(f"The array {name!r} has dtype {plain.dtype}: model files hold booleans, integers and floats.")
    plain = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
    # ascontiguousarray gives a scalar array an axis; reshape takes it away again.
    return np.ascontiguousarray(plain).reshape(plain.shape)


def described(arrays: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the dtype and shape of each array, as the manifest lists them."""
    return {
        name: {"dtype": np.asarray(array).dtype.name, "shape": list(np.shape(array))} for name, array in arrays.items()
    }


def same_bits(one: Any, other: Any) -> bool:
    """Say whether two arrays have the same dtype, shape and bits (NaN equals itself)."""
    first, second = _plain("", one), _plain("", other)
    return (
        first.dtype == second.dtype
        and first.shape == second.shape
        and bool(np.array_equal(first.reshape(-1).view(np.uint8), second.reshape(-1).view(np.uint8)))
    )


def decode(data: bytes, where: object) -> dict[str, np.ndarray]:
    """Return the arrays of a safetensors file: read-only views of `data`.

    Args:
        data: The whole file.
        where: The file's name, for messages.

    Raises:
        ModelFileError: A header that is too long, is not strict JSON or has unknown entries; unknown dtypes; offsets
            that overlap, leave gaps or do not fit the shapes; data too short or too long.
    """
    if len(data) < 8:
        raise refusal(where, f"it has {len(data)} bytes, too few for safetensors, so it is truncated or another format")
    length = int.from_bytes(data[:8], "little")
    if length > MOST_HEADER_BYTES:
        raise refusal(where, f"its header claims {length} bytes and may have {MOST_HEADER_BYTES}")
    if length > len(data) - 8:
        raise refusal(where, f"its header claims {length} bytes and only {len(data) - 8} follow, so it is truncated")
    header = parse_json(data[8 : 8 + length], where)
    if not isinstance(header, dict):
        raise refusal(where, "its header is not a JSON object")
    begin = 8 + length
    arrays: dict[str, np.ndarray] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        dtype, shape, start, stop = _checked(name, entry, where)
        if stop > len(data) - begin:
            raise refusal(where, f"the tensor {short(name)} ends at byte {stop} of {len(data) - begin}")
        spans.append((start, stop, name))
        arrays[name] = np.frombuffer(data, dtype, math.prod(shape), begin + start).reshape(shape)
    _check_spans(spans, len(data) - begin, where)
    return arrays


def _checked(name: str, entry: Any, where: object) -> tuple[np.dtype, list[int], int, int]:
    """Return one header entry's dtype, shape and span after checking them against each other."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise refusal(where, f"the header entry {short(name)} is not that of a tensor")
    dtype = _DTYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if dtype is None:
        raise refusal(where, f"the tensor {short(name)} has the unknown dtype {short(entry['dtype'])}")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _whole_numbers(shape) or len(shape) > MOST_AXES:
        raise refusal(where, f"the tensor {short(name)} has the shape {short(shape)}")
    if not _whole_numbers(offsets) or len(offsets) != 2:
        raise refusal(where, f"the tensor {short(name)} has the offsets {short(offsets)}")
    start, stop = offsets
    # Python integers do not overflow, so a product of huge lengths stays what it is and does not fit.
    if math.prod(shape) * dtype.itemsize != stop - start:
        raise refusal(
            where,
            f"the tensor {short(name)} needs {short(math.prod(shape) * dtype.itemsize)} bytes and has {stop - start}",
        )
    return dtype, shape, start, stop


def _whole_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)


def _check_spans(spans: list[tuple[int, int, str]], size: int, where: object) -> None:
    reached = 0
    for start, stop, name in sorted(spans):
        if start != reached:
            what = "overlaps another" if start < reached else "leaves a gap before it"
            raise refusal(where, f"the tensor {short(name)} {what}: it starts at byte {start} and not at {reached}")
        reached = stop
    if reached != size:
        raise refusal(where, f"its tensors end at byte {reached} and {size} bytes follow the header")
