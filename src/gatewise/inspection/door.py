"""`gatewise.inspect`: the door to this room."""

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
from gatewise.inspection.sequences import PAD, Read, as_read
from gatewise.inspection.snippets import Corpus, snippets
from gatewise.training.checks import check_built


def inspect(
    model: Any,
    sequence: Any,
    *,
    tokens: Sequence[str] | None = None,
    corpus: Sequence[Any] | None = None,
    words: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    output: int | str | None = None,
) -> Inspection:
    """Look inside a recurrent network while it reads one sequence.

    Everything is computed by the network's own layers: gates and states are kept while it runs, and connectivity and
    attributions are derivatives of what it says. What it says "after a step" is what it says of the sequence that ends there.

    Args:
        model: A built Keras model, Sequential or functional, whose recurrent layers are LSTM, GRU or SimpleRNN with tanh and
            sigmoid; stacked and Bidirectional ones, and convolutions in front of them, are fine.
        sequence: Values ``(time, features)`` or ``(time,)``; for a model that begins with an Embedding the numbers of the
            tokens ``(time,)``. One that is shorter than such a model reads is filled up in front with 0.
        tokens: The tokens as text, ``(time,)``.
        corpus: More sequences, in which to look for what each unit is active at. Default: the sequence itself.
        words: The word of each row of the Embedding, for the tokens of the corpus, and of this sequence where `tokens` is not
            given.
        names: What the outputs are called.
        output: Which output to look at, by number or name. Default: the last of one or two, else the largest.

    Returns:
        Gates, states, the running prediction, connectivity, attributions; ``print`` says in words what is to be seen.

    Raises:
        UsageError: A model that cannot be looked into.
        ShapeError: The sequence has another shape than the model reads.
        DataError: An empty sequence, or tokens that the model does not know.

    Example:
        >>> import gatewise as gw
        >>> import keras
        >>> model = keras.Sequential([keras.Input((None, 1)), keras.layers.GRU(4), keras.layers.Dense(1)])
        >>> found = gw.inspect(model, gw.datasets.load_airline()[:24] / 622)
        >>> found.layers[0].gates["update"].shape, found.connectivity.shape
        ((24, 4), (24, 24))
    """
    check_built(model)
    network = Inspected.of(model)
    read = as_read(network, sequence, tokens, words)
    array, first = read.array, read.first
    seen = network.see(array)
    network.output, called = _chosen(seen, names, output)
    vectors = network.vectors(array)
    steps = len(vectors) - first
    cuts = np.arange(first, len(vectors)) + 1
    along = network.slopes(array, np.repeat(vectors[None], steps, axis=0), cuts)
    sloped, scored = partial(_at_the_end, network, array), partial(network.scores, array)
    attribution = attributed(sloped, scored, vectors, _baseline(network, vectors), first)
    others = Corpus.of(network, corpus, words) if corpus is not None else Corpus([read], [seen])
    return Inspection(
        name=model.name,
        steps=read.steps,
        values=None if network.embedding is not None else vectors[first:],
        said=_said(network, called),
        names=called,
        output=network.output,
        running=along.outputs,
        scores=along.scores,
        connectivity=np.linalg.norm(along.slopes[:, first:], axis=-1),
        attribution=attribution,
        layers=_layers(network, read, seen, others),
        skipped=first,
    )


def _at_the_end(network: Inspected, read: np.ndarray, rows: np.ndarray) -> Any:
    """Return what the network says of whole rows."""
    return network.slopes(read, rows, np.full(len(rows), rows.shape[1]))


def _chosen(seen: Seen, names: Sequence[str] | None, output: int | str | None) -> tuple[int, tuple[str, ...]]:
    """Return which output is looked at, and what all of them are called."""
    last = seen.outputs[-1] if seen.outputs.ndim == 2 else seen.outputs
    count = len(last)
    called = tuple(map(str, names)) if names is not None else tuple(f"output {number}" for number in range(count))
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


def _said(network: Inspected, names: tuple[str, ...]) -> str:
    name = names[network.output]
    return name if network.squash is None else f"log-odds of {name}"


def _baseline(network: Inspected, vectors: np.ndarray) -> np.ndarray:
    """Return what stands for nothing: of tokens the vector of the padding, of values their mean over the sequence."""
    if network.embedding is not None:
        return np.broadcast_to(np.asarray(network.embedding.embeddings)[PAD], vectors.shape)
    return np.broadcast_to(vectors.mean(axis=0), vectors.shape)


def _layers(network: Inspected, read: Read, seen: Seen, corpus: Corpus) -> tuple[Layer, ...]:
    score = float(network.score(_last(seen.outputs)[None], network.output)[0])
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
                ablation=network.without_units(read.array, number).astype(np.float64) - score,
                snippets=snippets(number, place.backwards, corpus),
            )
        )
    return tuple(found)


def _last(outputs: np.ndarray) -> np.ndarray:
    return outputs[-1] if outputs.ndim == 2 else outputs
