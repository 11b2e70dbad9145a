"""Recurrent state in Keras models: where it is, how to reset it, how to lend a layer another one.

Keras creates the state of ``stateful=True`` layers outside of its variable tracking, so no list of a model's
variables holds it, and Keras on JAX forgets it in ``fit``, ``predict`` and ``evaluate``. Here it is found by walking
the layers, and every program of gatewise carries it like any other variable.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from gatewise.backend import import_keras
from gatewise.errors import UsageError

keras = import_keras()

# Held while a model is traced, and while somebody asks for its states: what is lent to the layers meanwhile is not theirs.
TRACING = threading.RLock()

# Where a model keeps the states that it carries at batch sizes other than the one it was built with.
_OTHER_SIZES = "_gatewise_states"


def recurrent_layers(model: Any) -> list[Any]:
    """Return every recurrent layer of a model in the order of its weights, both halves of a Bidirectional included."""
    # Keras's own _flatten_layers turns the order of nested layers round: backward before forward, last before first.
    found: dict[int, Any] = {}
    waiting = [model]
    while waiting:
        layer = waiting.pop()
        if id(layer) not in found:
            found[id(layer)] = layer
            waiting.extend(reversed(layer._layers))
    return [layer for layer in found.values() if isinstance(layer, keras.layers.RNN)]


def is_stateful(model: Any) -> bool:
    """Say whether any layer of the model carries its state from batch to batch."""
    with TRACING:
        return any(layer.stateful for layer in recurrent_layers(model))


def layer_states(layer: Any) -> list[Any]:
    """Return the state variables of one recurrent layer as a flat list; empty where it has none yet."""
    return [] if layer.states is None else list(keras.tree.flatten(layer.states))


def state_variables(model: Any) -> list[Any]:
    """Return the state variables of a model's stateful layers, in layer order.

    For an LSTM that is ``h`` then ``c``, for a GRU or a plain RNN ``h``; each ``(batch, units)``.
    """
    with TRACING:
        return [state for layer in recurrent_layers(model) if layer.stateful for state in layer_states(layer)]


def reset_states(model: Any) -> None:
    """Set the carried state of every stateful layer to zero.

    Args:
        model: A built Keras model.

    Raises:
        UsageError: It is no model, or no layer of it is stateful.
    """
    if not isinstance(model, keras.Model):
        own = hasattr(model, "reset_states")
        remedy = "use its own reset_states()" if own else "pass a model, such as a keras.Sequential"
        raise UsageError(
            f"A keras.Model is needed, and the type of what was passed is {type(model).__name__}: {remedy}."
        )
    if not is_stateful(model):
        raise UsageError(
            f"Model {model.name!r} has no stateful layer, so there is no state to reset: build the recurrent layers "
            "with stateful=True, or use gw.stream, which carries the state of any recurrent model."
        )
    others = model.__dict__.get(_OTHER_SIZES, {})
    for variable in [*state_variables(model), *keras.tree.flatten(list(others.values()))]:
        variable.assign(keras.ops.zeros_like(variable.value))


def fresh_states(layer: Any, batch_size: int) -> Any:
    """Return new state variables for `layer`, all zero, each ``(batch_size, units)``, nested as the layer wants them."""
    return keras.tree.map_structure(
        lambda zeros: keras.Variable(zeros, trainable=False, dtype=layer.variable_dtype, name="rnn_state"),
        layer.get_initial_state(batch_size),
    )


def states_for(model: Any, batch_size: int) -> list[Any]:
    """Return the states that a stateful model carries at some batch size, one entry a recurrent layer.

    At the batch size it was built with these are the layers' own; at any other they are kept beside them, zero at first.
    An entry is nested as the layer wants it, or None for a layer that forgets.
    """
    layers = recurrent_layers(model)
    with TRACING:
        if all(_rows(layer) in (None, batch_size) for layer in layers):
            return [layer.states if layer.stateful else None for layer in layers]
        others = model.__dict__.setdefault(_OTHER_SIZES, {})
        if batch_size not in others:
            others[batch_size] = [fresh_states(layer, batch_size) if layer.stateful else None for layer in layers]
        return others[batch_size]


def state_rows(model: Any) -> int | None:
    """Return for how many rows a stateful model carries its state; None for a model that forgets."""
    with TRACING:
        return next((rows for layer in recurrent_layers(model) if (rows := _rows(layer)) is not None), None)


def _rows(layer: Any) -> int | None:
    return int(layer_states(layer)[0].shape[0]) if layer.stateful and layer.states is not None else None


@contextmanager
def replaced(layer: Any, **attributes: Any) -> Iterator[None]:
    """Give a layer other attributes for a while, past Keras's tracking (which would make variables of them)."""
    absent = object()
    before = {name: layer.__dict__.get(name, absent) for name in attributes}
    layer.__dict__.update(attributes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is absent:
                del layer.__dict__[name]
            else:
                layer.__dict__[name] = value


@contextmanager
def lent_states(model: Any, states: Sequence[Any]) -> Iterator[None]:
    """Let every recurrent layer of a model carry the given states, whatever its own batch size or ``stateful``.

    Args:
        model: A built Keras model.
        states: One entry a recurrent layer, in the order of `recurrent_layers`: nested variables as `fresh_states`
            makes them, or None for a layer that is to forget.
    """
    with TRACING, ExitStack() as stack:
        for layer, state in zip(recurrent_layers(model), states, strict=True):
            stack.enter_context(replaced(layer, states=state, stateful=state is not None, _expected_batch_size=None))
        yield
