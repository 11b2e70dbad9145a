"""XLA's typed FFI as LLVM code sees it: how a handler finds its arrays, and answers what XLA asks it before the first call.

The offsets are those of jaxlib's ``xla/ffi/api/c_api.h``, for 64-bit pointers. `tests/recurrent/test_kernel_code.py` reads that
header and compares.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llvmlite import ir

from gatewise.recurrent.kernels.emitter import INT, INT32, POINTER, Emitter

# XLA_FFI_CallFrame: where its parts begin; args and rets hold (struct_size, extension, size, types, pointers).
FRAME_EXTENSION, FRAME_ARGUMENTS, FRAME_RESULTS, FRAME_ATTRIBUTES = 8, 40, 80, 120
POINTERS = 32
# XLA_FFI_Attrs has names before its pointers; XLA_FFI_Scalar is (dtype, value).
ATTRIBUTE_POINTERS, SCALAR_VALUE = 40, 8
# XLA_FFI_Buffer.
BUFFER_DATA, BUFFER_SIZES = 24, 40
# XLA_FFI_Extension_Base, XLA_FFI_Metadata_Extension and XLA_FFI_Metadata.
EXTENSION_KIND, EXTENSION_IS_METADATA, EXTENSION_METADATA = 8, 1, 24
METADATA_MAJOR, METADATA_MINOR, METADATA_TRAITS = 24, 28, 32


def header() -> str:
    """Return the text of the header that describes the interface of the installed jaxlib."""
    import jax

    return (Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h").read_text(encoding="utf-8")


def api_version() -> tuple[int, int]:
    """Return the version of the interface, major and minor, that the installed jaxlib speaks.

    Raises:
        ValueError: Its header does not say.
    """
    found = [
        re.search(rf"#define XLA_FFI_API_{part} (\d+)", text) for text in [header()] for part in ("MAJOR", "MINOR")
    ]
    major, minor = found
    if major is None or minor is None:
        raise ValueError("the header of XLA's FFI has no version")
    return int(major[1]), int(minor[1])


def word(emitter: Emitter, address: Any, offset: int, kind: Any) -> Any:
    """Return the value so many bytes behind an address."""
    return emitter.builder.load(_behind(emitter, address, emitter.number(offset)), typ=kind)


def _behind(emitter: Emitter, address: Any, offset: Any) -> Any:
    return emitter.builder.gep(address, [offset], source_etype=ir.IntType(8))


class Frame:
    """The arrays of one call by their names.

    Args:
        emitter: Where code is written.
        address: The call frame.
        arguments: The names of the arrays that the call takes.
        results: The names of those that it gives.
    """

    def __init__(self, emitter: Emitter, address: Any, arguments: Sequence[str], results: Sequence[str]) -> None:
        self._emitter = emitter
        self._address = address
        self._where = {name: (FRAME_ARGUMENTS, number) for number, name in enumerate(arguments)}
        self._where |= {name: (FRAME_RESULTS, number) for number, name in enumerate(results)}

    def __contains__(self, name: str) -> bool:
        return name in self._where

    def _buffer(self, name: str) -> Any:
        part, number = self._where[name]
        pointers = word(self._emitter, self._address, part + POINTERS, POINTER)
        return word(self._emitter, pointers, 8 * number, POINTER)

    def data(self, name: str) -> Any:
        """Return where an array begins."""
        return word(self._emitter, self._buffer(name), BUFFER_DATA, POINTER)

    def size(self, name: str, axis: int) -> Any:
        """Return the length of an axis of an array."""
        return word(self._emitter, word(self._emitter, self._buffer(name), BUFFER_SIZES, POINTER), 8 * axis, INT)

    def attribute(self, number: int) -> Any:
        """Return an attribute of the call, a 64-bit number; XLA has them in the order of their names."""
        attributes = word(self._emitter, self._address, FRAME_ATTRIBUTES + ATTRIBUTE_POINTERS, POINTER)
        scalar = word(self._emitter, attributes, 8 * number, POINTER)
        return word(self._emitter, word(self._emitter, scalar, SCALAR_VALUE, POINTER), 0, INT)


def answer_metadata(emitter: Emitter, address: Any, version: tuple[int, int]) -> None:
    """Write the answer to XLA's question for the version of the interface, which comes as a frame with an extension."""
    builder = emitter.builder
    extension = word(emitter, address, FRAME_EXTENSION, POINTER)
    null = ir.Constant(POINTER, None)
    with builder.if_then(builder.icmp_unsigned("!=", extension, null)):
        kind = word(emitter, extension, EXTENSION_KIND, INT32)
        with builder.if_then(builder.icmp_signed("==", kind, ir.Constant(INT32, EXTENSION_IS_METADATA))):
            metadata = word(emitter, extension, EXTENSION_METADATA, POINTER)
            answers = (METADATA_MAJOR, version[0]), (METADATA_MINOR, version[1]), (METADATA_TRAITS, 0)
            for offset, value in answers:
                builder.store(ir.Constant(INT32, value), _behind(emitter, metadata, emitter.number(offset)))
            builder.ret(null)
