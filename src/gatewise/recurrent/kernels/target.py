"""The processor that the kernels are written for: how wide its vectors are, and how many registers hold them."""

import functools
from dataclasses import dataclass
from typing import Any

from gatewise.backend import vector_width

_WIDTHS = (4, 8, 16)


@dataclass(frozen=True)
class Shape:
    """The vectors that the kernels count on.

    Attributes:
        lanes: Floats of a full vector.
        registers: How many vector registers there are.
    """

    lanes: int
    registers: int

    @property
    def tails(self) -> tuple[int, ...]:
        """The widths of the vectors for the units that fill no full one, narrowest first."""
        return tuple(width for width in _WIDTHS if width <= self.lanes)


@functools.cache
def shape() -> Shape:
    """Return the vectors of this processor, or those that GATEWISE_VECTOR_WIDTH asks for."""
    import llvmlite.binding as llvm

    features: Any = llvm.get_host_cpu_features()
    many = bool(features.get("avx512f")) or llvm.get_default_triple().startswith(("aarch64", "arm64"))
    native = 16 if features.get("avx512f") else 8 if features.get("avx") else 4
    lanes = vector_width() or native
    # Vectors that are not the processor's stand in for another processor, with that one's registers.
    return Shape(lanes, 32 if many and lanes == native else 16)
