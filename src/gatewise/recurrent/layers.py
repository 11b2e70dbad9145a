"""Keras's recurrent layers, walked by gatewise wherever they are called: in Keras's own ``fit`` as well.

Each is a subclass of the layer of the same name, with its constructor, weights and config, and gives its numbers. What
differs is the loop, and that the true lengths of the rows may be given. One step has no loop: the cells are Keras's own.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import ShapeError, UsageError
from gatewise.recurrent.quick import Walks, quick_cells

keras = import_keras()
ops = keras.ops

LSTMCell = keras.layers.LSTMCell
GRUCell = keras.layers.GRUCell
SimpleRNNCell = keras.layers.SimpleRNNCell

Kind = TypeVar("Kind", bound=type)
# Keras's class -> ours.
OURS: dict[type, type] = {}


def _of(plain: type) -> Callable[[Kind], Kind]:
    """Register a class with Keras, as the one that stands for a class of Keras's."""

    def register(kind: Kind) -> Kind:
        OURS[plain] = kind
        return keras.saving.register_keras_serializable(package="gatewise")(kind)

    return register


class _TakesLengths:
    """Put before a layer of Keras's, lets it be told how long the rows are."""

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False, lengths: Any = None
    ) -> Any:
        """See `call` of Keras's layer.

        Args:
            sequences: Inputs ``(batch, time, features)``.
            initial_state: States before the first step.
            mask: Where steps count, ``(batch, time)``.
            training: Whether dropout applies.
            lengths: In place of a mask: how many steps of each row count, from its first one on, ``(batch,)``.

        Raises:
            UsageError: Both lengths and a mask are given, or a length that no row can have.
            ShapeError: `lengths` has another shape.
        """
        if lengths is not None:
            if mask is not None:
                raise UsageError(
                    f"Layer {self.name!r} got both a mask and lengths, which say the same: pass one of them."  # type: ignore[attr-defined]
                )
            mask = mask_of(lengths, sequences.shape[0], sequences.shape[1])
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)  # type: ignore[misc]


def mask_of(lengths: Any, batch: int, time: int) -> Any:
    """Return the mask ``(batch, time)`` of rows that are padded behind their ends.

    Args:
        lengths: How many steps of each row count, ``(batch,)``.
        batch: Rows.
        time: Steps.

    Raises:
        UsageError: A length is negative or more than there are steps.
        ShapeError: There is not one length for each row.

    >>> mask_of(np.array([1, 3]), 2, 3).tolist()
    [[True, False, False], [True, True, True]]
    """
    lengths = ops.convert_to_tensor(lengths)
    if tuple(lengths.shape) != (batch,):
        raise ShapeError(
            f"lengths needs one number for each of the {batch} rows, and has the shape {tuple(lengths.shape)}: "
            f"pass an array of shape ({batch},)."
        )
    if not keras.backend.is_int_dtype(lengths.dtype):
        raise UsageError(f"lengths counts time steps, and is of type {lengths.dtype}: pass integers.")
    known = _known(lengths)
    if known is not None and known.size and not 0 <= known.min() <= known.max() <= time:
        worst = known[(known < 0) | (known > time)][0]
        raise UsageError(f"lengths has {worst}, and the rows have {time} steps: a length is from 0 to {time}.")
    return ops.arange(time)[None, :] < lengths[:, None]


def _known(array: Any) -> np.ndarray[Any, Any] | None:
    """Return the values of an array; None while it is traced."""
    import jax

    return None if isinstance(array, jax.core.Tracer) else np.asarray(array)


@_of(keras.layers.RNN)
class RNN(_TakesLengths, Walks, keras.layers.RNN):  # type: ignore[name-defined]
    """``keras.layers.RNN``, walked by gatewise where its cell is one of Keras's three."""


@_of(keras.layers.LSTM)
class LSTM(_TakesLengths, Walks, keras.layers.LSTM):  # type: ignore[name-defined]
    """``keras.layers.LSTM``, walked by gatewise.

    Example:
        >>> layer = LSTM(4)
        >>> outputs = layer(np.ones((2, 5, 3), "float32"), lengths=np.array([5, 2]))
        >>> outputs.shape
        (2, 4)
    """


@_of(keras.layers.GRU)
class GRU(_TakesLengths, Walks, keras.layers.GRU):  # type: ignore[name-defined]
    """``keras.layers.GRU``, walked by gatewise."""


@_of(keras.layers.SimpleRNN)
class SimpleRNN(_TakesLengths, Walks, keras.layers.SimpleRNN):  # type: ignore[name-defined]
    """``keras.layers.SimpleRNN``, walked by gatewise."""


@_of(keras.layers.Bidirectional)
class Bidirectional(_TakesLengths, keras.layers.Bidirectional):  # type: ignore[name-defined]
    """``keras.layers.Bidirectional``, whose halves are walked by gatewise, Keras's layers as well as gatewise's."""

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None, lengths: Any = None
    ) -> Any:
        """See `LSTM.call`; of `initial_state` the first half is for the layer that runs forward."""
        with quick_cells(self):
            return super().call(sequences, initial_state, mask, training, lengths)
