"""Which models and runs a kernel can train: their networks, or a sentence about what it does not know."""

from typing import Any

import numpy as np

from gatewise.backend import import_keras
from gatewise.recurrent.activations import hard_sigmoid_keras2
from gatewise.recurrent.layers import OURS
from gatewise.training.data import Data
from gatewise.training.pinball import Pinball
from gatewise.training.small_ensembles.network import Layer, Network, Update
from gatewise.training.state import model_variables

keras = import_keras()

MOST_UNITS = 32
# What `keras.Model(inputs, outputs)` makes.
_FUNCTIONAL = type(keras.Sequential([keras.Input((1,)), keras.layers.Flatten()])._functional)
_SLOPES = {keras.activations.sigmoid: None, hard_sigmoid_keras2: 0.2}
_CELLS = {keras.layers.LSTM: "lstm", keras.layers.GRU: "gru", keras.layers.SimpleRNN: "simple"}
_CELLS |= {OURS[kind]: name for kind, name in _CELLS.items()}
_LOSSES = {
    "mse": (keras.losses.mean_squared_error, keras.losses.MeanSquaredError, ("mse", "MSE", "mean_squared_error")),
    "mae": (keras.losses.mean_absolute_error, keras.losses.MeanAbsoluteError, ("mae", "MAE", "mean_absolute_error")),
}


class Unknown(Exception):
    """What of a model or a run no kernel knows, as the end of a sentence."""


def network_of(model: Any, data: Data, plan: Any) -> Network:
    """Return the network that a kernel would be written for.

    Args:
        model: A compiled model, its metrics built.
        data: The rows.
        plan: The run's plan.

    Raises:
        Unknown: With what no kernel knows.
    """
    *recurrent, head = _chain(model)
    if not recurrent or type(head) is not keras.layers.Dense:
        raise Unknown("the model is no chain of LSTM, GRU or SimpleRNN layers with a Dense layer at its end")
    _check_values(model)
    if others := [layer for layer in recurrent if type(layer) not in _CELLS]:
        raise Unknown(f"{others[0].name} is a {type(others[0]).__name__} layer")
    layers = tuple(_layer(layer, last=layer is recurrent[-1]) for layer in recurrent)
    if head.activation is not keras.activations.linear or not head.use_bias or head.activity_regularizer is not None:
        raise Unknown(f"{head.name} has an activation, a penalty or no bias")
    if len(model.metrics_variables) != 2:
        raise Unknown("the model has metrics besides its loss")
    loss, levels = _loss(model)
    targets = 1 if len(levels) > 1 else head.units
    return Network(
        layers=layers,
        time=_time(data, targets, 1 if plan.member_data else 0),
        outputs=head.units,
        loss=loss,
        update=_update(model.optimizer),
        alone=plan.steps.batch == 1,
        carries=plan.reset_states != "batch",
        shuffled=plan.shuffle,
        member_data=plan.member_data,
        weighted=data.weight is not None,
        levels=levels,
    )


def _chain(model: Any) -> list[Any]:
    """Return the layers of a model that is a single chain of layers, from the input up."""
    if type(model) not in (keras.Sequential, _FUNCTIONAL):
        raise Unknown(f"the model is of a class of its own, {type(model).__name__}")
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    single = len(model.inputs) == len(model.outputs) == 1
    for layer in layers:
        single &= len(layer._inbound_nodes) >= 1 and len(layer._inbound_nodes[-1].input_tensors) == 1
        single &= len(layer._inbound_nodes[-1].outputs) == 1
    if not single or not layers:
        raise Unknown("the model is no chain of layers")
    read = [layer._inbound_nodes[-1].input_tensors[0] for layer in layers]
    given = [layer._inbound_nodes[-1].outputs[0] for layer in layers]
    ends = read[0] is model.inputs[0] and given[-1] is model.outputs[0]
    if not ends or any(one is not other for one, other in zip(given[:-1], read[1:], strict=True)):
        raise Unknown("the model is no chain of layers")
    return layers


def _check_values(model: Any) -> None:
    if any(not variable.trainable for variable in model.weights if "seed" not in variable.path):
        raise Unknown("a layer is frozen")
    if any(str(variable.dtype) != "float32" for variable in model.trainable_variables):
        raise Unknown("its weights are not float32")
    if model.losses or any(variable.constraint is not None for variable in model.trainable_variables):
        raise Unknown("it has penalties or constraints on its weights")
    if any(variable.regularizer is not None for variable in model.trainable_variables):
        raise Unknown("it has penalties on its weights")


