"""Sequences as models read them: checked, filled up in front where a model reads more, with a text for each step."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gatewise.errors import DataError, NonFiniteError, ShapeError, UsageError
from gatewise.inspection.network import Inspected
from gatewise.recurrent import is_stateful
from gatewise.training.inputs import check_indices

LONGEST = 2000
# What texts are filled up with.
PAD = 0


class Read(NamedTuple):
    """A sequence as a model reads it.

    Attributes:
        array: Tokens ``(time,)`` or values ``(time, features)``.
        first: How many of its steps are padding in front.
        steps: The others as text.
    """

    array: np.ndarray
    first: int
    steps: tuple[str, ...]

    def of_layer(self, array: np.ndarray, backwards: bool) -> np.ndarray:
        """Return what a layer has computed of the steps behind the padding, in the order of time.

        Args:
            array: In the order in which it walked, ``(time, …)``.
            backwards: Whether that was from the end.
        """
        array = array[::-1] if backwards else array
        # A layer behind a pooling has fewer steps than the sequence.
        return array[self.first * len(array) // len(self.array) :]


def as_read(
    network: Inspected, sequence: Any, tokens: Sequence[str] | None = None, words: Sequence[str] | None = None
) -> Read:
    """Return a sequence as a model reads it.

    Args:
        network: The model.
        sequence: As `inspect` takes it.
        tokens: The tokens as text.
        words: The word of each row of the Embedding.

    Raises:
        UsageError: It is longer than inspect takes.
        ShapeError: It has another shape than the model reads.
        DataError: It is empty, or holds what the model does not know.
    """
    array, first = _checked(network, sequence)
    return Read(array, first, _shown(network, array, first, tokens, words))


def _checked(network: Inspected, sequence: Any) -> tuple[np.ndarray, int]:
    """Return a sequence as the model reads it, and how many steps of it are padding in front."""
    model = network.model
    length = model.inputs[0].shape[1]
    try:
        array = np.asarray(sequence)
    except ValueError as error:
        raise ShapeError("sequence is made of parts of different lengths: give one sequence.") from error
    if array.size == 0:
        raise DataError("sequence is empty: give at least one step.")
    if array.dtype.kind not in "iufb":
        raise DataError(f"sequence holds {array.dtype.name} values: give numbers, for texts those of their tokens.")
    if network.embedding is not None:
        return _as_tokens(network, array, length)
    features = model.inputs[0].shape[-1]
    array = array[:, None] if array.ndim == 1 and features == 1 else array
    if array.ndim != 2 or array.shape[1] != features:
        raise ShapeError(
            f"sequence has the shape {array.shape}, and model {model.name!r} reads (time, {features}): give one sequence of "
            "that shape."
        )
    if not np.isfinite(array).all():
        raise NonFiniteError("sequence holds NaN or infinity: fill in or leave out the missing values.")
    # A stateful model goes on from one window to the next, as if they were one sequence.
    _check_length(model, len(array), None if is_stateful(model) else length, exactly=True)
    return array.astype(np.float32), 0


def _as_tokens(network: Inspected, array: np.ndarray, length: int | None) -> tuple[np.ndarray, int]:
    model = network.model
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ShapeError(
            f"sequence has the shape {array.shape} and the type {array.dtype}, and model {model.name!r} reads tokens: give one "
            "row of whole numbers."
        )
    check_indices(model, array[None], [(0, network.embedding)], "sequence")
    _check_length(model, len(array), length, exactly=False)
    if not (array != PAD).any():
        raise DataError("sequence holds nothing but padding (0): give at least one token.")
    first = int(np.argmax(array != PAD))
    before = 0 if length is None else length - len(array)
    return np.concatenate([np.full(before, PAD), array]).astype(np.int32), before + first


def _check_length(model: Any, steps: int, length: int | None, exactly: bool) -> None:
    if length is not None and (steps > length or (exactly and steps != length)):
        remedy = f"give its last {length} steps" if steps > length else f"give {length} steps"
        raise ShapeError(f"sequence has {steps:,} steps, and model {model.name!r} reads {length:,}: {remedy}.")
    if steps > LONGEST:
        raise UsageError(
            f"sequence has {steps:,} steps, and inspect takes at most {LONGEST:,}: give the part that matters, such as the "
            f"last {LONGEST:,} steps."
        )


def _shown(
    network: Inspected, read: np.ndarray, first: int, tokens: Sequence[str] | None, words: Sequence[str] | None
) -> tuple[str, ...]:
    """Return the steps as text."""
    steps = len(read) - first
    if tokens is not None:
        given = tuple(map(str, tokens))[-steps:]
        if len(given) != steps:
            raise ShapeError(f"tokens has {len(given)} entries, and the sequence {steps} steps: give one for each.")
        return given
    if network.embedding is None:
        return tuple(" ".join(f"{value:.6g}" for value in row) for row in read[first:].tolist())
    return tuple(word_of(token, words) for token in read[first:].tolist())


def word_of(token: int, words: Sequence[str] | None) -> str:
    """Return what a token is called: its word, or its number."""
    return words[token] if words is not None and token < len(words) else str(token)
