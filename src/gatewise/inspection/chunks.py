"""The network of a text classifier, which reads texts in chunks, as inspection sees it."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gatewise.classification.chunk_reader import ChunkReader
from gatewise.inspection.network import Inspected, Seen, room_for, trimmed_to
from gatewise.inspection.portable import Counterfactual, NotPortable, check_size, embedding, recurrent, with_words
from gatewise.inspection.recording import Walk, decay, places, recording
from gatewise.inspection.sequences import Read
from gatewise.recurrent import quick_cells
from gatewise.recurrent.layer_walk import equation_of
from gatewise.recurrent.states import replaced

_KNOWN = "_gatewise_inspected"


class InspectedChunks(Inspected):
    """A `ChunkNetwork` that reads one text. A step is a word; its vector is that of the word, and of the runs that it ends.

    A text that ends after a word is one whose later words are none, which the network leaves out by itself.

    Args:
        reader: The network at work.
        squash: What makes probabilities of its outputs.
    """

    def __init__(self, reader: ChunkReader, squash: str) -> None:
        self.model = reader.network
        self.places = places(self.model)
        self.free = True
        self.output = 0
        self.embedding = self.model.words
        self.head = None
        self.size = reader.chunking.steps
        self.runs = reader.runs
        self._squash = squash
        self._weights = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        self._compile()

    @classmethod
    def of_reader(cls, reader: ChunkReader, squash: str) -> "InspectedChunks":
        """Return a network as inspection sees it, the same one each time, so that its programs are kept."""
        known = reader.network.__dict__.get(_KNOWN)
        if known is None or known.squash != squash:
            known = reader.network.__dict__[_KNOWN] = cls(reader, squash)
        return known

    @property
    def squash(self) -> str | None:
        """See `Inspected.squash`."""
        return self._squash

    def vectors(self, sequence: np.ndarray) -> np.ndarray:
        """Return the vectors of words, and behind them those of runs, ``(time, features)``."""
        words = np.asarray(self.model.words.embeddings)[sequence[:, 0]]
        if self.model.runs is None:
            return words
        runs = np.asarray(self.model.runs.embeddings)[sequence[:, 1:]]
        return np.concatenate([words, runs.reshape(len(runs), -1)], axis=1)

    def baseline(self, vectors: np.ndarray) -> np.ndarray:
        """Return what stands for nothing: zeros."""
        return np.zeros_like(vectors)

    def room(self, steps: int) -> int:
        """See `Inspected.room`: some numbers of chunks."""
        chunks = -(-steps // self.size)
        return self.size * (chunks if chunks < 4 else room_for(chunks, 4))

    def _record(self, values: list[Any], sequence: Any, steps: Any) -> Seen:
        walks: dict[int, Walk] = {}
        with self._lent(values), recording(self.model, walks):
            raw = self._call(self._inputs(sequence, steps[None]))[0]
        last = (steps - 1) // self.size
        found, decays = [], []
        for number, place in enumerate(self.places):
            walk = walks[number]
            parts = (walk.gates, walk.states, walk.saved, walk.mask)
            of_one = partial(jax.lax.dynamic_slice_in_dim, start_index=last, slice_size=1, axis=1)
            gates, states, saved, mask = jax.tree.map(of_one, parts)
            of_chunk = Walk(gates, states, saved, mask, walk.weights, tuple(one[:1] for one in walk.first))
            decays.append(decay(equation_of(place.layer.cell), of_chunk))
            gates, states = (
                {name: self._joined(one, place.backwards) for name, one in group.items()}
                for group in (walk.gates, walk.states)
            )
            found.append(Walk(gates, states, (), None, walk.weights, ()))
        return Seen(raw, tuple(found), tuple(decays))

    def _trimmed(self, seen: Seen, steps: int) -> Seen:
        # Of the last chunk, in which the derivative is on its way, what has words.
        count = steps - (steps - 1) // self.size * self.size
        parts = zip(self.places, seen.decays, strict=True)
        decays = tuple(trimmed_to(count, place.backwards)(decayed) for place, decayed in parts)
        return super()._trimmed(seen, steps)._replace(decays=decays)

    def _joined(self, array: Any, backwards: bool) -> Any:
        """Return what was computed chunk by chunk as if it were one walk, ``(time, 1, units)``, in the order of the walk."""
        array = array[::-1] if backwards else array
        in_time = jnp.swapaxes(array, 0, 1).reshape(-1, 1, array.shape[-1])
        return in_time[::-1] if backwards else in_time

    def _run(self, values: list[Any], sequence: Any, vectors: Any, cuts: Any, output: int) -> tuple[Any, Any]:
        words = self.model.spec.embedding
        with self._lent(values), quick_cells(self.model), ExitStack() as stack:
            own = self._in_chunks(vectors[..., :words])
            stack.enter_context(replaced(self.model.words, call=partial(_given, own)))
            if self.model.runs is not None:
                of_runs = self._in_chunks(vectors[..., words:])
                of_runs = of_runs.reshape(*of_runs.shape[:2], -1, self.model.spec.run_embedding)
                stack.enter_context(replaced(self.model.runs, call=partial(_given, of_runs)))
            raw = self._call(self._inputs(sequence, cuts))
        squashed = jax.nn.sigmoid(raw) if self._squash == "sigmoid" else jax.nn.softmax(raw)
        return self.score(raw, output), squashed

    def _without(self, values: list[Any], sequence: Any, steps: Any, number: int, output: int) -> Any:
        layer = self.places[number].layer
        units = layer.cell.units
        inputs = self._inputs(sequence, jnp.full(units, steps))
        kept = jnp.repeat(1 - jnp.eye(units, dtype=layer.compute_dtype), inputs["texts"].shape[1], axis=0)
        with self._lent(values), recording(self.model, {}, (layer, kept)):
            raw = self._call(inputs)
        return self.score(raw, output)

    def _call(self, x: Any) -> Any:
        # A pack of the chunks of one text: what is said of it is what is said of the pack's first text.
        return self.model.call(x, training=False)[:, 0]

    def _inputs(self, sequence: Any, cuts: Any) -> dict[str, Any]:
        """Return a pack for each row, with the words before its cut."""
        rows = jnp.where(jnp.arange(len(sequence))[None, :, None] < cuts[:, None, None], sequence[None], 0)
        words = self._in_chunks(rows[..., :1])[..., 0].reshape(len(cuts), -1, self.size)
        texts = jnp.zeros(words.shape[:2], jnp.int32)
        if self.model.runs is None:
            return {"words": words, "texts": texts}
        return {"words": words, "texts": texts, "runs": self._in_chunks(rows[..., 1:]).reshape(*words.shape, -1)}

    def _in_chunks(self, array: Any) -> Any:
        """Return ``(rows, time, …)`` cut into chunks below each other, ``(rows × chunks, steps, …)``."""
        return array.reshape(-1, self.size, array.shape[2])


def counterfactual_of_chunks(network: InspectedChunks, read: Read, words: Sequence[str]) -> Counterfactual | str:
    """Return what a page computes with; see `portable.counterfactual`.

    What the sum of the vectors of runs does to an output is a sum of numbers, one for each run: these are taken along, and
    what runs are known by.
    """
    model, sizes = network.model, network.model.spec
    halves = [recurrent(half) for half in (model.walk.forward_layer, model.walk.backward_layer)]
    kernel, bias = (np.asarray(array, np.float32) for array in (model.out.kernel, model.out.bias))
    pooled = 4 * sizes.units
    found = {
        "type": "chunks",
        "size": network.size,
        "halves": halves,
        "kernel": kernel[:pooled],
        "bias": bias,
        "activation": network.squash,
        "runs": None if model.runs is None else np.asarray(model.runs.embeddings, np.float32) @ kernel[pooled:],
        "orders": [] if network.runs is None else network.runs.keys,
        "known": 0 if network.runs is None else network.runs.ngrams.size,
    }
    try:
        check_size([found])
    except NotPortable as reason:
        return str(reason)
    vectors = np.asarray(model.words.embeddings, np.float32) * np.float32(sizes.embedding_rate)
    return with_words([embedding(vectors, read.array[:, 0], False), found], read, words)


def with_runs_of(words: np.ndarray, layer: dict[str, Any]) -> dict[str, Any]:
    """Return what `counterfactual_of_chunks` describes with those runs alone that are made of some words.

    Args:
        words: The numbers of the words.
        layer: The description; one of another layer is returned as it is.
    """
    if not layer.get("orders"):
        return layer
    orders: list[np.ndarray] = []
    rows, first = [np.zeros(1, np.int64)], 1
    # Which of the shorter runs are left, and how many of them are before each.
    kept, before = np.zeros(0, bool), np.zeros(0, np.int64)
    for each in layer["orders"]:
        keys = each
        shorter, word = keys // layer["known"], keys % layer["known"]
        there = np.isin(word, words)
        if orders:
            there &= kept[shorter]
            rows.append(first + np.flatnonzero(there))
            first += len(keys)
            keys = before[shorter] * layer["known"] + word
        kept, before = there, np.cumsum(there) - there
        orders.append(keys[there])
    return {**layer, "orders": orders, "runs": layer["runs"][np.concatenate(rows)]}


def _given(vectors: Any, *_: Any, **__: Any) -> Any:
    """Stand in for an Embedding."""
    return vectors
