"""Text that is filled up in front: what all rows do in the same way while they read the same token is done once.

Without a mask, a recurrent layer walks over the padding like over anything else. But rows that begin in the same state
with the same token again and again are all in the same states, so one row stands for all of them: each row begins where
that one was after as many pads as it has, and its own pads are masked, which the kernels leave out.

That tokens are behind a sequence of numbers is known only where an Embedding has just looked them up. While a model is
traced, `noted` keeps for each array that comes from an Embedding what it was made of, by the identity of the array.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp

from gatewise.backend import import_keras
from gatewise.recurrent.equations import Cell, Inputs, States, Weights
from gatewise.recurrent.paths import Extent, Needs, walk, why_not_kernel
from gatewise.recurrent.scans import Returns
from gatewise.recurrent.states import recurrent_layers, replaced

keras = import_keras()

# The token that text is filled up with.
PAD = 0


class Beginning(NamedTuple):
    """How the rows of a batch begin.

    Attributes:
        pads: How many steps of each row are pads before its first other token, ``(batch,)``.
        pad: What a pad is looked up as, ``(1, features)``.
    """

    pads: Any
    pad: Any


class _Notes:
    """What is known of arrays while a model is traced; holds them, so that no other array gets the identity of one."""

    def __init__(self) -> None:
        self._looked_up: dict[int, tuple[Any, Any, Callable[[Any], Any]]] = {}
        self._zeros: dict[int, Any] = {}

    def look_up(self, plain: Callable[[Any], Any], inputs: Any) -> Any:
        """Do what an Embedding does, and note it."""
        outputs = plain(inputs)
        self._looked_up[id(outputs)] = (outputs, inputs, plain)
        return outputs

    def begin(self, plain: Callable[..., Any], batch_size: Any) -> Any:
        """Do what a layer does that begins at zero, and note it."""
        states = plain(batch_size=batch_size)
        self._zeros.update({id(state): state for state in keras.tree.flatten(states)})
        return states

    def beginning(self, sequences: Any, states: Any, backwards: bool) -> Beginning | None:
        """Return how rows begin; None where it is not known, or not in the same state."""
        found = self._looked_up.get(id(sequences))
        if found is None or not all(id(state) in self._zeros for state in keras.tree.flatten(states)):
            return None
        _, tokens, look_up = found
        if len(tokens.shape) != 2:
            return None
        others = jnp.asarray(tokens)[:, :: -1 if backwards else 1].astype("int32") != PAD
        pads = jnp.where(others.any(axis=1), jnp.argmax(others, axis=1), tokens.shape[1])
        return Beginning(pads, look_up(jnp.full((1,), PAD, "int32")))


_notes: ContextVar[_Notes | None] = ContextVar("gatewise_notes_of_tokens", default=None)


@contextmanager
def noted(model: Any) -> Iterator[None]:
    """While a model is traced: note what its Embeddings look up, and which states are zero.

    Args:
        model: A Keras model about to be traced.
    """
    # A layer that is traced by itself inside of a model has to know what the model has looked up.
    notes = _notes.get() or _Notes()
    token = _notes.set(notes)
    try:
        with ExitStack() as stack:
            for layer in model._flatten_layers():
                if type(layer) is keras.layers.Embedding and layer.quantization_mode is None:
                    stack.enter_context(replaced(layer, call=partial(notes.look_up, layer.call)))
            for layer in recurrent_layers(model):
                stack.enter_context(replaced(layer, get_initial_state=partial(notes.begin, layer.get_initial_state)))
            yield
    finally:
        _notes.reset(token)


def beginning_of(layer: Any, sequences: Any, states: Any, mask: Any, training: bool) -> Beginning | None:
    """Return how the rows that a layer reads begin, where they are alike while they begin so; else None.

    Args:
        layer: A layer that is about to be walked.
        sequences: What it reads, ``(batch, time, features)``.
        states: Its states before the first step.
        mask: Its mask: with one, pads are left out as it is.
        training: Whether dropout applies, which makes each row different.
    """
    notes = _notes.get()
    if notes is None or mask is not None or (training and (layer.cell.dropout or layer.cell.recurrent_dropout)):
        return None
    return notes.beginning(sequences, states, layer.go_backwards)


def worth_sharing(cell: Cell, extent: Extent, dtype: str) -> bool:
    """Say whether a walk is quicker with its pads masked, and one row of pads beside it.

    It is where kernels do both: they leave out what is masked. A scan does not, and a row that is too little work for a
    kernel would take its scan as long as many rows take theirs.

    Args:
        cell: The equations.
        extent: How large the walk is.
        dtype: Of inputs, weights and states.
    """
    needs = Needs(dtype, mask=True)
    one_row = replace(extent, batch=1)
    return not (why_not_kernel(cell, extent, needs) or why_not_kernel(cell, one_row, replace(needs, states=True)))


def walk_from_pads(
    cell: Cell, returns: Returns, inputs: Inputs, weights: Weights, states: States, beginning: Beginning
) -> tuple[tuple[Any, ...], States]:
    """Walk rows that begin with pads, the pads only once; the same numbers and gradients as from `paths.walk`.

    Args:
        cell: The equations.
        returns: ``"last"`` or ``"outputs"``.
        inputs: What is walked along, without mask and dropout.
        weights: The weights of the recurrence.
        states: The states before the first step, the same in each row.
        beginning: How the rows begin.

    Returns:
        As from `paths.walk`.
    """
    time, _, features = inputs.sequence.shape
    steps = jnp.arange(time)[:, None]
    # One row of pads alone, as long as the row that has most of them.
    alone = Inputs(jnp.broadcast_to(beginning.pad, (time, 1, features)), inputs.weights, steps < beginning.pads.max())
    first = tuple(state[:1] for state in states)
    shared, _ = walk(cell, "states", alone, weights, first)
    starts = tuple(
        jnp.concatenate((state, along[:, 0]))[beginning.pads] for state, along in zip(first, shared, strict=True)
    )
    mask = steps >= beginning.pads
    along, after = walk(cell, returns, inputs._replace(mask=mask), weights, starts)
    return tuple(jnp.where(mask[..., None], own, of_all) for own, of_all in zip(along, shared, strict=False)), after
