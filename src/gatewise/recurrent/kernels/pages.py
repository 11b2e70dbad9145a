"""Large arrays in large pages.

XLA takes the memory of a program from the system when a dispatch begins, and the system gives it page by page as it is
first written: for the 77 MB of LSTM(100), 500 steps, batch 64, these are 19,000 interruptions of 4 kB, a few times a second.
Where Linux is asked to, it gives 2 MB at a time; NumPy asks for its own large arrays, too.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from gatewise.recurrent.kernels.emitter import INT, INT32, POINTER, Emitter
from gatewise.recurrent.kernels.frames import Frame

# What is written for every step, each with three axes.
_LARGE = ("saved", "hidden", "cell", "d_inputs")
_LEAST_BYTES = 1 << 22
_PAGE = 4096
# MADV_HUGEPAGE of Linux's madvise(2): an advice, which may be refused without harm.
_IN_LARGE_PAGES = 14


def ask_for_large_pages(emitter: Emitter, frame: Frame, results: Sequence[str]) -> None:
    """Write the advice to keep the large results of a call in large pages."""
    builder = emitter.builder
    for name in (name for name in results if name in _LARGE):
        sizes = [frame.size(name, axis) for axis in range(3)]
        size = emitter.times(builder.mul(builder.mul(sizes[0], sizes[1]), sizes[2]), 4)
        with builder.if_then(builder.icmp_signed(">=", size, emitter.number(_LEAST_BYTES))):
            begin = builder.ptrtoint(frame.data(name), INT)
            begin = builder.and_(emitter.total(begin, _PAGE - 1), emitter.number(-_PAGE))
            place: Any = builder.inttoptr(begin, POINTER)
            arguments = [place, emitter.total(size, -_PAGE), ir.Constant(INT32, _IN_LARGE_PAGES)]
            emitter.call_named("madvise", INT32, arguments)
