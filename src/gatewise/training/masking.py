"""Whether a model takes a mask: who reads it, who loses it on its way, who makes one of its own.

A mask that nobody reads would leave the padding in the numbers without a word, so a model is traced with one before it
is used, and refused by the name of the layer that loses it.
"""

import re
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import NotCompilableError
from gatewise.recurrent import quick_cells
from gatewise.training.inputs import UNFIT, reader, unfit

keras = import_keras()

_KNOWN = "_gatewise_masks"
_AS_IT_IS = "pass gw.Lengths(..., mask=None) to compute padded rows as they are"

# What Keras says of a layer that was given a mask and passes none on.
_LOST = re.compile(r"Layer '(.+?)' \(of type (\w+)\) was passed an input with a mask attached to it")


def check_takes_mask(model: Any, x: Any, axis: int = 0) -> None:
    """Refuse a model whose outputs would depend on padding although it is given a mask.

    Args:
        model: A built model.
        x: Its one input, as an array or a nest of one.
        axis: The axis of the rows.

    Raises:
        NotCompilableError: Naming the layer that loses the mask.
    """
    if not model._call_has_mask_arg:
        raise NotCompilableError(
            f"{type(model).__name__} has a call without the argument `mask`, so it cannot be told of padding: give it one, "
            f"or {_AS_IT_IS}."
        )
    batch = jax.tree.map(lambda array: jax.ShapeDtypeStruct((2, *array.shape[axis + 1 :]), array.dtype), x)
    known = model.__dict__.setdefault(_KNOWN, set())
    key = (getattr(model, "_functional", None), *((leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(batch)))
    if key in known:
        return
    read, lost = _traced(model, batch)
    if lost:
        name, kind = lost
        remedy = "build it with mask_zero=True" if kind == "Embedding" else "leave it out or let it support masks"
        raise NotCompilableError(
            f"Layer {name!r} ({kind}) is given a mask and passes none on, so the layers after it would read the padding: "
            f"{remedy}, or {_AS_IT_IS}."
        )
    if not read and _own_mask(model) is None:
        raise NotCompilableError(
            f"Model {model.name!r} has no layer that reads a mask, so padding would count like any other value: {_AS_IT_IS}."
        )
    known.add(key)


def filling(model: Any) -> Any:
    """Return the value by which a model finds padding itself, or None where it goes by the mask that it is given."""
    own = _own_mask(model)
    if own is None:
        return None
    return np.asarray(own.mask_value) if isinstance(own, keras.layers.Masking) else 0


def _own_mask(model: Any) -> Any:
    """Return the layer that reads the inputs and makes a mask of them, whatever mask it is given, or None."""
    inputs = getattr(model, "inputs", None)
    layer = reader(model, inputs[0]) if inputs else None
    if isinstance(layer, keras.Model):
        return _own_mask(layer)
    makes = isinstance(layer, keras.layers.Masking) or (isinstance(layer, keras.layers.Embedding) and layer.mask_zero)
    return layer if makes else None


def _traced(model: Any, batch: Any) -> tuple[bool, tuple[str, str] | None]:
    """Trace a model with a mask.

    Returns:
        Whether anything reads the mask, and the name and type of the first layer that loses it.
    """
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    carries: list[bool] = []

    def run(values: list[Any], x: Any, mask: Any) -> Any:
        arguments = {"training": False} if model._call_has_training_arg else {}
        mapping = list(zip(variables, values, strict=True))
        with quick_cells(model), keras.StatelessScope(state_mapping=mapping):
            outputs = model.call(x, mask=mask, **arguments)
        # A mask that an output of every time step carries is read by the loss.
        along = [output for output in jax.tree.leaves(outputs) if output.ndim > 2]
        carries.extend(keras.src.backend.get_keras_mask(output) is not None for output in along)
        return outputs

    values = [jax.ShapeDtypeStruct(variable.shape, variable.value.dtype) for variable in variables]
    mask = jax.ShapeDtypeStruct(jax.tree.leaves(batch)[0].shape[:2], jnp.bool_)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            jaxpr = jax.make_jaxpr(run)(values, batch, mask).jaxpr
        except UNFIT as error:
            raise unfit(model, error, x=batch, mask=mask) from error
    found = [match.groups() for warning in caught if (match := _LOST.match(str(warning.message)))]
    given = jaxpr.invars[-1]
    read = any(carries) or any(variable is given for step in jaxpr.eqns for variable in step.invars)
    return read, (found[0][0], found[0][1]) if found else None
