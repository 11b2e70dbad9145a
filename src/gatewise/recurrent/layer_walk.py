"""Keras's recurrent layers walked by `paths`: which of them can be, and how their pieces translate."""

from functools import partial
from typing import Any

import jax

from gatewise.backend import import_keras, kernels_wanted
from gatewise.recurrent import equations
from gatewise.recurrent.activations import hard_sigmoid_keras2
from gatewise.recurrent.equations import Inputs, Weights
from gatewise.recurrent.pads import beginning_of, walk_from_pads, worth_sharing
from gatewise.recurrent.paths import extent_of, walk
from gatewise.recurrent.scans import Returns

keras = import_keras()
layers, ops = keras.layers, keras.ops

CELLS = (layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell)

_LSTM, _GRU, _GRU_RESET_BEFORE, _SIMPLE_RNN = (
    equations.LSTM(),
    equations.GRU(),
    equations.GRUResetBefore(),
    equations.SimpleRNN(),
)


# Gates that equations describe. Only the first are walked by `walk_layer`: Keras's loop is as quick with the others.
_GATES: dict[Any, type[equations.Sigmoid]] = {
    keras.activations.sigmoid: equations.Sigmoid,
    keras.activations.hard_sigmoid: equations.HardSigmoid,
    hard_sigmoid_keras2: equations.HardSigmoidKeras2,
}


