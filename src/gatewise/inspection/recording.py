"""Recurrent layers that keep what they compute: their walks are run as ever, and gates and states are kept besides.

The equations are those of `gatewise.recurrent`, walked by `scans.forward`, which the walk back of a training needs anyway: it
returns what each step has computed. Nothing is computed a second time, and no cell is written a second time.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gatewise.backend import import_keras
from gatewise.errors import UsageError
from gatewise.recurrent.equations import Weights
from gatewise.recurrent.layer_walk import pieces, why_not
from gatewise.recurrent.quick import loop_of_its_own
from gatewise.recurrent.scans import before, forward
from gatewise.recurrent.states import recurrent_layers, replaced

keras = import_keras()
layers, ops = keras.layers, keras.ops

# What `step` of each cell keeps, by name; what is no gate is None.
_KEPT: dict[str, tuple[str | None, ...]] = {
    "LSTM": ("input", "forget", "cell", "output", None, None),
    "GRU": ("update", "reset", "candidate", None),
    "GRUResetBefore": ("update", "reset", "candidate"),
    "SimpleRNN": (),
}
# The gates of each kind of layer in Keras's order, and the states.
GATES = {
    "LSTM": ("input", "forget", "cell", "output"),
    "GRU": ("update", "reset", "candidate"),
    "SimpleRNN": (),
}
STATES = {"LSTM": ("h", "c"), "GRU": ("h",), "SimpleRNN": ("h",)}


class Walk(NamedTuple):
    """What a layer has computed; arrays ``(time, batch, units)`` in the order in which it walked.

    Attributes:
        gates: By name, in Keras's order.
        states: ``h``, and for an LSTM ``c``, after each step.
        saved: All that the cell kept, for its derivative.
        mask: Where steps counted, ``(time, batch)``, or None.
        weights: Those of the recurrence.
        first: The states before the first step.
    """

    gates: dict[str, Any]
    states: dict[str, Any]
    saved: Any
    mask: Any
    weights: Weights
    first: Any


class Place(NamedTuple):
    """A recurrent layer of a model.

    Attributes:
        layer: The layer.
        name: The name that the user knows, of a half of a Bidirectional with its direction.
        kind: LSTM, GRU or SimpleRNN.
        backwards: Whether it reads its sequence from the end.
    """

    layer: Any
    name: str
    kind: str
    backwards: bool


def places(model: Any) -> list[Place]:
    """Return the recurrent layers of a model in the order of its weights, each with a name.

    Raises:
        UsageError: There is none, or one that gatewise's equations do not describe.
    """
    names = {}
    for layer in model._flatten_layers():
        if isinstance(layer, layers.Bidirectional):
            names[id(layer.forward_layer)] = f"{layer.name}, forward"
            names[id(layer.backward_layer)] = f"{layer.name}, backward"
    found = []
    for layer in recurrent_layers(model):
        reason = loop_of_its_own(layer) or why_not(layer, None, hard_gates=True)
        if reason is not None:
            raise UsageError(
                f"Layer {layer.name!r} cannot be looked into ({reason}): inspect shows LSTM, GRU and SimpleRNN with "
                "tanh, and gates with sigmoid or hard sigmoid."
            )
        kind = type(layer.cell).__name__.removesuffix("Cell")
        found.append(Place(layer, names.get(id(layer), layer.name), kind, bool(layer.go_backwards)))
    if not found:
        raise UsageError(
            f"Model {model.name!r} has no recurrent layer, so there are no gates to look into: give a model with an LSTM, a "
            "GRU or a SimpleRNN."
        )
    return found


class Silenced:
    """A cell, the output of some of whose units is held at zero.

    Args:
        cell: The equations.
        kept: 0 for the units that are silenced and 1 for the others, ``(batch, units)``.
    """

    def __init__(self, cell: Any, kept: Any) -> None:
        self.cell = cell
        self.kept = kept

    def step(self, weights: Weights, states: Any, x: Any) -> tuple[Any, Any]:
        """See `Cell.step`."""
        (output, *others), saved = self.cell.step(weights, states, x)
        return (output * self.kept, *others), saved


@contextmanager
def recording(model: Any, walks: dict[int, Walk], silenced: tuple[Any, Any] | None = None) -> Iterator[None]:
    """While a model runs: put what each of its recurrent layers computes into `walks`, by the number of the layer.

    Args:
        model: A Keras model whose layers are all in `places`.
        walks: Where it goes.
        silenced: A layer, and what of its output is kept, as in `Silenced`.
    """
    with ExitStack() as stack:
        for layer, attributes in plain_bidirectionals(model):
            stack.enter_context(replaced(layer, **attributes))
        for number, layer in enumerate(recurrent_layers(model)):
            kept = silenced[1] if silenced is not None and silenced[0] is layer else None
            stack.enter_context(replaced(layer, inner_loop=partial(_recorded_loop, layer, number, walks, kept)))
        yield


def _recorded_loop(
    layer: Any,
    number: int,
    walks: dict[int, Walk],
    kept: Any,
    sequences: Any,
    initial_state: Any,
    mask: Any,
    training: bool = False,
) -> tuple[Any, Any, list[Any]]:
    """Do what ``inner_loop`` of Keras does, and keep what is computed."""
    mask = mask[0] if keras.tree.is_nested(mask) else mask
    equation, inputs, weights = pieces(layer, sequences, mask, training)
    first = tuple(initial_state) if keras.tree.is_nested(initial_state) else (initial_state,)
    cell: Any = equation if kept is None else Silenced(equation, kept)
    along, saved, states = forward(cell, inputs.projected(), inputs.mask, weights, first)
    kind = type(equation).__name__
    gates = {name: array for name, array in zip(_KEPT[kind], saved, strict=True) if name is not None}
    named = dict(zip(STATES["LSTM"], along, strict=False))
    walks[number] = Walk(gates, named, saved, inputs.mask, weights, first)
    last, outputs = states[0], along[0]
    if layer.zero_output_for_mask and inputs.mask is not None:
        last = ops.where(inputs.mask[-1][:, None], last, 0)
        outputs = ops.where(inputs.mask[..., None], outputs, 0)
    return last, ops.swapaxes(outputs, 0, 1), list(states)


def decay(cell: Any, walk: Walk) -> dict[str, Any]:
    """Return how strongly the last output of a walk depends on the states after each step.

    Walks back with the cell's own derivative, one row for each unit of the last output.

    Args:
        cell: The equations.
        walk: What was computed, for one sequence.

    Returns:
        For each state the Frobenius norm of ``∂h_T/∂state_t``, divided by the root of the units so that that of ``h_T`` by
        itself is 1, ``(time,)``.
    """
    outputs = walk.states["h"]
    units = outputs.shape[-1]
    wide = partial(jnp.broadcast_to, shape=(units, units))
    begin = (jnp.eye(units, dtype=outputs.dtype), *(jnp.zeros((units, units), outputs.dtype) for _ in walk.first[1:]))

    def step(d_states: Any, at: Any) -> tuple[Any, Any]:
        around, saved, counts = at
        norms = tuple(jnp.sqrt(jnp.sum(jnp.square(d)) / units) for d in d_states)
        d_before, _, _ = cell.back(walk.weights, d_states, jax.tree.map(wide, around), jax.tree.map(wide, saved))
        if counts is not None:
            d_before = tuple(jnp.where(counts[0], one, other) for one, other in zip(d_before, d_states, strict=True))
        return d_before, norms

    along = ((before(outputs, walk.first[0]), outputs), walk.saved, walk.mask)
    _, norms = jax.lax.scan(step, begin, along, reverse=True)
    # By the order of the cell: what has been through JAX has its names sorted.
    return dict(zip(STATES["LSTM"], norms, strict=False))


def cut_masks(model: Any, cuts: Any, steps: int) -> Sequence[tuple[Any, dict[str, Any]]]:
    """Return what layers are to be lent so that each row of a batch ends after some of its steps.

    Args:
        model: A Keras model.
        cuts: After how many steps each row ends, ``(batch,)``.
        steps: Steps of the model's input.

    Returns:
        Layers with their attributes, for `replaced`.
    """
    lent = plain_bidirectionals(model)
    for layer in recurrent_layers(model):
        # What is there is a loop of the layer's own, or one that has been lent to it before.
        lent.append((layer, {"inner_loop": partial(_cut_loop, layer.inner_loop, cuts, steps)}))
    for layer in model._flatten_layers():
        if isinstance(layer, layers.GlobalMaxPooling1D | layers.GlobalAveragePooling1D):
            lent.append((layer, {"call": partial(_cut_pooling, layer, cuts, steps)}))
    return lent


def plain_bidirectionals(model: Any) -> list[tuple[Any, dict[str, Any]]]:
    """Return what Bidirectionals are to be lent so that they leave the loops of their halves as they are lent."""
    found = [layer for layer in model._flatten_layers() if isinstance(layer, layers.Bidirectional)]
    return [(layer, {"call": partial(layers.Bidirectional.call, layer)}) for layer in found]


def _counted(cuts: Any, steps: int, time: int) -> Any:
    """Return which of a layer's steps are read, ``(batch, time)``, when so many of its input's are."""
    # A layer behind a pooling has fewer steps than the input.
    return jnp.arange(time)[None, :] < -(-cuts * time // steps)[:, None]


def _cut_loop(
    loop: Any, cuts: Any, steps: int, sequences: Any, initial_state: Any, mask: Any, training: bool = False
) -> Any:
    mask = mask[0] if keras.tree.is_nested(mask) else mask
    counted = _counted(cuts, steps, sequences.shape[1])
    counted = counted if mask is None else counted & ops.cast(mask, "bool")
    return loop(sequences, initial_state, counted, training=training)


def _cut_pooling(layer: Any, cuts: Any, steps: int, inputs: Any, mask: Any = None) -> Any:
    counted = _counted(cuts, steps, inputs.shape[1])
    counted = (counted if mask is None else counted & ops.cast(mask, "bool"))[..., None]
    if isinstance(layer, layers.GlobalMaxPooling1D):
        return jnp.max(jnp.where(counted, inputs, -jnp.inf), axis=1, keepdims=layer.keepdims)
    return jnp.sum(inputs * counted, axis=1, keepdims=layer.keepdims) / jnp.maximum(
        counted.sum(1, keepdims=layer.keepdims), 1
    )