def _layer(layer: Any, last: bool) -> Layer:
    name = layer.name
    cell, inner = _CELLS[type(layer)], layer.cell
    gates = getattr(inner, "recurrent_activation", keras.activations.sigmoid)
    reasons = {
        f"{name} has more than {MOST_UNITS} units": layer.units > MOST_UNITS,
        f"{name} has dropout": inner.dropout or inner.recurrent_dropout,
        f"{name} has other activations": inner.activation is not keras.activations.tanh or gates not in _SLOPES,
        f"{name} has no bias": not inner.use_bias,
        f"{name} reads its input backwards, or returns its state": layer.go_backwards or layer.return_state,
        f"{name} returns {'every step' if last else 'only its last step'}": layer.return_sequences == last,
        f"{name} has a penalty on its outputs": layer.activity_regularizer is not None,
        f"{name} has the dtype policy {inner.dtype_policy.name}": inner.dtype_policy.name != "float32",
    }
    found = next((reason for reason, holds in reasons.items() if holds), None)
    if found is not None:
        raise Unknown(found)
    if cell == "gru" and not inner.reset_after:
        cell = "gru_before"
    return Layer(cell, int(inner.kernel.shape[0]), layer.units, _SLOPES[gates], bool(layer.stateful))


def _loss(model: Any) -> tuple[str, tuple[float, ...]]:
    """Return which loss a model was compiled with, with the mean over rows and outputs that is Keras's default, and levels."""
    loss = model._compile_loss._user_loss
    if model._compile_loss._user_loss_weights is not None:
        raise Unknown("its loss has a weight")
    for name, (function, kind, names) in _LOSSES.items():
        if loss is function or _is_plain(loss, kind) or (isinstance(loss, str) and loss in names):
            return name, ()
    if _is_plain(loss, Pinball):
        return "pinball", (loss.levels,) if isinstance(loss.levels, float) else loss.levels
    raise Unknown("its loss is not mse, mae or Pinball")


def _is_plain(loss: Any, kind: Any) -> bool:
    return type(loss) is kind and loss.reduction == "sum_over_batch_size" and loss.dtype == "float32"


def _update(optimizer: Any) -> Update:
    options = ("clipnorm", "clipvalue", "global_clipnorm", "weight_decay", "use_ema", "gradient_accumulation_steps")
    if used := [name for name in (*options, "loss_scale_factor") if getattr(optimizer, name, None)]:
        raise Unknown(f"its optimizer has {used[0]}")
    if not isinstance(getattr(optimizer, "_learning_rate", None), keras.Variable):
        raise Unknown("its learning rate is a schedule")
    if type(optimizer) is keras.optimizers.Adam:
        if optimizer.amsgrad:
            raise Unknown("its optimizer is Adam with amsgrad")
        return Update("adam", 2, float(optimizer.beta_1), float(optimizer.beta_2), float(optimizer.epsilon))
    if type(optimizer) is keras.optimizers.SGD:
        momentum = float(optimizer.momentum)
        return Update("sgd", 1 if momentum else 0, momentum, nesterov=bool(optimizer.nesterov and momentum))
    raise Unknown(f"its optimizer is {type(optimizer).__name__}")


def _time(data: Data, targets: int, axis: int) -> int:
    if data.lengths is not None or data.span is not None:
        raise Unknown("rows have lengths of their own")
    arrays = [array for array in (data.x, data.y, data.weight) if array is not None]
    if data.y is None or not all(isinstance(array, np.ndarray) for array in arrays):
        raise Unknown("x, y and sample_weight are not one array each")
    if any(array.dtype != "float32" for array in arrays):
        raise Unknown("x, y or sample_weight is not float32")
    if data.x.ndim != axis + 3:
        raise Unknown(f"x has the shape {data.x.shape}")
    found = data.y.shape[axis + 1 :]
    if found != (targets,) and not (found == () and targets == 1):
        raise Unknown(f"y has the shape {data.y.shape}")
    if data.weight is not None and data.weight.ndim != axis + 1:
        raise Unknown(f"sample_weight has the shape {data.weight.shape}")
    return int(data.x.shape[axis + 1])


def positions(model: Any) -> dict[str, Any]:
    """Return where the numbers of a network are among the values of its model, as `calls.Kernel` wants to know it."""
    optimizer, variables = model.optimizer, model_variables(model)
    order = [v for layer in _chain(model) for v in _weights(layer)]
    places = {id(variable): position for position, variable in enumerate(variables.trainable)}
    slots = {id(variable): position for position, variable in enumerate(variables.optimizer)}
    weights = tuple(places[id(variable)] for variable in order)
    if type(optimizer) is keras.optimizers.Adam:
        groups = [optimizer._momentums, optimizer._velocities]
    else:
        groups = [optimizer.momentums] if float(optimizer.momentum) else []
    return {
        "weights": weights,
        "slots": tuple(tuple(slots[id(group[place])] for place in weights) for group in groups),
        "iterations": slots[id(optimizer.iterations)],
        "rate": slots[id(optimizer._learning_rate)],
    }


def _weights(layer: Any) -> list[Any]:
    if isinstance(layer, keras.layers.Dense):
        return [layer.kernel, layer.bias]
    return [layer.cell.kernel, layer.cell.recurrent_kernel, layer.cell.bias]
