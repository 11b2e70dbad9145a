"""A Keras model as inspection sees it: what it says of a sequence that is cut after any step, and of changed vectors."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import UsageError
from gatewise.inspection.recording import Place, Walk, cut_masks, decay, places, recording
from gatewise.recurrent import is_stateful, lent_states, quick_cells, recurrent_layers
from gatewise.recurrent.layer_walk import equation_of
from gatewise.recurrent.states import replaced

keras = import_keras()
layers, ops = keras.layers, keras.ops

# Rows that are computed together, always so many: another number would be another program.
ROWS = 64
# Programs that run a few times are compiled without most of LLVM's optimisations, in a third of the time: what takes long in
# them is done by matrix products and by the kernels of `gatewise.recurrent`, which that does not touch.
_SOON = {"xla_backend_optimization_level": 0}
# The fewest steps that a program is compiled for where sequences may be filled up behind.
_ROOM = 16
_KNOWN = "_gatewise_inspected"

# Layers that do with a step what they do with every other: what is before a cut does not depend on what is behind it.
_STEP_BY_STEP = (
    layers.Dense, layers.Dropout, layers.SpatialDropout1D, layers.GaussianNoise, layers.GaussianDropout,
    layers.Activation, layers.LeakyReLU, layers.ReLU, layers.PReLU, layers.ELU, layers.Softmax,
    layers.LayerNormalization, layers.BatchNormalization, layers.TimeDistributed, layers.Rescaling,
    layers.Add, layers.Multiply, layers.Average, layers.Concatenate, layers.Subtract, layers.Masking,
    layers.RNN, layers.Bidirectional, layers.GlobalMaxPooling1D, layers.GlobalAveragePooling1D, layers.InputLayer,
)  # fmt: skip


class Seen(NamedTuple):
    """What a network computed of one sequence.

    Attributes:
        outputs: What it says at the end, ``(outputs,)``, or after each step, ``(time, outputs)``.
        walks: What each recurrent layer computed, in their order.
        decays: For each, how strongly its last output depends on its states after each step, ``(time,)`` by state.
    """

    outputs: Any
    walks: tuple[Walk, ...]
    decays: tuple[dict[str, Any], ...]


class Slopes(NamedTuple):
    """What a network says of rows, and how that depends on their vectors.

    Attributes:
        scores: The number that is looked at, ``(batch,)``.
        outputs: What the network says, ``(batch, outputs)``.
        slopes: Derivative of the score by the vectors, ``(batch, time, features)``.
    """

    scores: Any
    outputs: Any
    slopes: Any


class Inspected:
    """A Keras model that reads one sequence, of numbers or of tokens.

    What the model says "after a step" is what it says of the sequence that ends there: recurrent layers keep their states in
    the steps behind it, and pooling leaves them out. So a sequence may be filled up behind where the model reads any length:
    sequences of some lengths then share their compiled programs.

    Args:
        model: Sequential or functional.

    Attributes:
        output: Which of its numbers is looked at.
        free: Whether what it is given may be filled up behind.

    Raises:
        UsageError: It cannot be looked into; the sentence says why.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.places: list[Place] = places(model)
        self.free = self._check()
        self.output = 0
        self.embedding = _reading_embedding(model)
        self.head = _squashing_head(model)
        self._weights = [*model.trainable_variables, *model.non_trainable_variables]
        self._compile()

    def _check(self) -> bool:
        """Refuse a model that cannot be cut after a step, and say whether what it is given may be filled up behind."""
        _check_shape(self.model)
        return _reads_any_length(self.model)

    def _compile(self) -> None:
        compiled = partial(jax.jit, compiler_options=_SOON)
        self._seen = compiled(self._record)
        self._scored = compiled(self._run, static_argnums=4)
        self._sloped = compiled(jax.value_and_grad(self._total, argnums=2, has_aux=True), static_argnums=4)
        self._silent = compiled(self._without, static_argnums=(3, 4))

    @classmethod
    def of(cls, model: Any) -> Self:
        """Return a model as inspection sees it, the same one each time, so that its programs are kept."""
        key = getattr(model, "_functional", None)
        known = model.__dict__.get(_KNOWN)
        if known is None or known[0] is not key:
            known = model.__dict__[_KNOWN] = (key, cls(model))
        return known[1]

    @property
    def values(self) -> list[Any]:
        """The arrays of its weights now."""
        return [variable.value for variable in self._weights]

    def vectors(self, sequence: np.ndarray) -> np.ndarray:
        """Return the vectors ``(time, features)`` that a sequence is to the recurrent layers: of tokens their embeddings."""
        if self.embedding is None:
            return np.asarray(sequence, np.float32)
        return np.asarray(self.embedding.embeddings)[np.asarray(sequence)]

    def baseline(self, vectors: np.ndarray) -> np.ndarray:
        """Return what stands for nothing: of tokens the vector of the padding, of values their mean over the sequence."""
        nothing = vectors.mean(axis=0) if self.embedding is None else np.asarray(self.embedding.embeddings)[0]
        return np.broadcast_to(nothing, vectors.shape)

    def room(self, steps: int) -> int:
        """Return for how many steps programs are compiled that read so many."""
        return room_for(steps, _ROOM) if self.free else steps

    def see(self, sequence: np.ndarray) -> Seen:
        """Run the network on one sequence and keep all gates and states.

        Args:
            sequence: Tokens ``(time,)`` or values ``(time, features)``.
        """
        seen = jax.tree.map(np.asarray, self._seen(self.values, self._filled(sequence), len(sequence)))
        return self._trimmed(seen, len(sequence)) if self.free else seen

    def slopes(self, sequence: np.ndarray, vectors: np.ndarray, cuts: np.ndarray) -> Slopes:
        """Run the network on rows made of one sequence, and differentiate what it says.

        Args:
            sequence: Tokens ``(time,)``, of which a network may make a mask, or values ``(time, features)``.
            vectors: What stands in their place in each row, ``(rows, time, features)``.
            cuts: After how many steps each row ends, ``(rows,)``.
        """

        def run(values: list[Any], *given: Any) -> Slopes:
            (_, (scores, outputs)), slopes = self._sloped(values, *given)
            return Slopes(scores, outputs, slopes)

        scores, outputs, slopes = self._in_parts(run, sequence, vectors, cuts)
        return Slopes(scores, outputs, slopes[:, : len(sequence)])

    def scores(self, sequence: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Return what a network says of whole rows made of one sequence, as the score ``(rows,)``; see `slopes`."""
        cuts = np.full(len(vectors), vectors.shape[1])
        return self._in_parts(lambda *given: self._scored(*given)[:1], sequence, vectors, cuts)[0]

    def _in_parts(self, run: Any, sequence: np.ndarray, vectors: np.ndarray, cuts: np.ndarray) -> list[np.ndarray]:
        """Run rows of vectors, some at a time."""
        parts = []
        values, tokens = self.values, self._filled(sequence)
        behind = ((0, 0), (0, len(tokens) - len(sequence)), (0, 0))
        for start in range(0, len(vectors), ROWS):
            part, ends = vectors[start : start + ROWS], cuts[start : start + ROWS]
            # Rows that are missing are the last again.
            more = ROWS - len(part)
            rows = np.pad(np.concatenate([part, np.repeat(part[-1:], more, axis=0)]), behind)
            ends = np.concatenate([ends, np.repeat(ends[-1:], more)])
            found = run(values, tokens, jnp.asarray(rows), jnp.asarray(ends), self.output)
            parts.append([np.asarray(array)[: len(part)] for array in found])
        return [np.concatenate(group) for group in zip(*parts, strict=True)]

    def without_units(self, sequence: np.ndarray, number: int) -> np.ndarray:
        """Return the score ``(units,)`` when the output of each unit of a layer, one at a time, is held at zero.

        Args:
            sequence: Tokens ``(time,)`` or values ``(time, features)``.
            number: Which recurrent layer.
        """
        given = self._filled(sequence), len(sequence)
        return np.asarray(self._silent(self.values, *given, number, self.output))

    def _filled(self, sequence: np.ndarray) -> Any:
        """Return a sequence with room behind it."""
        more = self.room(len(sequence)) - len(sequence)
        return jnp.asarray(np.pad(sequence, ((0, more), *((0, 0),) * (sequence.ndim - 1))))

    def _trimmed(self, seen: Seen, steps: int) -> Seen:
        """Return what was computed of a sequence without the room behind it."""
        walks, decays = [], []
        for place, walk, decayed in zip(self.places, seen.walks, seen.decays, strict=True):
            own = trimmed_to(steps, place.backwards)
            walks.append(walk._replace(gates=own(walk.gates), states=own(walk.states)))
            decays.append(own(decayed))
        outputs = seen.outputs[:steps] if seen.outputs.ndim == 2 else seen.outputs
        return Seen(outputs, tuple(walks), tuple(decays))

    def _record(self, values: list[Any], sequence: Any, steps: Any) -> Seen:
        walks: dict[int, Walk] = {}
        with self._lent(values), recording(self.model, walks), self._cut(jnp.full(1, steps), len(sequence)):
            outputs = self._call(sequence[None])[0]
        found = [walks[number] for number in range(len(self.places))]
        cells = [equation_of(place.layer.cell) for place in self.places]
        decays = tuple(decay(cell, walk) for cell, walk in zip(cells, found, strict=True))
        return Seen(outputs, tuple(walk._replace(saved=(), mask=None) for walk in found), decays)

    @contextmanager
    def _cut(self, cuts: Any, room: int) -> Iterator[None]:
        """While a model runs that may be filled up: let each row end after so many steps."""
        with ExitStack() as stack:
            for layer, attributes in cut_masks(self.model, cuts, room) if self.free else ():
                stack.enter_context(replaced(layer, **attributes))
            yield

    def _total(
        self, values: list[Any], sequence: Any, vectors: Any, cuts: Any, output: int
    ) -> tuple[Any, tuple[Any, Any]]:
        scores, outputs = self._run(values, sequence, vectors, cuts, output)
        return scores.sum(), (scores, outputs)

    def _run(self, values: list[Any], sequence: Any, vectors: Any, cuts: Any, output: int) -> tuple[Any, Any]:
        """Return scores and outputs of rows."""
        steps = vectors.shape[1]
        with self._lent(values), quick_cells(self.model), ExitStack() as stack:
            if self.embedding is not None:
                stack.enter_context(replaced(self.embedding, call=lambda *_, **__: vectors))
            for layer, attributes in cut_masks(self.model, cuts, steps):
                stack.enter_context(replaced(layer, **attributes))
            x = vectors
            if self.embedding is not None:
                x = jnp.broadcast_to(sequence, (len(vectors), *sequence.shape))
            raw = self._call(x)
        if raw.ndim == 3:
            raw = jnp.take_along_axis(raw, (cuts - 1)[:, None, None], axis=1)[:, 0]
        return self.score(raw, output), raw if self.head is None else self.head.activation(raw)

    def _without(self, values: list[Any], sequence: Any, steps: Any, number: int, output: int) -> Any:
        layer = self.places[number].layer
        kept = 1 - jnp.eye(layer.cell.units, dtype=layer.compute_dtype)
        cuts = jnp.full(len(kept), steps)
        with self._lent(values), recording(self.model, {}, (layer, kept)), self._cut(cuts, len(sequence)):
            raw = self._call(jnp.broadcast_to(sequence, (len(kept), *sequence.shape)))
        return self.score(jnp.take(raw, steps - 1, axis=1) if raw.ndim == 3 else raw, output)

    def _call(self, x: Any) -> Any:
        arguments = {"training": False} if self.model._call_has_training_arg else {}
        return self.model.call(x, **arguments)

    @contextmanager
    def _lent(self, values: list[Any]) -> Iterator[None]:
        """Lend the model its weights, fresh states, and a last layer that squashes nothing."""
        mapping = list(zip(self._weights, values, strict=True))
        forgets = [None for _ in recurrent_layers(self.model)]
        with lent_states(self.model, forgets), keras.StatelessScope(state_mapping=mapping), ExitStack() as stack:
            if self.head is not None:
                stack.enter_context(replaced(self.head, activation=keras.activations.linear))
            yield

    def score(self, raw: Any, output: int) -> Any:
        """Return the number that is looked at of each row: the log-odds of a class, or an output as it is."""
        if self.squash != "softmax":
            return raw[:, output]
        others = jnp.where(jnp.arange(raw.shape[-1]) == output, -jnp.inf, raw)
        return raw[:, output] - jax.nn.logsumexp(others, axis=-1)

    @property
    def squash(self) -> str | None:
        """What makes probabilities of the last layer's numbers: ``"sigmoid"``, ``"softmax"`` or None."""
        return None if self.head is None else self.head.activation.__name__


def room_for(steps: int, least: int) -> int:
    """Return how many steps have room for so many: the least, times one, one and a half, two, three, four, six and so on.

    >>> [room_for(steps, 16) for steps in (1, 16, 17, 33, 500)]
    [16, 16, 24, 48, 512]
    """
    rooms = (least * factor * 2**power // 2 for power in itertools.count() for factor in (2, 3))
    return next(room for room in rooms if room >= steps)


def trimmed_to(steps: int, backwards: bool) -> Any:
    """Return what leaves so many steps of arrays by name that are in the order of a walk: from the end, the room came first."""
    return lambda group: {name: array[-steps:] if backwards else array[:steps] for name, array in group.items()}


def _reads_any_length(model: Any) -> bool:
    """Say whether a model reads sequences of any length, and no step of them changes another but by recurrence."""
    any_length = model.inputs[0].shape[1] is None or is_stateful(model)
    return any_length and all(isinstance(layer, (*_STEP_BY_STEP, layers.Embedding)) for layer in model.layers)


def _check_shape(model: Any) -> None:
    """Refuse a model that cannot be cut after a step."""
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        raise UsageError(
            f"Model {model.name!r} has a call of its own, and inspect has to see its layers: give a Sequential or functional "
            "model."
        )
    if len(inputs) != 1 or len(outputs) != 1:
        raise UsageError(
            f"Model {model.name!r} has {len(inputs)} inputs and {len(outputs)} outputs, and inspect takes one of each: give "
            "a part of it as a model of its own."
        )
    met = False
    for layer in model.layers:
        met = met or isinstance(layer, layers.RNN | layers.Bidirectional)
        along = met and len(keras.tree.flatten(layer.input)[0].shape) == 3
        if along and not isinstance(layer, _STEP_BY_STEP):
            raise UsageError(
                f"Layer {layer.name!r} ({type(layer).__name__}) reads all steps of a recurrent layer at once, so what the "
                "model says after each step is not defined: let the recurrent layer return its last output, or pool by "
                "GlobalMaxPooling1D or GlobalAveragePooling1D."
            )


def _reading_embedding(model: Any) -> Any:
    """Return the Embedding that reads the model's input, or None."""
    first = next(layer for layer in model.layers if not isinstance(layer, layers.InputLayer))
    found = isinstance(first, layers.Embedding)
    late = [one.name for one in model._flatten_layers() if isinstance(one, layers.Embedding) and one is not first]
    if late:
        raise UsageError(
            f"Layer {late[0]!r} looks up vectors in the middle of model {model.name!r}: inspect takes a model whose first "
            "layer does."
        )
    return first if found else None


def _squashing_head(model: Any) -> Any:
    """Return the last layer where it makes probabilities, or None."""
    last = model.outputs[0]._keras_history.operation
    if isinstance(last, layers.TimeDistributed):
        last = last.layer
    activation = getattr(last, "activation", None)
    known = (keras.activations.sigmoid, keras.activations.softmax)
    return last if isinstance(last, layers.Dense | layers.Activation) and activation in known else None
