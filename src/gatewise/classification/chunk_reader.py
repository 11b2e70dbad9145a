"""Gatewise's own network at work: it reads texts in chunks, many texts in a pack."""

from typing import Any

import numpy as np
from jaxtyping import Float32, Int32

from gatewise.backend import import_keras
from gatewise.classification.chunk_network import ChunkNetwork
from gatewise.classification.few_texts import FewTexts
from gatewise.classification.lessons import Curves, Lesson, Trained, Weights, watched
from gatewise.classification.packing import Chunking, Packs
from gatewise.classification.specification import Network
from gatewise.classification.targets import RightTexts, loss_of, weighted
from gatewise.classification.word_runs import WordRuns
from gatewise.classification.word_vectors import starting_vectors
from gatewise.datasets import Sequences, Vocabulary
from gatewise.training.fit import fit
from gatewise.training.initial import initialize
from gatewise.training.predict import predict

keras = import_keras()

# Chunks of a pack at most: what a text has beyond them, 3,200 words, is not read.
_MOST_CHUNKS = 64
# Chunks that are predicted at a time.
_CHUNKS_AT_A_TIME = 512
# So many texts are read once, and fewer more often, but not so often that as many are read in all: see
# `benchmarks/text_networks.py`.
_READ_ONCE = 25_000
_MOST_EPOCHS = 30
# So many are few, and NumPy is quicker: a text of 200 words.
_FEW_CHUNKS = 4


