"""How a network reads texts: in chunks, gatewise's own; or each text as one row, the networks of others."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from gatewise.artifact import rebuild
from gatewise.backend import import_keras
from gatewise.classification.chunk_network import ChunkNetwork
from gatewise.classification.packing import Chunking, Packs
from gatewise.classification.specification import Network
from gatewise.classification.targets import loss_of, weighted
from gatewise.classification.word_vectors import starting_vectors
from gatewise.datasets import Sequences, Vocabulary
from gatewise.errors import UsageError
from gatewise.training.fit import fit
from gatewise.training.initial import initialize
from gatewise.training.predict import predict

keras = import_keras()

# Chunks of a pack at most: what a text has beyond them, 3,200 words, is not read.
_MOST_CHUNKS = 64
# A corpus of so many texts is read three times, a smaller one more often.
_TEXTS_OF_ALL_EPOCHS = 75_000
_MOST_EPOCHS = 30
# Chunks that are predicted at a time.
_CHUNKS_AT_A_TIME = 512

Weights = list[Any]


class Texts(NamedTuple):
    """Texts as a network reads them.

    Attributes:
        words: Token numbers.
        pairs: Numbers of pairs of words, or None.
    """

    words: Sequences
    pairs: Sequences | None


class Lesson(NamedTuple):
    """What a network is trained with.

    Attributes:
        texts: All texts.
        truth: Which outputs each has, ``(samples, outputs)``.
        importance: How much each counts, ``(samples,)``.
        one_of_many: Whether a text has one of several outputs.
        rows: Which texts are learnt from.
        held_out: Which are not.
        seed: Where weights, order and dropout come from.
    """

    texts: Texts
    truth: Bool[np.ndarray, "samples outputs"]
    importance: Float64[np.ndarray, " samples"]
    one_of_many: bool
    rows: Int64[np.ndarray, " rows"]
    held_out: Int64[np.ndarray, " rows"]
    seed: int


class Trained(NamedTuple):
    """What a training ends with.

    Attributes:
        weights: The weights.
        losses: The training loss during each epoch.
    """

    weights: Weights
    losses: tuple[float, ...]


class Reader(Protocol):
    """A network without its weights."""

    def train(self, lesson: Lesson) -> Trained:
        """Train it from fresh weights."""

    def scores(self, weights: Weights, texts: Texts) -> Float32[np.ndarray, "samples outputs"]:
        """Return what it says of each text: log-odds, or scores of which the softmax is meant."""

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of its weights."""


