"""Recurrent layers traced so that they become a quicker program: same numbers, other shape of the program.

A compiled program runs a small cell call by call, and each call costs more than its work: what counts is how many there
are. A larger cell over a long sequence spends its time on the gradient of its kernel: `scans` has a walk back of its own.
All is changed while a model is traced, on the layers themselves and only for that while.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from gatewise.backend import import_keras, unroll_up_to
from gatewise.recurrent.layer_walk import walk_layer, why_not
from gatewise.recurrent.states import TRACING, recurrent_layers, replaced

keras = import_keras()

# Below this many time steps a loop costs more than the code it saves: XLA's loop takes about a microsecond a turn on a
# CPU, as much as a small cell. GATEWISE_UNROLL=0 switches it off, to measure that again.
UNROLL_UP_TO = unroll_up_to()

# Up to this many units one activation of all four gates is cheaper than three of a gate each.
JOIN_GATES_UP_TO = 16

_ELEMENTWISE = {"sigmoid", "hard_sigmoid", "hard_sigmoid_keras2", "tanh", "relu", "linear"}


@contextmanager
def quick_cells(model: Any) -> Iterator[None]:
    """While tracing: write short time loops out, walk the long ones by `scans`, and join the gates of small cells.

    Args:
        model: A Keras model about to be traced.
    """
    with TRACING, ExitStack() as stack:
        for layer in recurrent_layers(model):
            stack.enter_context(replaced(layer, inner_loop=_quick_loop(layer)))
            if _has_joinable_gates(layer.cell):
                stack.enter_context(replaced(layer.cell, _compute_carry_and_output_fused=_joined_gates(layer.cell)))
        yield


def _has_joinable_gates(cell: Any) -> bool:
    """Say whether a cell is a small LSTM with Keras's own equations, whose gates look at one number each."""
    if not isinstance(cell, keras.layers.LSTMCell) or cell.units > JOIN_GATES_UP_TO:
        return False
    own = type(cell)._compute_carry_and_output_fused is not keras.layers.LSTMCell._compute_carry_and_output_fused
    return not own and getattr(cell.recurrent_activation, "__name__", "") in _ELEMENTWISE


def _quick_loop(layer: Any) -> Any:
    plain_loop = type(layer).inner_loop

    def inner_loop(sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        steps = sequences.shape[1]
        if steps is not None and steps <= UNROLL_UP_TO:
            with replaced(layer, unroll=True):
                return plain_loop(layer, sequences, initial_state, mask, training=training)
        if why_not(layer, mask) is None:
            return walk_layer(layer, sequences, initial_state, training)
        return plain_loop(layer, sequences, initial_state, mask, training=training)

    return inner_loop


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
