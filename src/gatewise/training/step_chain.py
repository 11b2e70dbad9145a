"""Which models can be stepped through by NumPy: chains of the usual layers, in float32."""

from typing import Any

from gatewise.backend import import_keras
from gatewise.recurrent import layers as quick_layers
from gatewise.training import step_cells, step_operations
from gatewise.training.step_operations import ACTIVATIONS, Part

keras = import_keras()
layers = keras.layers

# What they do in training only.
_NOTHING = {
    layers.Dropout,
    layers.SpatialDropout1D,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.AlphaDropout,
    layers.ActivityRegularization,
    layers.Identity,
}
_KERAS = {layers.LSTM, layers.GRU, layers.SimpleRNN, layers.RNN}
_RECURRENT = _KERAS | {quick_layers.LSTM, quick_layers.GRU, quick_layers.SimpleRNN, quick_layers.RNN}

# A step with more multiplications in its matrix products than this is compiled. The largest that benchmarks/latency.py
# times, an LSTM(1024) with 4.2 million, is still faster in NumPy; nothing above it was measured.
MOST_MULTIPLICATIONS = 5_000_000


class NoChain(Exception):
    """Why a model is no chain of layers that NumPy steps through."""


def parts_of(model: Any, batch_size: int) -> list[Part]:
    """Return the layers of a model as parts of a step, in the order in which they are run.

    Args:
        model: A built model with recurrent layers and one input.
        batch_size: How many sequences are fed side by side.

    Raises:
        NoChain: With the reason why its steps have to be compiled.
    """
    chain = _chain(model)
    (tensor,) = model.inputs
    words = bool(chain) and type(chain[0]) is layers.Embedding
    if len(tensor.shape) != (2 if words else 3):
        raise NoChain(f"its input has the shape {tuple(tensor.shape)}")
    if not words and tensor.dtype != "float32":
        raise NoChain(f"its input has the type {tensor.dtype}")
    parts: list[Part] = []
    features = 0 if words else tensor.shape[-1]
    for number, layer in enumerate(chain):
        if type(layer) not in _NOTHING:
            parts.append(_part(_each_step(layer), features, first=number == 0))
            features = parts[-1].units
    multiplications = batch_size * sum(part.multiplications for part in parts)
    if multiplications > MOST_MULTIPLICATIONS:
        raise NoChain(f"{multiplications:,} multiplications a step, above {MOST_MULTIPLICATIONS:,}")
    return parts


def gives_sequences(model: Any) -> bool:
    """Say whether the output of a chain has a time axis."""
    return len(model.outputs[0].shape) == 3


def _chain(model: Any) -> list[Any]:
    """Return the layers from the input to the output of a model in which each reads what the one before gives."""
    from keras.src.models.functional import Functional

    if type(model).call not in (keras.Sequential.call, Functional.call) or not getattr(model, "inputs", None):
        raise NoChain(f"{model.name!r} is a {type(model).__name__}")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise NoChain(f"{model.name!r} has {len(model.inputs)} inputs and {len(model.outputs)} outputs")
    if keras.tree.is_nested(_structure(model)):
        raise NoChain(f"{model.name!r} gives its output in a nest")
    found: list[Any] = []
    tensor = model.outputs[0]
    while tensor is not model.inputs[0]:
        layer, index, _ = tensor._keras_history
        node = layer._inbound_nodes[index]
        given = [*node.arguments.args, *node.arguments.kwargs.values()]
        # No mask, no initial states.
        if sum(one is not None and one is not False for one in given) != 1 or len(node.input_tensors) != 1:
            raise NoChain(f"layer {layer.name!r} is called with more than one tensor, or with training=True")
        if len(node.outputs) != 1:
            raise NoChain(f"layer {layer.name!r} gives several tensors")
        if layer in found:
            raise NoChain(f"layer {layer.name!r} is called twice")
        found.append(layer)
        (tensor,) = node.input_tensors
    flat: list[Any] = []
    for layer in reversed(found):
        flat += _chain(layer) if isinstance(layer, keras.Model) else [layer]
    return flat


def _structure(model: Any) -> Any:
    """Return the nest in which a model gives its outputs."""
    return (getattr(model, "_functional", None) or model)._outputs_struct


def _each_step(layer: Any) -> Any:
    """Return what a TimeDistributed does with every time step; any other layer itself."""
    distributed = type(layer) is layers.TimeDistributed and type(layer.layer) in (layers.Dense, layers.Activation)
    return layer.layer if distributed else layer


def _part(layer: Any, features: int, first: bool) -> Part:
    """Return a layer as a part of a step, or say why it is none."""
    kind = _kind(layer, first)
    if kind is None:
        raise NoChain(f"layer {layer.name!r} is a {type(layer).__name__}")
    reason = _why_not(layer)
    if reason is not None:
        raise NoChain(f"layer {layer.name!r} {reason}")
    return kind(layer, features)


def _kind(layer: Any, first: bool) -> type[Part] | None:
    if type(layer) in _RECURRENT:
        if type(layer.cell) is layers.GRUCell:
            return step_cells.GRU if layer.cell.reset_after else step_cells.GRUResetBefore
        cells = {layers.LSTMCell: step_cells.LSTM, layers.SimpleRNNCell: step_cells.SimpleRNN}
        return cells.get(type(layer.cell))
    if type(layer) is layers.Embedding:
        return step_operations.Embedding if first else None
    return {layers.Dense: step_operations.Dense, layers.Activation: step_operations.Activation}.get(type(layer))


def _why_not(layer: Any) -> str | None:
    """Return what a layer of a known kind has that the operations do not know, or None."""
    inner = getattr(layer, "cell", layer)
    activation = getattr(inner, "activation", keras.activations.linear)
    gates = getattr(inner, "recurrent_activation", keras.activations.sigmoid)
    reasons = {
        f"has the dtype policy {inner.dtype_policy.name}": (inner.compute_dtype, inner.variable_dtype)
        != ("float32", "float32"),
        "is quantized or has LoRA weights": getattr(layer, "quantization_mode", None)
        or getattr(layer, "lora_enabled", False),
        "masks its input": getattr(layer, "mask_zero", False),
        f"has the activation {getattr(activation, '__name__', activation)}": activation not in ACTIVATIONS,
        f"has the recurrent_activation {getattr(gates, '__name__', gates)}": gates is not keras.activations.sigmoid,
        "gives its state, too": getattr(layer, "return_state", False),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