class ChunkReader:
    """Gatewise's own network, which reads texts in chunks.

    Args:
        spec: The network.
        vocabulary: The words.
        outputs: Numbers for each text.
        longest: Words of the longest text that is learnt from, which decides how large a pack is.
    """

    def __init__(self, spec: Network, vocabulary: Vocabulary, outputs: int, longest: int) -> None:
        self.spec = spec
        self.vocabulary = vocabulary
        self.chunking = Chunking(spec.chunk, int(np.clip(-(-longest // spec.chunk), 4, _MOST_CHUNKS)))
        sizes = min(vocabulary.size, spec.max_words), min(vocabulary.bigram_buckets, spec.bigrams) + 1
        self.sizes = sizes[0], sizes[1] if spec.bigrams else 0
        self.network = ChunkNetwork(self.sizes, outputs, spec)
        shape = (None, self.chunking.chunks, spec.chunk)
        self.network.build({"words": shape, "texts": shape[:2], **({"pairs": shape} if spec.bigrams else {})})
        self._vectors: Any = None
        self._compiled_for: tuple[Any, ...] = ()

    def train(self, lesson: Lesson) -> Trained:
        """Train the network from fresh weights."""
        spec, network = self.spec, self.network
        texts = self._known(lesson.texts)
        order = lesson.rows[np.random.default_rng(lesson.seed).permutation(len(lesson.rows))]
        packs = self.chunking.pack(texts.words, order, texts.pairs)
        batch = max(1, round(spec.batch_texts * len(packs.words) / max(len(order), 1)))
        epochs = spec.epochs or int(np.clip(round(_TEXTS_OF_ALL_EPOCHS / len(order)), 3, _MOST_EPOCHS))
        steps = self._compile(-(-len(packs.words) // batch), (batch, epochs, lesson.one_of_many))
        packs = _filled_up(packs, steps * batch, self.chunking.chunks)
        initialize(network, lesson.seed)
        self._begin(texts)
        history = fit(
            network,
            packs.inputs(),
            self._targets(packs, lesson),
            batch_size=batch,
            epochs=epochs,
            verbose=0,
            seed=lesson.seed,
            devices=1,
            **self._watching(texts, lesson),
        )
        return Trained([variable.value for variable in network.trainable_variables], _losses(history))

    def scores(self, weights: Weights, texts: Texts) -> Float32[np.ndarray, "samples outputs"]:
        """Return what the network says of each text."""
        self.put(weights)
        known = self._known(texts)
        # Texts of similar length together; a text that is alone, in a pack of its own size.
        order = np.argsort(-known.words.lengths, kind="stable")
        chunks = self.chunking.counts(known.words.lengths)
        size = min(self.chunking.chunks, 1 << int(max(chunks.sum() - 1, 0)).bit_length()) if len(order) else 1
        chunking = self.chunking._replace(chunks=max(size, int(chunks.max(initial=1))))
        packs = chunking.pack(known.words, order, known.pairs)
        found = predict(self.network, packs.inputs(), max(_CHUNKS_AT_A_TIME // chunking.chunks, 1), verbose=0)
        result = np.zeros((len(order), found.shape[-1]), np.float32)
        there = packs.rows >= 0
        result[packs.rows[there]] = found[there]
        return result

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of its weights."""
        return [tuple(variable.shape) for variable in self.network.trainable_variables]

    def _compile(self, steps: int, options: tuple[int, int, bool]) -> int:
        """Compile the network for so many steps an epoch or a few more, once for folds that differ little."""
        if self._compiled_for[1:] == options and steps <= self._compiled_for[0] <= 1.03 * steps:
            return self._compiled_for[0]
        _, epochs, one_of_many = options
        steps += steps // 100
        rate = self.spec.learning_rate
        falling = keras.optimizers.schedules.PolynomialDecay(rate, epochs * steps, end_learning_rate=rate / 50)
        self.network.compile(keras.optimizers.Adam(falling, global_clipnorm=1.0), loss_of(one_of_many))
        self._compiled_for = (steps, *options)
        return steps

    def put(self, weights: Weights) -> None:
        """Give the network the weights that a training returned."""
        for variable, value in zip(self.network.trainable_variables, weights, strict=True):
            variable.assign(value)

    def one_text(self, texts: Texts) -> Packs:
        """Return a single text as the network reads it: one pack of its chunks, as many as a pack may hold."""
        known = self._known(texts)
        # Powers of 2, so that texts of all lengths share a few shapes: each is traced once.
        chunks = 1 << int(self.chunking.counts(known.words.lengths)[0] - 1).bit_length()
        return self.chunking._replace(chunks=chunks).pack(known.words, np.zeros(1, np.int64), known.pairs)

    def _known(self, texts: Texts) -> Texts:
        """Return texts in the numbers that this network has rows for."""
        words = texts.words
        if self.sizes[0] < self.vocabulary.size:
            words = Sequences(np.where(words.ids < self.sizes[0], words.ids, np.int32(1)), words.lengths)
        if not self.sizes[1] or texts.pairs is None:
            return Texts(words, None)
        pairs = texts.pairs
        if self.sizes[1] <= self.vocabulary.bigram_buckets:
            ids = np.where(pairs.ids > 0, 1 + (pairs.ids - 1) % np.int32(self.sizes[1] - 1), 0).astype(np.int32)
            pairs = Sequences(ids, pairs.lengths)
        return Texts(words, pairs)

    def _begin(self, texts: Texts) -> None:
        """Put the vectors in that the embedding begins with."""
        if self._vectors is None:
            self._vectors = starting_vectors(self.spec, self.vocabulary, texts.words, self.sizes[0])
        self.network.words.embeddings.assign(self._vectors)
        if self.network.pairs is not None:
            self.network.pairs.embeddings.assign(np.zeros(self.network.pairs.embeddings.shape, np.float32))

    def _targets(self, packs: Packs, lesson: Lesson) -> Float32[np.ndarray, "packs chunks columns"]:
        every = weighted(lesson.truth, lesson.importance)
        every = np.concatenate([every, np.zeros((1, every.shape[1]), np.float32)])
        return every[packs.rows]

    def _watching(self, texts: Texts, lesson: Lesson) -> dict[str, Any]:
        """Return the arguments of a training that looks at texts held out."""
        if self.spec.patience is None:
            return {}
        packs = self.chunking.pack(texts.words, lesson.held_out, texts.pairs)
        stop = keras.callbacks.EarlyStopping(patience=self.spec.patience, restore_best_weights=True)
        return {"validation_data": (packs.inputs(), self._targets(packs, lesson)), "callbacks": [stop]}


class RowReader:
    """A network of somebody else's, which reads each text as one row of token numbers.

    Args:
        make: Called with the number of words and the number of outputs, returns a Keras model.
        vocabulary: The words.
        outputs: Numbers for each text.
        longest: Words of the longest text that is learnt from.
    """

    longest_row = 500

    def __init__(self, make: Callable[[int, int], Any], vocabulary: Vocabulary, outputs: int, longest: int) -> None:
        self.vocabulary = vocabulary
        self.length = int(np.clip(longest, 1, self.longest_row))
        self.network = make(vocabulary.size, outputs)
        if not isinstance(self.network, keras.Model):
            raise UsageError(
                f"The function given as network returned {type(self.network).__name__}: return a Keras model that reads "
                "token numbers (texts, time)."
            )
        self._check(outputs)

    def _check(self, outputs: int) -> None:
        network = self.network
        if not network.built:
            network.build((None, self.length))
        shape = tuple(keras.backend.compute_output_spec(network, keras.KerasTensor((1, self.length), "int32")).shape)
        if shape[1:] != (outputs,):
            raise UsageError(
                f"Network {network.name!r} puts out {shape[1:]} for a text, and these classes need ({outputs},): end it "
                f"with a Dense layer of {outputs}."
            )
        last = getattr(network.layers[-1], "activation", None)
        self.ends_with = getattr(last, "__name__", "linear")

    def train(self, lesson: Lesson) -> Trained:
        """Train the network from fresh weights."""
        network = self.network
        initialize(network, lesson.seed)
        if not network.compiled:
            network.compile("adam", self._loss(lesson))
        rows = lesson.texts.words.padded(self.length)[lesson.rows]
        epochs = int(np.clip(round(_TEXTS_OF_ALL_EPOCHS / len(rows)), 3, _MOST_EPOCHS))
        targets = weighted(lesson.truth, lesson.importance)[lesson.rows]
        history = fit(network, rows, targets, batch_size=min(32, len(rows)), epochs=epochs, verbose=0, seed=lesson.seed)
        return Trained([variable.value for variable in network.variables], _losses(history))

    def scores(self, weights: Weights, texts: Texts) -> Float32[np.ndarray, "samples outputs"]:
        """Return what the network says of each text."""
        for variable, value in zip(self.network.variables, weights, strict=True):
            variable.assign(value)
        if not len(texts.words):
            return np.zeros((0, self.network.output_shape[-1]), np.float32)
        found = predict(self.network, texts.words.padded(self.length), verbose=0)
        return np.asarray(self._as_scores(found), np.float32)

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of its weights."""
        return [tuple(variable.shape) for variable in self.network.variables]

    def plan(self) -> rebuild.Plan:
        """Return the network as plain values, without weights and without how it was compiled.

        Raises:
            UsageError: It has a part that data alone cannot describe.
        """
        twin = keras.models.clone_model(self.network)
        return rebuild.describe(twin)

    def _loss(self, lesson: Lesson) -> Callable[[Any, Any], Any]:
        plain = loss_of(lesson.one_of_many)
        return lambda targets, outputs: plain(targets, self._as_scores(outputs))

    def _as_scores(self, outputs: Any) -> Any:
        """Undo the activation of the last layer, if it makes probabilities."""
        xp = jax.numpy if isinstance(outputs, jax.Array) else np
        if self.ends_with == "sigmoid":
            kept = xp.clip(outputs, 1e-6, 1 - 1e-6)
            return xp.log(kept) - xp.log1p(-kept)
        return xp.log(xp.clip(outputs, 1e-6, 1)) if self.ends_with == "softmax" else outputs


def _losses(history: Any) -> tuple[float, ...]:
    return tuple(map(float, history.history["loss"]))


def _filled_up(packs: Packs, wanted: int, chunks: int) -> Packs:
    """Add empty packs up to a number, so that no step has another shape."""
    more = wanted - len(packs.words)

    def grown(array: Any, value: int) -> Any:
        widths = ((0, more), *((0, 0),) * (array.ndim - 1))
        return np.pad(array, widths, constant_values=value)

    pairs = None if packs.pairs is None else grown(packs.pairs, 0)
    return Packs(grown(packs.words, 0), grown(packs.texts, chunks), grown(packs.rows, -1), pairs)
