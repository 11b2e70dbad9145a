"""Looking: everything that is computed of a network and a sequence, put together."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from gatewise.errors import UsageError
from gatewise.inspection import memory
from gatewise.inspection.attribution import attributed
from gatewise.inspection.inspection import Inspection, Layer
from gatewise.inspection.network import Inspected, Seen
from gatewise.inspection.recording import GATES, STATES
from gatewise.inspection.sequences import Read
from gatewise.inspection.snippets import Corpus, snippets


def looked(
    network: Inspected, read: Read, corpus: Corpus | None, names: Sequence[str] | None, output: int | str | None
) -> Inspection:
    """Look inside a network while it reads a sequence.

    Args:
        network: The network.
        read: The sequence as it reads it.
        corpus: Where to look for what units are active at; None for the sequence itself.
        names: What its outputs are called.
        output: Which of them to look at, by number or name.
    """
    array, first = read.array, read.first
    seen = network.see(array)
    network.output, called = _chosen(seen, names, output)
    vectors = network.vectors(array)
    steps = len(vectors) - first
    cuts = np.arange(first, len(vectors)) + 1
    along = network.slopes(array, np.repeat(vectors[None], steps, axis=0), cuts)
    sloped, scored = partial(_at_the_end, network, array), partial(network.scores, array)
    return Inspection(
        name=network.model.name,
        steps=read.steps,
        values=vectors[first:] if network.embedding is None else None,
        said=called[network.output] if network.squash is None else f"log-odds of {called[network.output]}",
        names=called,
        output=network.output,
        running=along.outputs,
        scores=along.scores,
        connectivity=np.linalg.norm(along.slopes[:, first:], axis=-1),
        attribution=attributed(sloped, scored, vectors, network.baseline(vectors), first),
        layers=_layers(network, read, seen, corpus),
        skipped=first,
        corpus_scores=None if corpus is None else corpus.scores(network),
    )


def _at_the_end(network: Inspected, read: np.ndarray, rows: np.ndarray) -> Any:
    """Return what the network says of whole rows."""
    return network.slopes(read, rows, np.full(len(rows), rows.shape[1]))


def _chosen(seen: Seen, names: Sequence[str] | None, output: int | str | None) -> tuple[int, tuple[str, ...]]:
    """Return which output is looked at, and what all of them are called."""
    last = seen.outputs[-1] if seen.outputs.ndim == 2 else seen.outputs
    count = len(last)
    by_number = ("output",) if count == 1 else tuple(f"output {number}" for number in range(count))
    called = by_number if names is None else tuple(map(str, names))
    if len(called) == 2 and count == 1:
        # A single number that tells two classes apart: it is the probability of the second.
        called = called[1:]
    if len(called) != count:
        raise UsageError(
            f"names has {len(called)} entries, and the model {count} outputs: give a name for each output."
        )
    if isinstance(output, str):
        if output not in called:
            raise UsageError(f"There is no output {output!r}: give one of {', '.join(map(repr, called))}.")
        return called.index(output), called
    if output is None:
        return (count - 1 if count < 3 else int(last.argmax())), called
    if isinstance(output, bool) or not isinstance(output, int | np.integer) or not 0 <= output < count:
        raise UsageError(
            f"output is {output!r}, and the model has {count}: give a number from 0 to {count - 1}, or a name."
        )
    return int(output), called


def _layers(network: Inspected, read: Read, seen: Seen, corpus: Corpus | None) -> tuple[Layer, ...]:
    own = Corpus([read], [seen])
    found = []
    for number, (place, walk, decays) in enumerate(zip(network.places, seen.walks, seen.decays, strict=True)):
        in_time = partial(read.of_layer, backwards=place.backwards)
        # JAX sorts names; here they are in Keras's order.
        gates = {name: in_time(walk.gates[name][:, 0]) for name in GATES[place.kind]}
        states = {name: in_time(walk.states[name][:, 0]) for name in STATES[place.kind]}
        found.append(
            Layer(
                name=place.name,
                kind=place.kind,
                backwards=place.backwards,
                gates=gates,
                states=states,
                decay={name: in_time(decays[name]) for name in states},
                order=memory.order_of_units(states["h"]),
                ablation=own.without_units(network, number)[0],
                snippets=snippets(number, place.backwards, corpus or own),
                corpus_ablation=None if corpus is None else corpus.without_units(network, number),
            )
        )
    return tuple(found)
