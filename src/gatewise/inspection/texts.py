"""The network of a text classifier, which reads texts in chunks, as inspection sees it."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gatewise.classification.chunk_reader import ChunkReader
from gatewise.classification.specification import Network
from gatewise.datasets import tokenize
from gatewise.errors import DataError, UsageError
from gatewise.inspection.inspection import Inspection
from gatewise.inspection.looking import looked
from gatewise.inspection.network import Inspected, Seen
from gatewise.inspection.recording import Walk, decay, places, recording
from gatewise.inspection.sequences import LONGEST, Read
from gatewise.inspection.snippets import Corpus
from gatewise.recurrent import quick_cells
from gatewise.recurrent.layer_walk import equation_of
from gatewise.recurrent.states import replaced
from gatewise.training.wording import counted


def inspect_classifier(
    classifier: Any, text: Any, corpus: Sequence[str] | None, output: int | str | None
) -> Inspection:
    """Look inside the first network of a classifier while it reads a text; see `gatewise.inspect`.

    Raises:
        UsageError: No network of gatewise's own is asked.
        DataError: The text is empty.
    """
    fitted = classifier._fitted
    if fitted is None:
        raise UsageError("The classifier is not fitted: call fit(texts, labels) first.")
    if fitted.network is None:
        raise UsageError(
            "The classifier is the linear model alone, which has no gates to look into: fit it with a network."
        )
    members = fitted.network.model
    kinds = members.kinds
    own = [one for one in members.trained if isinstance(kinds[one.kind], Network) and kinds[one.kind].cell != "cnn"]
    if not own:
        raise UsageError(
            "The classifier has no recurrent network of gatewise's own: fit it with one, or give a Keras model."
        )
    with members.lock:
        reader = members.reader(own[0].kind)
        reader.put(own[0].weights)
        names = [str(name) for name in classifier.classes_.tolist()]
        network = InspectedChunks(reader, "sigmoid" if members.outputs == 1 or fitted.held_out.several else "softmax")
        read = _read(reader, fitted.vocabulary, text)
        others = None
        if corpus is not None:
            others = Corpus.of(network, corpus, lambda one: _read(reader, fitted.vocabulary, one))
        found = looked(network, read, others, names, _output(output, names, members.outputs))
    chances = dict(zip(names, classifier.predict_proba([text])[0].tolist(), strict=True))
    said = ", ".join(f"{chance:.1%} {name}" for name, chance in chances.items())
    note = f"This is one of {counted(len(members.trained), 'network')} by itself; the whole classifier says {said}."
    reason = "it reads texts in chunks of 50 words" if reader.chunking.steps == 50 else "it reads texts in chunks"
    return replace(found, name="text classifier", notes=(note,), counterfactual=reason)


def _output(output: int | str | None, names: Sequence[str], outputs: int) -> int | str | None:
    """Return which output is looked at: of two classes the network has a single one, for the second."""
    if outputs == 1 and output in names and output == names[0]:
        raise UsageError(
            f"Of two classes the second is looked at, {names[1]!r}: what speaks against it speaks for {output!r}."
        )
    return output


def _read(reader: ChunkReader, vocabulary: Any, text: Any) -> Read:
    """Return a text as the network reads it: numbers of words, and of pairs of words where it has them."""
    if not isinstance(text, str):
        raise UsageError(f"text is a {type(text).__name__}: give one text, a str.")
    tokens = tokenize(text)
    if not tokens:
        raise DataError("The text is empty: give at least one word.")
    if len(tokens) > LONGEST:
        raise UsageError(
            f"The text has {len(tokens):,} words, and inspect takes at most {LONGEST:,}: give a part of it."
        )
    packs = reader.one_text(vocabulary.encode([text]).words)
    steps = min(len(tokens), packs.words.size)
    columns = [packs.words, *([] if packs.pairs is None else [packs.pairs])]
    return Read(np.stack([one.ravel()[:steps] for one in columns], axis=1), 0, tuple(tokens[:steps]))


class InspectedChunks(Inspected):
    """A `ChunkNetwork` that reads one text. A step is a word; its vector is that of the word, and of the pair that it ends.

    A text that ends after a word is one whose later words are none, which the network leaves out by itself.

    Args:
        reader: The network at work.
        squash: What makes probabilities of its outputs.
    """

    def __init__(self, reader: ChunkReader, squash: str) -> None:
        self.model = reader.network
        self.places = places(self.model)
        self.output = 0
        self.embedding = self.model.words
        self.head = None
        self.size = reader.chunking.steps
        self._squash = squash
        self._weights = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        self._compile()

    @property
    def squash(self) -> str | None:
        """See `Inspected.squash`."""
        return self._squash

    def vectors(self, sequence: np.ndarray) -> np.ndarray:
        """Return the vectors of words, and behind them those of pairs, ``(time, features)``."""
        tables = [self.model.words, *([] if self.model.pairs is None else [self.model.pairs])]
        return np.concatenate(
            [np.asarray(one.embeddings)[ids] for one, ids in zip(tables, sequence.T, strict=True)], axis=1
        )

    def baseline(self, vectors: np.ndarray) -> np.ndarray:
        """Return what stands for nothing: zeros."""
        return np.zeros_like(vectors)

    def _record(self, values: list[Any], x: Any) -> Seen:
        walks: dict[int, Walk] = {}
        sequence = x[0]
        steps = len(sequence)
        with self._lent(values), recording(self.model, walks):
            raw = self._call(self._inputs(sequence, jnp.array([steps])))[0]
        last = (steps - 1) // self.size
        found, decays = [], []
        for number, place in enumerate(self.places):
            walk = walks[number]
            parts = (walk.gates, walk.states, walk.saved, walk.mask)
            gates, states, saved, mask = jax.tree.map(lambda array: array[:, last : last + 1], parts)
            of_chunk = Walk(gates, states, saved, mask, walk.weights, tuple(one[:1] for one in walk.first))
            whole = decay(equation_of(place.layer.cell), of_chunk)
            count = steps - last * self.size
            # Where it walked over no words, at the end of a chunk, nothing has changed.
            decays.append({name: one[-count:] if place.backwards else one[:count] for name, one in whole.items()})
            gates, states = (
                {name: self._joined(one, steps, place.backwards) for name, one in group.items()}
                for group in (walk.gates, walk.states)
            )
            found.append(Walk(gates, states, (), None, walk.weights, ()))
        return Seen(raw, tuple(found), tuple(decays))

    def _joined(self, array: Any, steps: int, backwards: bool) -> Any:
        """Return what was computed chunk by chunk as if it were one walk, ``(time, 1, units)``, in the order of the walk."""
        array = array[::-1] if backwards else array
        in_time = jnp.swapaxes(array, 0, 1).reshape(-1, 1, array.shape[-1])[:steps]
        return in_time[::-1] if backwards else in_time

    def _run(self, values: list[Any], sequence: Any, vectors: Any, cuts: Any, output: int) -> tuple[Any, Any]:
        words = self.model.spec.embedding
        with self._lent(values), quick_cells(self.model), ExitStack() as stack:
            parts = (self.model.words, vectors[..., :words]), (self.model.pairs, vectors[..., words:])
            for layer, own in parts:
                if layer is not None:
                    stack.enter_context(replaced(layer, call=partial(_given, self._in_chunks(own))))
            raw = self._call(self._inputs(sequence, cuts))
        squashed = jax.nn.sigmoid(raw) if self._squash == "sigmoid" else jax.nn.softmax(raw)
        return self.score(raw, output), squashed

    def _without(self, values: list[Any], sequence: Any, number: int, output: int) -> Any:
        layer = self.places[number].layer
        units = layer.cell.units
        inputs = self._inputs(sequence, jnp.full(units, len(sequence)))
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
        if self.model.pairs is None:
            return {"words": words, "texts": texts}
        return {"words": words, "texts": texts, "pairs": self._in_chunks(rows[..., 1:])[..., 0].reshape(words.shape)}

    def _in_chunks(self, array: Any) -> Any:
        """Return ``(rows, time, …)`` cut into chunks below each other, ``(rows × chunks, steps, …)``."""
        more = -array.shape[1] % self.size
        return jnp.pad(array, ((0, 0), (0, more), (0, 0))).reshape(-1, self.size, array.shape[2])


def _given(vectors: Any, *_: Any, **__: Any) -> Any:
    """Stand in for an Embedding."""
    return vectors
