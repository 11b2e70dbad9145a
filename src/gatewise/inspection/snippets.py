"""Where in a corpus each unit is most active, with what stands around it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int64

from gatewise.errors import DataError, UsageError
from gatewise.inspection.inspection import Snippet
from gatewise.inspection.network import Inspected, Seen
from gatewise.inspection.sequences import Read

MOST_SEQUENCES = 100
_SHOWN = 4
_AROUND = 4


@dataclass(frozen=True, eq=False)
class Corpus:
    """Sequences with what a network computed of them."""

    read: list[Read]
    seen: list[Seen]

    @classmethod
    def of(cls, network: Inspected, given: Sequence[Any], reading: Callable[[Any], Read]) -> "Corpus":
        """Run a network over a corpus.

        Args:
            network: The network.
            given: Sequences as `inspect` takes them.
            reading: Makes of each what the network reads.

        Raises:
            DataError: It is empty.
            UsageError: It has more sequences than are looked at.
        """
        if not len(given):
            raise DataError("corpus is empty: give at least one sequence, or leave it out.")
        if len(given) > MOST_SEQUENCES:
            raise UsageError(
                f"corpus has {len(given):,} sequences, and inspect looks at {MOST_SEQUENCES} at most: give some of them."
            )
        read = [reading(sequence) for sequence in given]
        return cls(read, [network.see(one.array) for one in read])

    def scores(self, network: Inspected) -> Float64[np.ndarray, " sequences"]:
        """Return what the network says of each sequence, as the score."""
        ends = [one.outputs[-1] if one.outputs.ndim == 2 else one.outputs for one in self.seen]
        return np.asarray(network.score(np.stack(ends), network.output), np.float64)

    def without_units(self, network: Inspected, number: int) -> Float64[np.ndarray, "sequences units"]:
        """Return how the score of each sequence changes when the output of a unit of a layer is held at zero."""
        silent = np.stack([network.without_units(one.array, number) for one in self.read]).astype(np.float64)
        return silent - self.scores(network)[:, None]


def snippets(number: int, backwards: bool, corpus: Corpus) -> tuple[tuple[Snippet, ...], ...]:
    """Return for each unit of a layer the places where its output is largest by absolute value, none beside another.

    Args:
        number: Which recurrent layer.
        backwards: Whether it reads from the end.
        corpus: Where to look.
    """
    outputs = [
        read.of_layer(seen.walks[number].states["h"][:, 0], backwards)
        for read, seen in zip(corpus.read, corpus.seen, strict=True)
    ]
    owners = np.repeat(np.arange(len(outputs)), [len(one) for one in outputs])
    within = np.concatenate([np.arange(len(one)) for one in outputs])
    every = np.concatenate(outputs)
    return tuple(
        tuple(
            _snippet(corpus.read[owners[place]].steps, within[place] / len(outputs[owners[place]]), every[place, unit])
            for place in _largest(np.abs(every[:, unit]), owners, within)
        )
        for unit in range(every.shape[1])
    )


def _largest(
    sizes: Float[np.ndarray, " places"], owners: Int64[np.ndarray, " places"], within: Int64[np.ndarray, " places"]
) -> list[int]:
    """Return the largest places of which none lies in the surroundings of another."""
    chosen: list[int] = []
    for place in np.argsort(-sizes, kind="stable").tolist():
        near = any(owners[place] == owners[one] and abs(within[place] - within[one]) <= _AROUND for one in chosen)
        if not near:
            chosen.append(place)
        if len(chosen) == _SHOWN:
            break
    return chosen


def _snippet(steps: tuple[str, ...], share: float, output: float) -> Snippet:
    """Return a step of a sequence with what stands around it; a step of a layer may stand for several."""
    place = min(round(share * len(steps)), len(steps) - 1)
    before, after = steps[max(place - _AROUND, 0) : place], steps[place + 1 : place + 1 + _AROUND]
    return Snippet(" ".join(before), steps[place], " ".join(after), float(output))
