"""The step of a network as a plan: a list of NumPy operations that is run for every observation.

A call of a compiled program takes about 20 µs, whatever it does; the dozen operations of a small network together take a
third of that (benchmarks/latency.py).
"""

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np

from gatewise.stepping import cells, operations
from gatewise.stepping.operations import Array, Layer, Part, Turns, aligned

# A step with more multiplications in its matrix products than this is compiled. The largest that benchmarks/latency.py
# times, an LSTM(1024) with 4.2 million, is still faster in NumPy; nothing above it was measured.
MOST_MULTIPLICATIONS = 5_000_000

_PARTS: dict[str, type[Part]] = {
    "LSTM": cells.LSTM,
    "GRU": cells.GRU,
    "GRU, reset before": cells.GRUResetBefore,
    "SimpleRNN": cells.SimpleRNN,
    "Dense": operations.Dense,
    "Activation": operations.Activation,
    "Embedding": operations.Embedding,
}


class NoChain(Exception):
    """Why a model is no chain of layers that NumPy steps through."""


def parts_of(layers: Iterable[Layer], features: int, batch_size: int) -> list[Part]:
    """Return layers as parts of a step.

    Args:
        layers: In the order in which they are run.
        features: How many numbers the first reads at a time step; 0 where it is an Embedding.
        batch_size: How many sequences are fed side by side.

    Raises:
        NoChain: There is too much to multiply.
    """
    parts: list[Part] = []
    for layer in layers:
        parts.append(_PARTS[layer.kind](layer, features))
        features = parts[-1].units
    multiplications = batch_size * sum(part.multiplications for part in parts)
    if multiplications > MOST_MULTIPLICATIONS:
        raise NoChain(f"{multiplications:,} multiplications a step, above {MOST_MULTIPLICATIONS:,}")
    return parts