class ChunkReader:
    """Gatewise's own network, which reads texts in chunks.

    Args:
        spec: The network.
        vocabulary: The words.
        outputs: Numbers for each text.
        longest: Words of the longest text that is learnt from, which decides how large a pack is.
        runs: The runs of words that have vectors; None where the network has none of these.
    """

    def __init__(
        self, spec: Network, vocabulary: Vocabulary, outputs: int, longest: int, runs: WordRuns | None = None
    ) -> None:
        self.spec = spec
        self.vocabulary = vocabulary
        self.chunking = Chunking(spec.chunk, int(np.clip(-(-longest // spec.chunk), 4, _MOST_CHUNKS)))
        self.runs = runs
        self.sizes = min(vocabulary.size, spec.max_words), 0 if runs is None else runs.size
        self.network = ChunkNetwork(self.sizes, outputs, spec)
        shape = (None, self.chunking.chunks, spec.chunk)
        shapes = {"words": shape, "texts": shape[:2]}
        if runs is not None:
            shapes["runs"] = (*shape, runs.longest - 1)
        self.network.build(shapes)
        # Where embeddings begin, by all that it depends on; networks of several kinds may share them.
        self.beginnings: dict[Any, Any] = {}
        self._compiled_for: tuple[Any, ...] = ()

    def train(self, lesson: Lesson) -> Trained:
        """Train the network from fresh weights."""
        spec, network = self.spec, self.network
        words = self._known(lesson.words)
        order = lesson.rows[np.random.default_rng(lesson.seed).permutation(len(lesson.rows))]
        runs = None if spec.known_runs is None else lesson.runs[spec.known_runs]
        packs = self.chunking.pack(words, order, runs)
        batch = max(1, round(spec.batch_texts * len(packs.words) / max(len(order), 1)))
        epochs = lesson.epochs or spec.epochs or usual_epochs(len(order))
        steps = self._compile(-(-len(packs.words) // batch), (batch, epochs, lesson.one_of_many))
        packs = _filled_up(packs, steps * batch, self.chunking.chunks)
        initialize(network, lesson.seed)
        self._begin(words, lesson.vectors)
        history = fit(
            network,
            packs.inputs(),
            self._targets(packs, lesson),
            batch_size=batch,
            epochs=epochs,
            verbose=0,
            seed=lesson.seed,
            devices=1,
            **self._watching(words, runs, lesson),
        )
        return Trained([variable.value for variable in network.trainable_variables], Curves.of(history.history))

    def scores(self, weights: Weights, words: Sequences) -> Float32[np.ndarray, "samples outputs"]:
        """Return what the network says of each text."""
        self.put(weights)
        known = self._known(words)
        # Texts of similar length together; a text that is alone, in a pack of its own size.
        order = np.argsort(-known.lengths, kind="stable")
        chunks = self.chunking.counts(known.lengths)
        size = min(self.chunking.chunks, 1 << int(max(chunks.sum() - 1, 0)).bit_length()) if len(order) else 1
        chunking = self.chunking._replace(chunks=max(size, int(chunks.max(initial=1))))
        packs = chunking.pack(known, order, self._runs(words))
        found = predict(self.network, packs.inputs(), max(_CHUNKS_AT_A_TIME // chunking.chunks, 1), verbose=0)
        result = np.zeros((len(order), found.shape[-1]), np.float32)
        there = packs.rows >= 0
        result[packs.rows[there]] = found[there]
        return result

    def are_few(self, words: Sequences) -> bool:
        """Say whether `scores_of_few` is the quicker way to ask about these texts."""
        if not 0 < len(words) <= _FEW_CHUNKS or not FewTexts.can(self.spec):
            return False
        return int(self.chunking.counts(words.lengths).sum()) <= min(_FEW_CHUNKS, self.chunking.chunks)

    def scores_of_few(self, networks: FewTexts, words: Sequences) -> Float32[np.ndarray, "members samples outputs"]:
        """Return what each of some networks of this kind says of few texts.

        Args:
            networks: The networks.
            words: The texts.
        """
        known = self._known(words)
        chunking = self.chunking._replace(chunks=int(self.chunking.counts(known.lengths).sum()))
        packs = chunking.pack(known, np.arange(len(known)), self._runs(words))
        runs = None if packs.runs is None else packs.runs[0]
        return networks.scores(packs.words[0], runs, chunking.counts(known.lengths))

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
        metrics = [RightTexts(one_of_many)]
        self.network.compile(keras.optimizers.Adam(falling, global_clipnorm=1.0), loss_of(one_of_many), metrics=metrics)
        self._compiled_for = (steps, *options)
        return steps

    def put(self, weights: Weights) -> None:
        """Give the network the weights that a training returned."""
        for variable, value in zip(self.network.trainable_variables, weights, strict=True):
            variable.assign(value)

    def one_text(self, words: Sequences) -> Packs:
        """Return a single text as the network reads it: one pack of its chunks, as many as a pack may hold."""
        known = self._known(words)
        # Powers of 2, so that texts of all lengths share a few shapes: each is traced once.
        chunks = 1 << int(self.chunking.counts(known.lengths)[0] - 1).bit_length()
        return self.chunking._replace(chunks=chunks).pack(known, np.zeros(1, np.int64), self._runs(words))

    def _known(self, words: Sequences) -> Sequences:
        """Return texts in the numbers that this network has rows for."""
        if self.sizes[0] == self.vocabulary.size:
            return words
        return Sequences(np.where(words.ids < self.sizes[0], words.ids, np.int32(1)), words.lengths)

    def _runs(self, words: Sequences) -> Int32[np.ndarray, "tokens lengths"] | None:
        return None if self.runs is None else self.runs.numbers(words)

    def _begin(self, words: Sequences, vectors: Float32[np.ndarray, "tokens features"] | None) -> None:
        """Put the vectors in that the embedding begins with."""
        spec = self.spec
        key = (spec.vectors, spec.embedding, spec.embedding_rate, self.sizes[0])
        if key not in self.beginnings:
            self.beginnings[key] = starting_vectors(spec, self.vocabulary, words, self.sizes[0], vectors)
        self.network.words.embeddings.assign(self.beginnings[key])
        if self.network.runs is not None:
            self.network.runs.embeddings.assign(np.zeros(self.network.runs.embeddings.shape, np.float32))

    def _targets(self, packs: Packs, lesson: Lesson) -> Float32[np.ndarray, "packs chunks columns"]:
        every = weighted(lesson.truth, lesson.importance)
        every = np.concatenate([every, np.zeros((1, every.shape[1]), np.float32)])
        return every[packs.rows]

    def _watching(
        self, words: Sequences, runs: Int32[np.ndarray, "tokens lengths"] | None, lesson: Lesson
    ) -> dict[str, Any]:
        """Return the arguments of a training that looks at texts held out."""
        if not len(lesson.held_out):
            return {}
        stops = self.spec.patience is not None
        rows = lesson.held_out if stops else watched(lesson.held_out, lesson.seed)
        packs = self.chunking.pack(words, rows, runs)
        found: dict[str, Any] = {"validation_data": (packs.inputs(), self._targets(packs, lesson))}
        if stops:
            stop = keras.callbacks.EarlyStopping(patience=self.spec.patience, restore_best_weights=True)
            found["callbacks"] = [stop]
        return found


def usual_epochs(texts: int) -> int:
    """Return how often so many texts should be read."""
    return int(np.clip(round((_READ_ONCE / max(texts, 1)) ** 0.5), 1, _MOST_EPOCHS))


def _filled_up(packs: Packs, wanted: int, chunks: int) -> Packs:
    """Add empty packs up to a number, so that no step has another shape."""
    more = wanted - len(packs.words)

    def grown(array: Any, value: int) -> Any:
        widths = ((0, more), *((0, 0),) * (array.ndim - 1))
        return np.pad(array, widths, constant_values=value)

    runs = None if packs.runs is None else grown(packs.runs, 0)
    return Packs(grown(packs.words, 0), grown(packs.texts, chunks), grown(packs.rows, -1), runs)
