"""Keras's recurrent layers walked by `paths`: which of them can be, and how their pieces translate."""

from typing import Any

import jax

from gatewise.backend import import_keras
from gatewise.recurrent import equations
from gatewise.recurrent.equations import Inputs, Weights
from gatewise.recurrent.paths import walk

keras = import_keras()
layers = keras.layers

_KERAS_LOOPS = [kind.inner_loop for kind in (layers.RNN, layers.LSTM, layers.GRU, layers.SimpleRNN)]

_LSTM, _GRU, _GRU_RESET_BEFORE, _SIMPLE_RNN = (
    equations.LSTM(),
    equations.GRU(),
    equations.GRUResetBefore(),
    equations.SimpleRNN(),
)


def why_not(layer: Any, mask: Any) -> str | None:
    """Return why a layer has to be walked by Keras's own loop, or None where `walk_layer` does the same.

    Args:
        layer: A built ``keras.layers.RNN``.
        mask: The mask of this call, or None.
    """
    cell = layer.cell
    if type(layer).inner_loop not in _KERAS_LOOPS:
        return f"{type(layer).__name__} has a loop of its own"
    if type(cell) not in (layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell):
        return f"the cell is a {type(cell).__name__}"
    gates = getattr(cell, "recurrent_activation", keras.activations.sigmoid)
    reasons = {
        "cuDNN has it": getattr(layer, "use_cudnn", False) and jax.default_backend() == "gpu",
        "the sequence is masked": mask is not None,
        "unroll=True": layer.unroll,
        "recurrent_dropout": cell.recurrent_dropout,
        "dropout with implementation=1, which draws a mask for each gate": (
            cell.dropout and getattr(cell, "implementation", 2) == 1
        ),
        f"the dtype policy {cell.dtype_policy.name}": (
            cell.compute_dtype not in ("float32", "float64") or cell.variable_dtype != cell.compute_dtype
        ),
        "activations other than tanh and sigmoid": (
            cell.activation is not keras.activations.tanh or gates is not keras.activations.sigmoid
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def walk_layer(layer: Any, sequences: Any, initial_state: Any, training: bool) -> tuple[Any, Any, list[Any]]:
    """Do what the layer's own ``inner_loop`` does.

    Args:
        layer: A layer of which `why_not` says None.
        sequences: Inputs ``(batch, time, features)``.
        initial_state: States before the first step, each ``(batch, units)``.
        training: Whether dropout applies.

    Returns:
        The last output ``(batch, units)``, all outputs ``(batch, time, units)`` (only the last one without
        ``return_sequences``), and the states after the last step.
    """
    cell = layer.cell
    if training and cell.dropout:
        # One mask for all steps, drawn where Keras draws it.
        sequences = sequences * keras.ops.expand_dims(cell.get_dropout_mask(sequences[:, 0, :]), 1)
    along = keras.ops.swapaxes(sequences, 0, 1)
    if layer.go_backwards:
        along = keras.ops.flip(along, axis=0)
    equation, input_bias, weights = _pieces(cell)
    inputs = Inputs(along, Weights(keras.ops.convert_to_tensor(cell.kernel), input_bias))
    states = tuple(initial_state) if keras.tree.is_nested(initial_state) else (initial_state,)
    outputs, states = walk(equation, "outputs" if layer.return_sequences else "last", inputs, weights, states)
    last = states[0]
    outputs = keras.ops.swapaxes(outputs[0], 0, 1) if outputs else keras.ops.expand_dims(last, 1)
    return last, outputs, list(states)


def equation_of(cell: Any) -> Any:
    """Return the equations of a cell that `why_not` has nothing against."""
    if type(cell) is layers.LSTMCell:
        return _LSTM
    if type(cell) is layers.SimpleRNNCell:
        return _SIMPLE_RNN
    return _GRU if cell.reset_after else _GRU_RESET_BEFORE


def _pieces(cell: Any) -> tuple[Any, Any, Weights]:
    """Return the equations of a cell, the bias that belongs to its input, and the weights of the recurrence."""
    equation = equation_of(cell)
    kernel = keras.ops.convert_to_tensor(cell.recurrent_kernel)
    bias = None if cell.bias is None else keras.ops.convert_to_tensor(cell.bias)
    if equation is _GRU and bias is not None:
        return equation, bias[0], Weights(kernel, bias[1])
    return equation, bias, Weights(kernel)