class Plan:
    """The parts of a chain, their state, and all the arrays that a step needs.

    Args:
        parts: From `parts_of`.
        batch_size: How many sequences are fed side by side.
        sequences: Whether the output has a time axis.
    """

    def __init__(self, parts: list[Part], batch_size: int, sequences: bool) -> None:
        self._parts, self._batch_size, self._sequences = parts, batch_size, sequences
        self._lock = threading.Lock()
        self._read_weights()
        self._lay_out()

    def _read_weights(self) -> None:
        variables = [one for part in self._parts for one in part.weights if not isinstance(one, np.ndarray)]
        self._read = [(variable, variable._value) for variable in variables]
        self._weights = [part.pack() for part in self._parts]

    def _lay_out(self) -> None:
        """Make new arrays, with a state of zeros, and the operations on them."""
        rows = () if self._batch_size == 1 else (self._batch_size,)
        before, laid = None, []
        for part, weights in zip(self._parts, self._weights, strict=True):
            laid.append(part.lay_out(weights, rows, before))
            before = laid[-1].outputs
        self._turn = 0
        entries = laid[0].entries
        self._flat = [entry.reshape(-1) for entry in entries]
        self._zeros = aligned(self._flat[0].shape)
        self._table_rows = len(self._weights[0][0]) if entries[0].dtype == np.intp else 0
        self._types = "bhilqBHI" if self._table_rows else "fd"
        # As the caller sees them, the batch axis in front.
        self._entries = [entry.T for entry in entries]
        self._outputs = [output[:-1].T for output in laid[-1].outputs]
        self._states = [[array.reshape(len(array), -1).T for array in turns] for one in laid for turns in one.states]
        self._last = [output[:-1].reshape(-1) for output in laid[-1].outputs]
        self._spans = self._places_in_bytes() if self._batch_size == 1 else []
        self._operations = [[operation for one in laid for operation in one.operations[turn]] for turn in (0, 1)]
        last = max((place for place, one in enumerate(laid) if one.states), default=-1)
        self._behind = [[one for part in laid[last + 1 :] for one in part.operations[turn]] for turn in (0, 1)]
        self._quick = self._quick_shapes()

    def _places_in_bytes(self) -> list[tuple[Turns, int, int]]:
        """Return the states of one sequence, each with where it begins and ends among all of them in a row."""
        ends = np.cumsum([0, *(turns[0].size for turns in self._states)]).tolist()
        return [
            ((turns[0][0], turns[1][0]), start, stop)
            for turns, start, stop in zip(self._states, ends, ends[1:], strict=False)
        ]

    def _quick_shapes(self) -> dict[tuple[int, ...], tuple[int, ...]]:
        """Return the shapes of one observation, each with the shape of the output that belongs to it."""
        frame = () if self._table_rows else (self._entries[0].shape[-1],)
        outputs = (*((1,) if self._sequences else ()), self._outputs[0].shape[-1])
        shapes = {(self._batch_size, *frame): (self._batch_size, *outputs)}
        return shapes if self._batch_size > 1 else {**shapes, frame: outputs}

    @property
    def state(self) -> list[Array]:
        """Copies of the states, each ``(batch, units)``."""
        with self._lock:
            return self._copied_state()

    @state.setter
    def state(self, arrays: list[Array]) -> None:
        with self._lock:
            self._put_state(arrays)

    def _copied_state(self) -> list[Array]:
        return [turns[self._turn].copy() for turns in self._states]

    def _put_state(self, arrays: list[Array]) -> None:
        for turns, array in zip(self._states, arrays, strict=True):
            turns[self._turn][...] = array

    def fork(self) -> "Plan":
        """Return a plan with arrays of its own that goes on from here; the packed weights, never written to, are shared."""
        with self._lock:
            return self._moved(threading.Lock(), read_weights=False)

    def _moved(self, lock: Any, read_weights: bool) -> "Plan":
        """Return a plan in new memory."""
        other = Plan.__new__(Plan)
        other.__dict__.update(self.__dict__)
        other._lock = lock
        if read_weights:
            other._read_weights()
        other._lay_out()
        other._put_state(self._copied_state())
        return other

    # Weights that overflow give infinities and NaN, as they do in a compiled program, and no warnings.
    @np.errstate(all="ignore")
    def quick_step(self, x: Array) -> Array | None:
        """Feed one observation, if that needs no more than a glance.

        Args:
            x: Any array.

        Returns:
            The output; None, and nothing has happened, where `x` is not one observation in finite floats, or in numbers of
            words that the table has.
        """
        shape = self._quick.get(x.shape)
        if shape is None or x.dtype.char not in self._types:
            return None
        with self._lock:
            self._follow_weights()
            turn = self._turn
            self._entries[turn][...] = x
            if not self._fits(self._flat[turn]):
                return None
            self._advance()
            return self._outputs[turn].reshape(shape).copy()

    def _fits(self, entered: Array) -> bool:
        if self._table_rows:
            numbers = entered.tolist()
            return bool(min(numbers) >= 0 and max(numbers) < self._table_rows)
        # Zero times infinity, or NaN, is NaN.
        return bool(entered.dot(self._zeros) == 0)

    @np.errstate(all="ignore")
    def steps(self, x: Array) -> Array:
        """Feed ``(batch, time, features)``, or numbers of words ``(batch, time)``, that have been checked.

        Returns:
            ``(batch, outputs)``, or ``(batch, time, outputs)`` for a network with an output for every step.
        """
        with self._lock:
            self._follow_weights()
            before, outputs = self._copied_state(), []
            try:
                for step in range(x.shape[1]):
                    turn = self._turn
                    self._entries[turn][...] = x[:, step]
                    self._advance()
                    outputs.append(self._outputs[turn].reshape(self._batch_size, -1).copy())
            except BaseException:
                # Ctrl-C between two steps.
                self._put_state(before)
                raise
        return np.stack(outputs, axis=1) if self._sequences else outputs[-1]

    @np.errstate(all="ignore")
    def steps_from(self, state: bytes, rows: Array) -> tuple[bytes, Array] | None:
        """Feed one sequence from a given state; what the plan itself has in memory does not matter.

        Args:
            state: All states one after the other, as float32 in little-endian order.
            rows: Floats ``(time, features)``, or numbers of words ``(time,)``.

        Returns:
            The state afterwards, and ``(time, outputs)``; None where a row is not finite in float32, or no word of the table.
        """
        given = np.frombuffer(state, "<f4")
        after, outputs = np.empty_like(given), np.empty((len(rows), self._outputs[0].size), "float32")
        with self._lock:
            turn = self._turn
            for turns, start, stop in self._spans:
                turns[turn][...] = given[start:stop]
            for number, row in enumerate(rows):
                turn = self._turn
                self._flat[turn][...] = row
                if not self._fits(self._flat[turn]):
                    return None
                self._advance()
                outputs[number] = self._last[turn]
            for turns, start, stop in self._spans:
                after[start:stop] = turns[1 - turn]
        return after.tobytes(), outputs

    @np.errstate(all="ignore")
    def output_at(self, state: bytes) -> Array:
        """Return what the network said when it came into a state, ``(outputs,)``.

        The layers behind the last recurrent one are computed again.

        Args:
            state: As in `steps_from`.
        """
        given = np.frombuffer(state, "<f4")
        with self._lock:
            turn = self._turn
            for turns, start, stop in self._spans:
                turns[turn][...] = given[start:stop]
            # The turn before left its states where this one reads them.
            for function, arguments in self._behind[1 - turn]:
                function(*arguments)
            return self._last[1 - turn].copy()

    def _follow_weights(self) -> None:
        """Pack the weights again if the model has got other ones: JAX's arrays never change, so new ones are other arrays."""
        for variable, value in self._read:
            if variable._value is not value:
                # In one go: an error, or Ctrl-C, on the way leaves everything as it was.
                self.__dict__ = self._moved(self._lock, read_weights=True).__dict__
                return

    def _advance(self) -> None:
        turn = self._turn
        for function, arguments in self._operations[turn]:
            function(*arguments)
        # Only now: until here an interrupt has changed nothing that a step reads.
        self._turn = 1 - turn
