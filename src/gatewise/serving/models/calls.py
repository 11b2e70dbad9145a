"""Calls of a model's own functions: in the server's loop where they are quick, else in a thread and with a time limit."""

import asyncio
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from gatewise.serving.terms.contract import ServedModel, Stepped
from gatewise.serving.terms.problems import Problem

# What is read from so many bytes, or written into them, takes a hundredth of a second.
_BYTES_AT_ONCE = 256 * 1024
# Rows that are stepped before others get a turn: about two milliseconds of a network with 64 units.
_ROWS_AT_ONCE = 64

Result = TypeVar("Result")


class ModelCalls:
    """Calls models.

    A call that takes too long is answered without it: its result is dropped, and nothing was changed.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # One thread for each model's steps, which come one at a time; some for whatever may run beside them.
        self._steppers: dict[str, ThreadPoolExecutor] = {}
        self._beside = ThreadPoolExecutor(4, "gatewise-asked")
        # Of all calls of many rows one goes on at a time: between two of its parts everybody else gets a turn.
        self._part = asyncio.Lock()
        self._counting, self._uncollecting = threading.Lock(), 0

    @staticmethod
    def at_once(model: Stepped, rows: np.ndarray) -> bool:
        """Return whether a step takes so little time that nobody else has to get a turn meanwhile."""
        return model.quick and len(rows) <= _ROWS_AT_ONCE

    def step_at_once(self, model: Stepped, state: bytes, rows: np.ndarray) -> tuple[bytes, np.ndarray]:
        """Return what `step` returns, for what may be done `at_once`."""
        return _checked(model, *model.step(state, rows))

    async def step(self, model: Stepped, state: bytes, rows: np.ndarray) -> tuple[bytes, np.ndarray]:
        """Return what `Stepped.step` returns, checked.

        Raises:
            Problem: The next state or an output is not finite, or it took too long.
        """
        if not model.quick:
            state, said = await self._in_thread(self._stepper(model), lambda: model.step(state, rows))
        elif self.at_once(model, rows):
            return self.step_at_once(model, state, rows)
        else:
            state, said = await self._in_parts(model, state, rows)
        return _checked(model, state, said)

    async def _in_parts(self, model: Stepped, state: bytes, rows: np.ndarray) -> tuple[bytes, np.ndarray]:
        """Return what `step` returns of a quick model and many rows, some rows at a time."""
        said = []
        try:
            async with asyncio.timeout(self._seconds):
                for begin in range(0, len(rows), _ROWS_AT_ONCE):
                    async with self._part:
                        state, part = model.step(state, rows[begin : begin + _ROWS_AT_ONCE])
                        said.append(part)
                        await asyncio.sleep(0)
        except TimeoutError:
            raise self._late() from None
        return state, np.concatenate(said)

    async def tell(self, model: Stepped, state: bytes, rows: np.ndarray) -> bytes:
        """Return what `Stepped.tell` returns, checked as in `step`."""
        if model.quick:
            return (await self.step(model, state, rows))[0]
        state = await self._in_thread(self._stepper(model), lambda: model.tell(state, rows))
        if model.fault(state) is not None:
            raise Problem("state_not_finite", "The model's state would no longer be finite; nothing was changed.")
        return state

    async def begin(self, model: Stepped, series: str | None) -> bytes:
        """Return what `Stepped.begin` returns."""
        if model.quick:
            return model.begin(series)
        return await self._in_thread(self._stepper(model), lambda: model.begin(series))

    async def beside(self, call: Callable[[], Result]) -> Result:
        """Return what a call returns that may run beside steps, in a thread.

        Raises:
            Problem: It took too long.
        """
        return await self._in_thread(self._beside, call)

    async def sized(self, size: int, call: Callable[[], Result]) -> Result:
        """Return what a call returns that reads or writes some bytes: at once where they are few, else as `beside`."""
        return call() if size <= _BYTES_AT_ONCE else await self.beside(lambda: self._uncollected(call))

    def _uncollected(self, call: Callable[[], Result]) -> Result:
        """Return what a call returns that makes many objects and no garbage: to look for it would hold up everybody."""
        with self._counting:
            self._uncollecting += 1
            gc.disable()
        try:
            return call()
        finally:
            with self._counting:
                self._uncollecting -= 1
                if not self._uncollecting:
                    gc.enable()

    def _stepper(self, model: ServedModel) -> ThreadPoolExecutor:
        if model.name not in self._steppers:
            self._steppers[model.name] = ThreadPoolExecutor(1, f"gatewise-{model.name}")
        return self._steppers[model.name]

    async def _in_thread(self, pool: ThreadPoolExecutor, call: Callable[[], Result]) -> Result:
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.get_running_loop().run_in_executor(pool, call)
        except TimeoutError:
            raise self._late() from None

    def _late(self) -> Problem:
        return Problem("too_slow", f"The model took longer than {self._seconds:g} seconds.")

    def close(self) -> None:
        """Begin no more calls."""
        for pool in (self._beside, *self._steppers.values()):
            pool.shutdown(wait=False, cancel_futures=True)


def _checked(model: Stepped, state: bytes, said: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Return what a step returned, if it is finite."""
    fault = model.fault(state)
    if fault is not None or not np.isfinite(said).all():
        raise Problem("state_not_finite", "The model's state or output would no longer be finite; nothing was changed.")
    return state, said
