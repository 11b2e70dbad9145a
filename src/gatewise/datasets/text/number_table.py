"""A hash table from numbers to their positions, in three arrays."""

import numpy as np
from jaxtyping import Int32, Int64

_EMPTY = -1
# An odd number with half of its bits set, spread over the word (that of the golden ratio).
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Table:
    """Numbers to their positions, by a hash table in three arrays: a hundred million look-ups take seconds."""

    def __init__(self, keys: Int64[np.ndarray, " terms"]) -> None:
        bits = max(int(2 * len(keys)).bit_length(), 4)
        self._shift = np.uint64(64 - bits)
        self._mask = (1 << bits) - 1
        self._keys = np.full(1 << bits, _EMPTY, np.int64)
        self._values = np.full(1 << bits, _EMPTY, np.int32)
        waiting = np.arange(len(keys))
        place = self._places(keys)
        while len(waiting):
            free = self._keys[place] == _EMPTY
            # Of several that want one place the last one gets it; the others look again.
            self._keys[place[free]] = keys[waiting[free]]
            settled = self._keys[place] == keys[waiting]
            self._values[place[settled]] = waiting[settled]
            waiting, place = waiting[~settled], (place[~settled] + 1) & self._mask

    def find(self, keys: Int64[np.ndarray, " tokens"]) -> Int32[np.ndarray, " tokens"]:
        """Return the position of each number, -1 where it is not in the table."""
        place = self._places(keys)
        found = self._keys[place]
        result = np.where(found == keys, self._values[place], np.int32(_EMPTY))
        waiting = np.flatnonzero((found != keys) & (found != _EMPTY))
        while len(waiting):
            place = (place[waiting] if len(place) == len(keys) else place) + 1 & self._mask
            found = self._keys[place]
            same = found == keys[waiting]
            result[waiting[same]] = self._values[place[same]]
            on = ~same & (found != _EMPTY)
            waiting, place = waiting[on], place[on]
        return result

    def _places(self, keys: Int64[np.ndarray, " tokens"]) -> Int64[np.ndarray, " tokens"]:
        return ((keys.astype(np.uint64) * _FACTOR) >> self._shift).astype(np.int64)
