"""Handlers: they cut the rows of a batch into one share a thread, start the threads, and wait for them.

Plain POSIX threads, started and joined in each call: about 20 µs, where a call that is worth it takes milliseconds. There
is no pool to be shared, forked or left behind. A thread that cannot be started leaves its share to the one that starts.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from gatewise.recurrent.kernels.emitter import INT, INT32, POINTER, Emitter
from gatewise.recurrent.kernels.frames import Frame, answer_metadata, word
from gatewise.recurrent.kernels.pages import ask_for_large_pages

MOST_THREADS = 64
# The attributes of a call, in the order of their names: whether every step has to be done, how many threads do it, and
# whether what a walk forward saves is written past the caches.
EVERY, THREADS, UNCACHED = 0, 1, 2
# What a thread is told: the call frame, and its number.
_TASK_BYTES = 16

# Writes what a thread does, given the call frame, the thread's first and last row, and its number.
Walk = Callable[[Emitter, Frame, tuple[Any, Any], Any], None]


def write_handler(
    module: Any,
    name: str,
    operands: tuple[Sequence[str], Sequence[str]],
    walk: Walk,
    version: tuple[int, int],
    threaded: bool,
) -> None:
    """Write the function that XLA calls.

    Args:
        module: Where it goes.
        name: Its name.
        operands: The names of the arrays that it takes and gives.
        walk: Writes the walk over some of the rows.
        version: Of XLA's interface.
        threaded: Whether the system has POSIX threads.
    """
    share = _write_share(module, f"{name}_share", operands, walk)
    emitter = Emitter(module, name, [POINTER], POINTER, external=True)
    (address,) = emitter.arguments
    answer_metadata(emitter, address, version)
    frame = Frame(emitter, address, *operands)
    threads = frame.attribute(THREADS)
    if sys.platform == "linux":
        ask_for_large_pages(emitter, frame, operands[1])
    tasks = emitter.stack(ir.IntType(8), MOST_THREADS * _TASK_BYTES)
    first = _write_task(emitter, tasks, address, emitter.number(0))
    if threaded:
        _in_threads(emitter, share, tasks, threads)
    else:
        with emitter.loop(emitter.number(1), threads) as number:
            emitter.builder.call(share, [_write_task(emitter, tasks, address, number)])
        emitter.builder.call(share, [first])
    emitter.done(ir.Constant(POINTER, None))


def _in_threads(emitter: Emitter, share: Any, tasks: Any, threads: Any) -> None:
    builder = emitter.builder
    null, zero = ir.Constant(POINTER, None), ir.Constant(INT32, 0)
    names, running = emitter.stack(INT, MOST_THREADS), emitter.stack(INT32, MOST_THREADS)
    address = word(emitter, tasks, 0, POINTER)
    with emitter.loop(emitter.number(1), threads) as number:
        task = _write_task(emitter, tasks, address, number)
        name = builder.gep(names, [number], source_etype=INT)
        failed = emitter.call_named("pthread_create", INT32, [name, null, emitter.address_of(share), task])
        builder.store(failed, builder.gep(running, [number], source_etype=INT32))
        with builder.if_then(builder.icmp_signed("!=", failed, zero)):
            builder.call(share, [task])
    builder.call(share, [tasks])
    with emitter.loop(emitter.number(1), threads) as number:
        failed = builder.load(builder.gep(running, [number], source_etype=INT32), typ=INT32)
        with builder.if_then(builder.icmp_signed("==", failed, zero)):
            name = builder.load(builder.gep(names, [number], source_etype=INT), typ=INT)
            emitter.call_named("pthread_join", INT32, [name, null])


def _write_task(emitter: Emitter, tasks: Any, address: Any, number: Any) -> Any:
    builder, byte = emitter.builder, ir.IntType(8)
    task = builder.gep(tasks, [emitter.times(number, _TASK_BYTES)], source_etype=byte)
    for offset, value in ((0, address), (8, number)):
        builder.store(value, builder.gep(task, [emitter.number(offset)], source_etype=byte))
    return task


def _write_share(module: Any, name: str, operands: tuple[Sequence[str], Sequence[str]], walk: Walk) -> Any:
    """Write what one thread does: the walk over its share of the rows."""
    emitter = Emitter(module, name, [POINTER], POINTER)
    (task,) = emitter.arguments
    frame = Frame(emitter, word(emitter, task, 0, POINTER), *operands)
    number, shares = word(emitter, task, 8, INT), frame.data("shares")
    ends = [emitter.index(shares, end) for end in (number, emitter.total(number, 1))]
    walk(emitter, frame, (ends[0], ends[1]), number)
    return emitter.done(ir.Constant(POINTER, None))
