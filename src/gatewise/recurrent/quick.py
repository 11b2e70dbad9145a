"""Recurrent layers traced so that they become a quicker program: same numbers, other shape of the program.

A compiled program runs a small cell call by call, and each call costs more than its work: what counts is how many there
are. A larger cell over a long sequence spends its time on the gradient of its kernel: `scans` has a walk back of its own.
`quick_loop` chooses. gatewise's own layers always call it; Keras's do while `quick_cells` traces a model.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from gatewise.backend import import_keras, unroll_up_to
from gatewise.recurrent.layer_walk import CELLS, drops_gate_by_gate, walk_layer, why_not
from gatewise.recurrent.pads import noted
from gatewise.recurrent.states import TRACING, recurrent_layers, replaced

keras = import_keras()
layers = keras.layers

# Below this many time steps a loop costs more than the code it saves: XLA's loop takes about a microsecond a turn on a
# CPU, as much as a small cell. GATEWISE_UNROLL=0 switches it off, to measure that again.
UNROLL_UP_TO = unroll_up_to()

# Up to this many units one activation of all four gates is cheaper than three of a gate each.
JOIN_GATES_UP_TO = 16

_ELEMENTWISE = {"sigmoid", "hard_sigmoid", "hard_sigmoid_keras2", "tanh", "relu", "linear"}


class Walks:
    """Put before ``keras.layers.RNN`` or a subclass of it, lets a layer be walked by `quick_loop` wherever it is called."""

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """See ``RNN.inner_loop`` of Keras."""
        plain_loop = super().inner_loop  # type: ignore[misc]
        return quick_loop(self, plain_loop, sequences, initial_state, mask, training)


_KNOWN_LOOPS = [kind.inner_loop for kind in (layers.RNN, layers.LSTM, layers.GRU, layers.SimpleRNN, Walks)]


@contextmanager
def quick_cells(model: Any) -> Iterator[None]:
    """While tracing: let the recurrent layers of a model be walked by `quick_loop`, unless a class has a loop of its own.

    What its Embeddings look up is noted, so that the walk knows of tokens.

    Args:
        model: A Keras model about to be traced.
    """
    with TRACING, noted(model), ExitStack() as stack:
        for layer in recurrent_layers(model):
            if loop_of_its_own(layer) is None:
                loop = partial(quick_loop, layer, partial(type(layer).inner_loop, layer))
                stack.enter_context(replaced(layer, inner_loop=loop))
        yield


def loop_of_its_own(layer: Any) -> str | None:
    """Return why nothing may take the place of a layer's loop: its class has written one. None where it has not."""
    return None if type(layer).inner_loop in _KNOWN_LOOPS else f"{type(layer).__name__} has a loop of its own"


def quick_loop(
    layer: Any,
    plain_loop: Callable[..., Any],
    sequences: Any,
    initial_state: Any,
    mask: Any,
    training: bool = False,
) -> Any:
    """Do what ``inner_loop`` of Keras does, in the way that suits.

    Args:
        layer: A ``keras.layers.RNN``.
        plain_loop: Keras's ``inner_loop``, bound to the layer.
        sequences: Inputs ``(batch, time, features)``.
        initial_state: States before the first step, each ``(batch, units)``.
        mask: Where steps count, ``(batch, time)``, or None.
        training: Whether dropout applies.

    Returns:
        The last output, all outputs, and the states after the last step, as Keras's ``inner_loop`` has them.
    """
    mask = mask[0] if keras.tree.is_nested(mask) else mask
    written_out = is_written_out(layer, sequences.shape[1], mask)
    if not written_out and why_not(layer, mask) is None:
        return walk_layer(layer, sequences, initial_state, mask, training)
    # What is replaced, another thread that calls this layer must not see.
    with TRACING, ExitStack() as stack:
        if written_out:
            stack.enter_context(replaced(layer, unroll=True))
        if _has_joinable_gates(layer.cell):
            stack.enter_context(replaced(layer.cell, _compute_carry_and_output_fused=_joined_gates(layer.cell)))
        return plain_loop(sequences, initial_state, mask, training=training)


def is_written_out(layer: Any, steps: int | None, mask: Any) -> bool:
    """Say whether a layer over so many steps is Keras's loop, written out."""
    if steps is None or steps > UNROLL_UP_TO:
        return False
    # Written out, Keras's loop has rules of its own for masks; and it stumbles over dropout of the input gate by gate.
    return mask is None and not (type(layer.cell) in CELLS and layer.cell.dropout and drops_gate_by_gate(layer.cell))


def _has_joinable_gates(cell: Any) -> bool:
    """Say whether a cell is a small LSTM with Keras's own equations, whose gates look at one number each."""
    if not isinstance(cell, layers.LSTMCell) or cell.units > JOIN_GATES_UP_TO:
        return False
    own = type(cell)._compute_carry_and_output_fused is not layers.LSTMCell._compute_carry_and_output_fused
    return not own and getattr(cell.recurrent_activation, "__name__", "") in _ELEMENTWISE


def _joined_gates(cell: Any) -> Any:
    """Return Keras's gate equations (i, f, c, o) with one activation of the whole row in place of three."""

    def carry_and_output(z: Any, carry: Any) -> Any:
        # Joined and cut again: XLA sees that this is the row it had, and the backward pass stays one piece as well.
        row = keras.ops.concatenate(z, axis=-1)
        gates = cell.recurrent_activation(row)
        candidate = cell.activation(row[..., 2 * cell.units : 3 * cell.units])
        input_gate, forget_gate, _, output_gate = keras.ops.split(gates, 4, axis=-1)
        return forget_gate * carry + input_gate * candidate, output_gate

    return carry_and_output
