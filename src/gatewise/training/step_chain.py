"""Which Keras models NumPy can step through, chains of the usual layers in float32, and their description for it."""

from typing import Any

from gatewise.backend import import_keras
from gatewise.recurrent import layers as quick_layers
from gatewise.stepping.operations import ACTIVATIONS, Layer
from gatewise.stepping.plan import NoChain, Plan, parts_of

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

_ACTIVATIONS = {getattr(keras.activations, name): name for name in ACTIVATIONS}


def plan(model: Any, batch_size: int) -> Plan:
    """Return the plan of a model's step, which follows the weights that the model has at each moment.

    Args:
        model: A built model with recurrent layers.
        batch_size: How many sequences are fed side by side.

    Raises:
        NoChain: It has to be compiled, with the reason.
    """
    chain, features = described(model)
    return Plan(parts_of(chain, features, batch_size), batch_size, gives_sequences(model))


def described(model: Any) -> tuple[list[Layer], int]:
    """Return the layers of a model in the order in which they are run, and how many numbers the first reads at a time step.

    Args:
        model: A built model with recurrent layers and one input.

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
    found = [
        _described(_each_step(layer), first=number == 0)
        for number, layer in enumerate(chain)
        if type(layer) not in _NOTHING
    ]
    return found, 0 if words else tensor.shape[-1]


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


def _described(layer: Any, first: bool) -> Layer:
    """Return a layer as plain data with its variables, or say why NumPy does not step through it."""
    kind = _kind(layer, first)
    if kind is None:
        raise NoChain(f"layer {layer.name!r} is a {type(layer).__name__}")
    reason = _why_not(layer)
    if reason is not None:
        raise NoChain(f"layer {layer.name!r} {reason}")
    if kind == "Activation":
        return Layer(kind, 0, _ACTIVATIONS[layer.activation])
    if kind == "Embedding":
        return Layer(kind, layer.output_dim, weights=(layer.embeddings,))
    inner = getattr(layer, "cell", layer)
    weights = (inner.kernel, getattr(inner, "recurrent_kernel", None), inner.bias)
    return Layer(
        kind, inner.units, _ACTIVATIONS[inner.activation], tuple(weight for weight in weights if weight is not None)
    )


def _kind(layer: Any, first: bool) -> str | None:
    """Return the kind of a layer, as `Layer` has it."""
    if type(layer) in _RECURRENT:
        if type(layer.cell) is layers.GRUCell:
            return "GRU" if layer.cell.reset_after else "GRU, reset before"
        return {layers.LSTMCell: "LSTM", layers.SimpleRNNCell: "SimpleRNN"}.get(type(layer.cell))
    if type(layer) is layers.Embedding:
        return "Embedding" if first else None
    return {layers.Dense: "Dense", layers.Activation: "Activation"}.get(type(layer))


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
        f"has the activation {getattr(activation, '__name__', activation)}": activation not in _ACTIVATIONS,
        f"has the recurrent_activation {getattr(gates, '__name__', gates)}": gates is not keras.activations.sigmoid,
        "gives its state, too": getattr(layer, "return_state", False),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
