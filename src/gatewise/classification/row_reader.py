"""Networks of somebody else's at work: each text is one row of token numbers."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float32, Int32

from gatewise.artifact import rebuild
from gatewise.backend import import_keras
from gatewise.classification.lessons import Curves, Lesson, Trained, Weights, watched
from gatewise.classification.specification import Rows
from gatewise.classification.targets import RightTexts, loss_of, weighted
from gatewise.datasets import Sequences, Vocabulary
from gatewise.datasets.text.vocabulary import UNKNOWN
from gatewise.errors import UsageError
from gatewise.training.fit import fit
from gatewise.training.initial import initialize
from gatewise.training.predict import predict

keras = import_keras()

# Words of a row at most; of a longer text the last ones, as in the published recipes.
_LONGEST_ROW = 500
# So many texts are read in all, but each twice at least.
_TEXTS_OF_ALL_EPOCHS = 50_000
_FEWEST_EPOCHS, _MOST_EPOCHS = 2, 30


class RowReader:
    """A network of somebody else's, which reads each text as one row of token numbers.

    Args:
        given: The network, and how it is trained.
        vocabulary: The words.
        outputs: Numbers for each text.
        longest: Words of the longest text that is learnt from: of as many is a row, unless the network says of how many.
    """

    def __init__(self, given: Rows, vocabulary: Vocabulary, outputs: int, longest: int) -> None:
        self.given = given
        self.words = vocabulary.size if given.words is None else min(given.words, vocabulary.size)
        self.network = given.make(self.words, outputs)
        if not isinstance(self.network, keras.Model):
            raise UsageError(
                f"The function given as network returned {type(self.network).__name__}: return a Keras model that reads "
                "token numbers (texts, time)."
            )
        self.length = self._fixed_length() or int(np.clip(longest, 1, _LONGEST_ROW))
        self._check(outputs)
        self._compiled = False
        # Before gatewise compiles it with a loss that no file could describe.
        self._plan: rebuild.Plan | UsageError
        try:
            self._plan = rebuild.describe(self.network)
        except UsageError as error:
            self._plan = error

    def _fixed_length(self) -> int | None:
        """Return of how many words the network wants a row; None where that is left to us."""
        shapes = [tuple(one.shape) for one in getattr(self.network, "inputs", None) or ()]
        if not shapes:
            return None
        if len(shapes) > 1 or len(shapes[0]) != 2:
            raise UsageError(
                f"Network {self.network.name!r} reads {', '.join(map(str, shapes))}: give one that reads token numbers "
                "(texts, time)."
            )
        return shapes[0][1]

    def _check(self, outputs: int) -> None:
        from keras.src.backend import compute_output_spec

        network = self.network
        try:
            if not network.built:
                network.build((None, self.length))
            shape = tuple(compute_output_spec(network, keras.KerasTensor((1, self.length), "int32")).shape)
        except (TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f"Network {network.name!r} does not read token numbers (1, {self.length}) "
                f"({rebuild.first_line(error)}): give one that reads (texts, time)."
            ) from error
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
        if not self._compiled:
            metrics = [RightTexts(lesson.one_of_many, self._as_scores)]
            optimizer = network.optimizer if network.compiled else "adam"
            network.compile(optimizer, self._loss(lesson), metrics=metrics)
            self._compiled = True
        words, targets = self.rows(lesson.words), weighted(lesson.truth, lesson.importance)
        seen = watched(lesson.held_out, lesson.seed)
        history = fit(
            network,
            words[lesson.rows],
            targets[lesson.rows],
            batch_size=min(self.given.batch_texts, len(lesson.rows)),
            epochs=lesson.epochs or self.given.epochs or _epochs(len(lesson.rows)),
            verbose=0,
            seed=lesson.seed,
            validation_data=(words[seen], targets[seen]) if len(seen) else None,
        )
        return Trained([variable.value for variable in network.variables], Curves.of(history.history))

    def scores(self, weights: Weights, words: Sequences) -> Float32[np.ndarray, "samples outputs"]:
        """Return what the network says of each text."""
        for variable, value in zip(self.network.variables, weights, strict=True):
            variable.assign(value)
        if not len(words):
            return np.zeros((0, self.network.output_shape[-1]), np.float32)
        found = predict(self.network, self.rows(words), verbose=0)
        return np.asarray(self._as_scores(found), np.float32)

    def rows(self, words: Sequences) -> Int32[np.ndarray, "samples time"]:
        """Return texts as the network reads them: filled up and cut in front."""
        rows = words.padded(self.length)
        return rows if self.words > rows.max(initial=0) else np.where(rows < self.words, rows, np.int32(UNKNOWN))

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of its weights."""
        return [tuple(variable.shape) for variable in self.network.variables]

    def plan(self) -> rebuild.Plan:
        """Return the network as plain values, without weights and without how it was compiled.

        Raises:
            UsageError: It has a part that data alone cannot describe.
        """
        if isinstance(self._plan, UsageError):
            raise self._plan
        return self._plan

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


def _epochs(texts: int) -> int:
    """Return how often so many texts should be read."""
    return int(np.clip(round(_TEXTS_OF_ALL_EPOCHS / max(texts, 1)), _FEWEST_EPOCHS, _MOST_EPOCHS))
