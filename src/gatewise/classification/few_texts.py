"""Networks about few texts, in NumPy: all networks of one kind together, and nothing is compiled.

A compiled program takes most of a millisecond before it begins, and every network is one; a short text is read in less.
The equations are those of `ChunkNetwork`, and a test compares the two. As nothing but pooled values leaves a chunk, the
layer that reads backwards is given its words in that order, and is not turned round again.
"""

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from gatewise.classification.lessons import Weights
from gatewise.classification.specification import Network

# What a maximum is at least: that of no words at all must not be infinite.
LOWEST = np.float32(-10.0)
# Cells whose equations are written out here.
_CELLS = ("lstm", "cnn")


class FewTexts:
    """The networks of one kind.

    Args:
        spec: What they are.
        members: The weights of each, in the order of the variables of `ChunkNetwork`.
    """

    def __init__(self, spec: Network, members: list[Weights]) -> None:
        self.spec = spec
        arrays = [[np.asarray(array, np.float32) for array in weights] for weights in members]
        # Tables are the bulk of a network: they stay where they are.
        self.words = [weights.pop(0) for weights in arrays]
        self.runs = [weights.pop(0) for weights in arrays] if spec.runs > 1 else []
        rest = [np.stack(each) for each in zip(*arrays, strict=True)]
        *self.walk, self.kernel, self.bias = rest
        if spec.cell == "lstm":
            self.walk = _both_directions(self.walk, spec.units)

    @staticmethod
    def can(spec: Network) -> bool:
        """Say whether networks of a kind can be asked here."""
        return spec.cell in _CELLS

    def scores(
        self,
        words: Int32[np.ndarray, "rows time"],
        runs: Int32[np.ndarray, "rows time lengths"] | None,
        counts: Int64[np.ndarray, " samples"],
    ) -> Float32[np.ndarray, "members samples outputs"]:
        """Return what each network says of each text.

        Args:
            words: The token numbers of all chunks, one text's after another's; 0 where there is none.
            runs: The numbers of the runs that end with each word; None where the networks know none.
            counts: How many chunks each text has.
        """
        longest = max(int((words != 0).sum(axis=1).max()), 1)
        words, starts = words[:, :longest], np.cumsum(counts) - counts
        there = words != 0
        read = np.stack([table[words] for table in self.words]) * np.float32(self.spec.embedding_rate)
        walk = self._lstm if self.spec.cell == "lstm" else self._convolution
        found = walk(read, there)
        inside = (np.arange(there.shape[1]) < there.sum(axis=1)[:, None])[None, :, :, None]
        highest = np.maximum.reduceat(np.where(inside, found, LOWEST).max(axis=2), starts, axis=1)
        sums = np.where(inside, found, np.float32(0)).sum(axis=2)
        if runs is not None:
            runs = runs[:, :longest].reshape(len(runs), -1)
            vectors = np.stack([table[runs] for table in self.runs]) * (runs != 0)[None, :, :, None]
            sums = np.concatenate([sums, vectors.sum(axis=2)], axis=2)
        sums = np.add.reduceat(sums, starts, axis=1)
        roots = np.sqrt(np.maximum(np.add.reduceat(there.sum(axis=1), starts), 1), dtype=np.float32)
        pooled = np.concatenate([np.maximum(highest, LOWEST), sums / roots[:, None]], axis=2)
        result: Float32[np.ndarray, "members samples outputs"] = pooled @ self.kernel + self.bias[:, None]
        return result

    def _convolution(
        self, read: Float32[np.ndarray, "members rows time features"], there: Bool[np.ndarray, "rows time"]
    ) -> Float32[np.ndarray, "members rows time units"]:
        kernel, bias = self.walk
        region, steps = kernel.shape[1], there.shape[1]
        before = (region - 1) // 2
        padded = np.pad(read * there[None, :, :, None], ((0, 0), (0, 0), (before, region - 1 - before), (0, 0)))
        seen = np.concatenate([padded[:, :, place : place + steps] for place in range(region)], axis=3)
        flat = seen.reshape(len(seen), -1, seen.shape[3]) @ kernel.reshape(len(kernel), -1, kernel.shape[3])
        found: np.ndarray = np.maximum(flat + bias[:, None], 0)
        return found.reshape(*seen.shape[:3], -1)

    def _lstm(
        self, read: Float32[np.ndarray, "members rows time features"], there: Bool[np.ndarray, "rows time"]
    ) -> Float32[np.ndarray, "members rows time units"]:
        """Return the states of both directions; those of the second in the order in which it read."""
        kernel, recurrent, bias = self.walk
        members, rows, steps, _ = read.shape
        units = self.spec.units
        places = np.arange(steps)
        lengths = there.sum(axis=1)[:, None]
        turned = np.where(places < lengths, lengths - 1 - places, places)
        both = np.stack([read, np.take_along_axis(read, turned[None, :, :, None], axis=2)], axis=1)
        # Time in front, directions of networks side by side: one product of matrices a step.
        given = both.reshape(members * 2, rows * steps, -1) @ kernel + bias[:, None]
        given = np.ascontiguousarray(given.reshape(members * 2, rows, steps, -1).transpose(2, 0, 1, 3))
        states = np.zeros((steps, members * 2, rows, units), np.float32)
        hidden, cell = np.zeros((2, members * 2, rows, units), np.float32)
        for step in range(steps):
            gates = np.tanh(given[step] + hidden @ recurrent)
            # σ(x) = (1 + tanh(x/2)) / 2: three gates and the candidate by one tanh.
            opened = gates[..., : 3 * units] * np.float32(0.5) + np.float32(0.5)
            cell = opened[..., units : 2 * units] * cell + opened[..., :units] * gates[..., 3 * units :]
            hidden = opened[..., 2 * units :] * np.tanh(cell)
            states[step] = hidden
        found = states.reshape(steps, members, 2, rows, units).transpose(1, 3, 0, 2, 4)
        return found.reshape(members, rows, steps, 2 * units)


def _both_directions(walk: list[np.ndarray], units: int) -> list[np.ndarray]:
    """Return kernel, recurrent kernel and bias of both directions of all networks: gates i, f, o halved, then the candidate."""
    order = np.concatenate([np.arange(2 * units), np.arange(3 * units, 4 * units), np.arange(2 * units, 3 * units)])
    halved = np.where(np.arange(4 * units) < 3 * units, np.float32(0.5), np.float32(1))
    found = []
    for forwards, backwards in zip(walk[:3], walk[3:], strict=True):
        both = np.stack([forwards, backwards], axis=1)
        found.append((both.reshape(-1, *both.shape[2:])[..., order] * halved).astype(np.float32))
    return found