def why_not(layer: Any, mask: Any, hard_gates: bool = False) -> str | None:
    """Return why a layer has to be walked by Keras's own loop, or None where `walk_layer` does the same.

    Args:
        layer: A built ``keras.layers.RNN``.
        mask: The mask of this call, or None.
        hard_gates: Whether gates may be hard sigmoids as well, as for somebody who only needs `pieces`.
    """
    cell = layer.cell
    if type(cell) not in CELLS:
        return f"the cell is a {type(cell).__name__}"
    gates = getattr(cell, "recurrent_activation", keras.activations.sigmoid)
    cudnn = getattr(layer, "use_cudnn", False)
    reasons = {
        "cuDNN has it": cudnn and jax.default_backend() == "gpu",
        "use_cudnn=True": cudnn is True,
        "unroll=True with a mask, where Keras's loop has rules of its own": layer.unroll and mask is not None,
        "a mask for something else than time steps": mask is not None and len(mask.shape) != 2,
        "all of the input is dropped": max(cell.dropout, cell.recurrent_dropout) >= 1,
        f"the dtype policy {cell.dtype_policy.name}": (
            cell.compute_dtype not in ("float32", "float64") or cell.variable_dtype != cell.compute_dtype
        ),
        "another dtype policy than that of its cell": layer.compute_dtype != cell.compute_dtype,
        "activations other than tanh and sigmoid": (
            cell.activation is not keras.activations.tanh
            or not (gates in _GATES if hard_gates else gates is keras.activations.sigmoid)
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def walk_layer(layer: Any, sequences: Any, initial_state: Any, mask: Any, training: bool) -> tuple[Any, Any, list[Any]]:
    """Do what the layer's own ``inner_loop`` does.

    Args:
        layer: A layer of which `why_not` says None.
        sequences: Inputs ``(batch, time, features)``.
        initial_state: States before the first step, each ``(batch, units)``.
        mask: Where steps count, ``(batch, time)``, or None.
        training: Whether dropout applies.

    Returns:
        The last output ``(batch, units)``, all outputs ``(batch, time, units)`` (only the last one without
        ``return_sequences``), and the states after the last step.
    """
    equation, inputs, weights = pieces(layer, sequences, mask, training)
    states = tuple(initial_state) if keras.tree.is_nested(initial_state) else (initial_state,)
    returns: Returns = "outputs" if layer.return_sequences else "last"
    beginning = beginning_of(layer, sequences, initial_state, mask, training)
    traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((inputs, weights, states)))
    extent = extent_of(equation, inputs.sequence.shape, *weights.kernel.shape)
    if beginning is not None and worth_sharing(equation, extent, layer.cell.compute_dtype):
        along, states = walk_from_pads(equation, returns, inputs, weights, states, beginning)
    elif traced:
        along, states = walk(equation, returns, inputs, weights, states)
    else:
        along, states = _compiled_walk(equation, returns, kernels_wanted(), inputs, weights, states)
    last, outputs = states[0], along[0] if along else None
    if layer.zero_output_for_mask and inputs.mask is not None:
        last = ops.where(inputs.mask[-1][:, None], last, 0)
        outputs = None if outputs is None else ops.where(inputs.mask[..., None], outputs, 0)
    outputs = ops.expand_dims(last, 1) if outputs is None else ops.swapaxes(outputs, 0, 1)
    return last, outputs, list(states)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _compiled_walk(cell: Any, returns: Returns, _: bool, *given: Any) -> Any:
    """Walk outside of any trace, where JAX would otherwise compile the loop anew in each call.

    What has a say in the way that is taken, and is no array, is an argument as well.
    """
    return walk(cell, returns, *given)


def equation_of(cell: Any) -> Any:
    """Return the equations of a cell that `why_not` has nothing against."""
    if type(cell) is layers.SimpleRNNCell:
        return _SIMPLE_RNN
    found: Any = _LSTM
    if type(cell) is layers.GRUCell:
        found = _GRU if cell.reset_after else _GRU_RESET_BEFORE
    gates: Any = _GATES[cell.recurrent_activation]
    return found if gates is equations.Sigmoid else equations.with_gates(found, gates)


def drops_gate_by_gate(cell: Any) -> bool:
    """Say whether a cell of `CELLS` draws its dropout for each gate, and not once for all of them."""
    return bool(cell.dropout or cell.recurrent_dropout) and getattr(cell, "implementation", 2) == 1


def pieces(layer: Any, sequences: Any, mask: Any, training: bool) -> tuple[Any, Inputs, Weights]:
    """Return the equations of a layer, what its walk gets from outside, and the weights of the recurrence."""
    cell = layer.cell
    dropout, recurrent_dropout = _factors(cell, sequences) if training else (None, None)
    if dropout is not None and not isinstance(dropout, list):
        sequences, dropout = sequences * ops.expand_dims(dropout, 1), None
    # Keras's order is (batch, time, features).
    along = ops.swapaxes(sequences, 0, 1)
    mask = None if mask is None else ops.swapaxes(ops.cast(mask, "bool"), 0, 1)
    if layer.go_backwards:
        along = ops.flip(along, axis=0)
        mask = None if mask is None else ops.flip(mask, axis=0)
    kernel, recurrent_kernel = (ops.convert_to_tensor(array) for array in (cell.kernel, cell.recurrent_kernel))
    bias, recurrent_bias = None if cell.bias is None else ops.convert_to_tensor(cell.bias), None
    equation = equation_of(cell)
    if isinstance(equation, equations.GRU) and bias is not None:
        bias, recurrent_bias = bias[0], bias[1]
    inputs = Inputs(along, Weights(kernel, bias, _stacked(dropout)), mask)
    return equation, inputs, Weights(recurrent_kernel, recurrent_bias, _stacked(recurrent_dropout))


def _factors(cell: Any, sequences: Any) -> tuple[Any, Any]:
    """Return the dropout of inputs and states as the layer has drawn it: ``(batch, features)``, or a list, one a gate."""
    states = ops.zeros((sequences.shape[0], cell.units), cell.compute_dtype)
    dropout = cell.get_dropout_mask(sequences[:, 0, :]) if cell.dropout else None
    return dropout, cell.get_recurrent_dropout_mask(states) if cell.recurrent_dropout else None


def _stacked(factors: Any) -> Any:
    """Return dropout as `Weights` has it, ``(gates, batch, features)``."""
    if factors is None:
        return None
    return ops.stack(factors) if isinstance(factors, list) else ops.expand_dims(factors, 0)
