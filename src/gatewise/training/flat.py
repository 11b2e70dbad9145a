"""The optimizer of a small model on one long vector instead of many little arrays.

Adam updates three arrays for every variable of a model, and each is a call of its own on a CPU: fifteen for an LSTM
with a Dense layer, a third of the whole step. Optimizers that treat every weight alike do the same on all of them laid
end to end, in three calls. Only those are used this way; the others, and large models, where the copies would cost more
than the calls, keep their arrays.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gatewise.backend import import_keras
from gatewise.training.state import ModelValues

keras = import_keras()

# Above this many weights the copies into and out of the vector cost more than the calls they save.
MOST_WEIGHTS = 20_000

_ELEMENTWISE = {
    getattr(keras.optimizers, name)
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "Lion")
}


class FlatOptimizer:
    """A twin of a model's optimizer that works on one vector; made by `flat_optimizer`."""

    def __init__(self, model: Any, twin: Any, layout: list[tuple[int, int | None]]) -> None:
        self.twin = twin
        self.variables = list(model.trainable_variables)
        self.sizes = [math.prod(variable.shape) for variable in self.variables]
        # For each variable of the model's optimizer: which variable of the twin holds it, and which part (None: all).
        self.layout = layout

    def pack(self, values: ModelValues) -> ModelValues:
        """Lay weights and slots end to end."""
        slots: list[Any] = [None] * len(self.twin.variables)
        for position in range(len(slots)):
            parts = [v for v, (at, _) in zip(values.optimizer, self.layout, strict=True) if at == position]
            whole = self.layout[[at for at, _ in self.layout].index(position)][1] is None
            slots[position] = parts[0] if whole else _laid(parts)
        return values._replace(trainable=[_laid(values.trainable)], optimizer=slots)

    def unpack(self, values: ModelValues) -> ModelValues:
        """Cut the vectors into the model's arrays again."""
        slots = []
        for at, part in self.layout:
            slots.append(values.optimizer[at] if part is None else self._cut(values.optimizer[at], part))
        return values._replace(trainable=self.weights(values), optimizer=slots)

    def weights(self, values: ModelValues) -> list[Any]:
        """Return the model's weights out of the vector."""
        return [self._cut(values.trainable[0], part) for part in range(len(self.sizes))]

    def apply(self, values: ModelValues, gradients: list[Any]) -> tuple[list[Any], list[Any]]:
        """Do one update of the packed values; return the new weights and slots, packed."""
        return self.twin.stateless_apply(values.optimizer, [_laid(gradients)], values.trainable)

    def _cut(self, vector: Any, part: int) -> Any:
        start = sum(self.sizes[:part])
        return vector[start : start + self.sizes[part]].reshape(self.variables[part].shape)


def _laid(arrays: list[Any]) -> Any:
    return jnp.concatenate([array.reshape(-1) for array in arrays])


def flat_optimizer(model: Any) -> FlatOptimizer | None:
    """Return the twin of a model's optimizer, or None where it would not do the same, or not faster."""
    optimizer, weights = model.optimizer, model.trainable_variables
    alike = (
        type(optimizer) in _ELEMENTWISE
        and not (optimizer.clipnorm or optimizer.global_clipnorm)
        and len({str(variable.dtype) for variable in weights}) == 1
        and len(weights) > 1
        and all(variable.constraint is None and not variable.overwrite_with_gradient for variable in weights)
        and (not optimizer.weight_decay or all(optimizer._use_weight_decay(variable) for variable in weights))
    )
    size = sum(math.prod(variable.shape) for variable in weights)
    if not alike or size > MOST_WEIGHTS:
        return None
    twin = type(optimizer).from_config(optimizer.get_config())
    twin.build([keras.Variable(jax.device_put(np.zeros(size, jnp.dtype(weights[0].dtype))), name="flat")])
    layout = _layout(optimizer, twin, len(weights))
    return None if layout is None else FlatOptimizer(model, twin, layout)


def _layout(optimizer: Any, twin: Any, weights: int) -> list[tuple[int, int | None]] | None:
    """Find where the twin keeps each variable of an optimizer, by the attributes that hold them in both."""
    places = {id(variable): position for position, variable in enumerate(twin.variables)}
    found: dict[int, tuple[int, int | None]] = {}
    for name, value in vars(optimizer).items():
        other = getattr(twin, name, None)
        if isinstance(value, keras.Variable) and id(other) in places:
            found[id(value)] = (places[id(other)], None)
        elif isinstance(value, list) and isinstance(other, list) and len(value) == weights and len(other) == 1:
            place = places.get(id(other[0]))
            if place is not None:
                found.update({id(part): (place, number) for number, part in enumerate(value)})
    layout = [found.get(id(variable)) for variable in optimizer.variables]
    if any(place is None for place in layout) or {place[0] for place in layout if place} != set(places.values()):
        return None
    return [place for place in layout if place is not None]
