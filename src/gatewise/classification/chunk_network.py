"""The network that reads texts in chunks: embedding, a recurrent layer or a convolution, pooling over a whole text."""

from typing import Any

from gatewise.backend import import_keras
from gatewise.classification.few_texts import LOWEST
from gatewise.classification.specification import Network

keras = import_keras()
layers, ops = keras.layers, keras.ops


class ChunkNetwork(keras.Model):  # type: ignore[name-defined]
    """Packs of chunks in, numbers for each text of a pack out.

    Each chunk is read by itself; over all words of a text the outputs are pooled twice, by their maximum and by their
    sum divided by the root of the number of words, which lets long texts speak louder than a mean would. Runs of two
    words and more are not walked along: they have short vectors of their own, which are summed likewise.

    Args:
        sizes: Rows of the tables of words and of runs of words (0 for none).
        outputs: Numbers for each text.
        spec: A `Network`.
    """

    def __init__(self, sizes: tuple[int, int], outputs: int, spec: Network, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        words, runs = sizes
        self.spec = spec
        self.words = layers.Embedding(words, spec.embedding, name="words")
        self.runs = layers.Embedding(runs, spec.run_embedding, name="runs") if runs else None
        if spec.cell == "cnn":
            self.walk = layers.Conv1D(spec.units, spec.region, padding="same", activation="relu", name="walk")
        else:
            kind = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}[spec.cell]
            self.walk = layers.Bidirectional(kind(spec.units, return_sequences=True), name="walk")
        self.input_dropout = layers.SpatialDropout1D(spec.embedding_dropout, name="input_dropout")
        self.dropout = layers.Dropout(spec.dropout, name="dropout")
        self.out = layers.Dense(outputs, name="out")
        self.seeds = keras.random.SeedGenerator(0)

    def build(self, shapes: Any) -> None:
        """Make the weights."""
        _, _, steps = shapes["words"]
        self.words.build(None)
        if self.runs is not None:
            self.runs.build(None)
        self.walk.build((None, steps, self.spec.embedding))
        found = self.spec.units if self.spec.cell == "cnn" else 2 * self.spec.units
        self.out.build((None, 2 * found + (self.spec.run_embedding if self.runs is not None else 0)))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return ``(packs, chunks, outputs)``: a row for each text that a pack may hold."""
        words, texts = inputs["words"], inputs["texts"]
        _, chunks, steps = words.shape
        ids = ops.reshape(words, (-1, steps))
        real = ops.not_equal(ids, 0)
        counted = ops.cast(real, "float32")[..., None]
        # Adam moves every weight by about the learning rate, whatever its gradient: a table that is multiplied by a
        # number is learnt so many times as fast.
        read = self.words(ids) * self.spec.embedding_rate
        factors = None
        if "factors" in inputs:
            # Ones, by which an explanation asks how much each token counts.
            factors = ops.reshape(inputs["factors"], (-1, steps))[..., None]
            read = read * factors
        if training and self.spec.word_dropout:
            drawn = keras.random.uniform(ops.shape(counted), seed=self.seeds)
            read = read * ops.cast(drawn > self.spec.word_dropout, "float32")
        if self.spec.embedding_dropout:
            read = self.input_dropout(read, training=training)
        # A convolution knows no mask: where there is no word it reads zeros.
        found = self.walk(read * counted) if self.spec.cell == "cnn" else self.walk(read, mask=real, training=training)
        runs = None if self.runs is None else self._sum_of_runs(self.runs, inputs["runs"], factors)
        pooled = self._pool(found, counted, runs, texts)
        outputs = self.out(self.dropout(pooled, training=training))
        return ops.reshape(outputs, (-1, chunks, outputs.shape[-1]))

    def _sum_of_runs(self, table: Any, numbers: Any, factors: Any) -> Any:
        """Return the sum of the vectors of the runs in each chunk, ``(packs × chunks, run_embedding)``."""
        numbers = ops.reshape(numbers, (-1, *numbers.shape[2:]))
        counted = ops.cast(ops.not_equal(numbers, 0), "float32")
        if factors is not None:
            # A run belongs to all of its words.
            flat = ops.reshape(factors, (-1,))
            before = [ops.roll(flat, place) for place in range(numbers.shape[2] + 1)]
            shares = [sum(before[: place + 2]) / (place + 2) for place in range(numbers.shape[2])]
            counted = counted * ops.reshape(ops.stack(shares, axis=-1), counted.shape)
        return ops.sum(table(numbers) * counted[..., None], axis=(1, 2))

    def _pool(self, found: Any, counted: Any, runs: Any, texts: Any) -> Any:
        """Pool over the words of each text, and one place for chunks that are of none, which is cut off."""
        packs, chunks = ops.shape(texts)[0], texts.shape[1]
        places = ops.reshape(texts + ops.arange(packs, dtype="int32")[:, None] * (chunks + 1), (-1,))
        number = packs * (chunks + 1)
        highest = ops.max(ops.where(counted > 0, found, LOWEST), axis=1)
        highest = ops.maximum(ops.segment_max(highest, places, number), LOWEST)
        sums = ops.sum(found * counted, axis=1)
        sums = ops.segment_sum(sums if runs is None else ops.concatenate([sums, runs], axis=-1), places, number)
        words = ops.segment_sum(ops.sum(counted, axis=1), places, number)
        pooled = ops.concatenate([highest, sums / ops.sqrt(ops.maximum(words, 1.0))], axis=-1)
        pooled = ops.reshape(pooled, (-1, chunks + 1, pooled.shape[-1]))
        return pooled[:, :chunks]
