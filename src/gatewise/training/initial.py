"""Fresh weights: a model's own initialisers, drawn from a seed, quickly enough for a thousand members.

Which initialiser a variable has is found by building a twin of its layer and noting what it asks for. Keras's random
initialisers are drawn with NumPy, from the same distributions: one draw through Keras costs a millisecond, and a
compilation the first time. Any other initialiser is called as it is, with its ``seed`` set where it has one.
"""

import math
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import jax
import numpy as np

from gatewise.artifact.rebuild import randomness_kept
from gatewise.backend import import_keras
from gatewise.errors import UsageError
from gatewise.recurrent.states import replaced
from gatewise.training.checks import check_built, check_seed, check_whole
from gatewise.training.state import ModelValues, model_variables, write_values

keras = import_keras()

# Standard deviation of a normal distribution cut at two of its standard deviations; Keras divides by it so that the
# cut values have the deviation asked for (VarianceScaling, as in He et al. 2015, section 2.2).
_CUT_DEVIATION = 0.87962566103423978

Draw = Callable[[np.random.Generator], np.ndarray]


def member_seed(seed: int, member: int) -> int:
    """Return the seed of one member of an ensemble.

    Args:
        seed: The ensemble's seed, 0 to 2**63 - 1.
        member: Number of the member, from 0.

    Returns:
        A whole number from 0 to 2**31 - 1, a good mix of both.

    Raises:
        UsageError: One of them is no whole number, or out of range.

    Example:
        >>> import gatewise as gw
        >>> gw.member_seed(0, 1) != gw.member_seed(0, 2)
        True
    """
    check_seed(seed)
    check_whole("member", member, 0)
    return int(np.random.SeedSequence([seed, member]).generate_state(1)[0] >> 1)


def with_zeros(build: Callable[[], Any]) -> Any:
    """Return a Keras model that was built with all weights 0, for one whose values are drawn later, as `initialize` does.

    Keras draws each weight by a program of its own, which takes a quarter of a second for the smallest network.

    Args:
        build: Builds the model, without stateful layers; all layers keep their initialisers.
    """
    # Inside of such a scope values are put off until its end, and drawn then.
    with keras.StatelessScope():
        model = build()
        for variable in model.variables:
            # The states of random layers are their seeds.
            if variable._value is None and "float" in str(variable.dtype):
                variable._initializer = _zeros
    return model


def build_optimizer(model: Any) -> None:
    """Let a model's optimizer make its variables, without a program for the zeros of every shape."""
    optimizer = model.optimizer
    if type(optimizer) not in _MADE_OF_SLOTS:
        optimizer.build(model.trainable_variables)
        return
    with keras.StatelessScope():
        optimizer.build(model.trainable_variables)
        for variable in optimizer.variables:
            if variable._value is None and isinstance(variable._initializer, keras.initializers.Zeros):
                variable._initializer = _zeros


# Others may make a variable from a value, which cannot be put off.
_MADE_OF_SLOTS = {getattr(keras.optimizers, name) for name in ("SGD", "Adam", "AdamW", "RMSprop")}


def _zeros(shape: tuple[int, ...], dtype: Any) -> Any:
    return jax.device_put(np.zeros(shape, jax.numpy.dtype(dtype)))


def initialize(model: Any, seed: int) -> None:
    """Draw new weights for a model, in place, and start its optimizer anew.

    Every layer's own initialisers are used, with seeds that come from `seed`. Layers that are frozen
    (``trainable=False``) or adapted to data (Normalization) keep what they have.

    Args:
        model: A built Keras model.
        seed: 0 to 2**63 - 1; the same seed gives the same weights.

    Raises:
        UsageError: The model is not built, or a layer cannot be built again from its configuration.

    Example:
        >>> import gatewise as gw, keras
        >>> model = keras.Sequential([keras.Input((3, 1)), keras.layers.LSTM(4)])
        >>> gw.initialize(model, seed=1)
        >>> first = model.get_weights()
        >>> gw.initialize(model, seed=1)
        >>> all((a == b).all() for a, b in zip(first, model.get_weights()))
        True
    """
    check_built(model)
    check_seed(seed)
    write_values(model, Initialiser(model)(seed))


class Initialiser:
    """A model's initial values as a function of a seed. Made once, called for every member."""

    def __init__(self, model: Any) -> None:
        self.variables = model_variables(model)
        self.draws: dict[int, Draw] = {}
        with randomness_kept():
            for layer in model._flatten_layers():
                self.draws.update(_draws_of(layer))
        self.optimizer_start = _optimizer_start(model)

    def __call__(self, seed: int) -> ModelValues:
        """Return the initial values that belong to a seed, as NumPy arrays."""

        def draw(group: int, variables: list[Any]) -> list[np.ndarray]:
            values = []
            for position, variable in enumerate(variables):
                own = self.draws.get(id(variable))
                if own is None:
                    values.append(np.asarray(variable.value))
                else:
                    generator = np.random.default_rng([seed, group, position])
                    values.append(np.asarray(own(generator), dtype=_numpy_type(variable)).reshape(variable.shape))
            return values

        return ModelValues(
            trainable=draw(0, self.variables.trainable),
            non_trainable=draw(1, self.variables.non_trainable),
            optimizer=list(self.optimizer_start),
            recurrent=[np.zeros(variable.shape, _numpy_type(variable)) for variable in self.variables.recurrent],
        )

    def members(self, seeds: tuple[int, ...]) -> ModelValues:
        """Return the initial values of several members, every array with a leading members axis."""
        return jax.tree.map(lambda *parts: np.stack(parts), *(self(seed) for seed in seeds))


def _numpy_type(variable: Any) -> Any:
    return variable.value.dtype


def _draws_of(layer: Any) -> dict[int, Draw]:
    """Return, for each variable that a layer itself made, how to draw a new value."""
    own = [*layer._trainable_variables, *layer._non_trainable_variables]
    if not own or not layer.trainable or hasattr(layer, "adapt"):
        return {}
    asked: dict[int, Any] = {}
    try:
        twin = type(layer).from_config(layer.get_config())
        plain = twin.add_weight

        def add_weight(shape: Any = None, initializer: Any = None, dtype: Any = None, **options: Any) -> Any:
            variable = plain(shape=shape, initializer=_zeros, dtype=dtype, **options)
            asked[id(variable)] = initializer
            return variable

        with replaced(twin, add_weight=add_weight):
            twin.build_from_config(layer.get_build_config() or {})
        made = [*twin._trainable_variables, *twin._non_trainable_variables]
        if [tuple(variable.shape) for variable in own] != [tuple(variable.shape) for variable in made]:
            raise ValueError("the layer built from it has other variables")
        wishes = [asked[id(variable)] for variable in made]
    except Exception as error:
        raise UsageError(
            f"New weights for layer {layer.name!r} ({type(layer).__name__}) cannot be drawn, because it cannot be built "
            f"again from its configuration ({error}): give it a get_config that holds its constructor's arguments."
        ) from error
    return {id(variable): _draw(twin, wish, variable) for variable, wish in zip(own, wishes, strict=True)}


def _draw(twin: Any, initializer: Any, variable: Any) -> Draw:
    """Return how to draw one variable."""
    shape = tuple(variable.shape)
    if initializer is None:
        initializer = "glorot_uniform" if "float" in str(variable.dtype) else "zeros"
    initializer = keras.initializers.get(initializer)
    known = _KNOWN.get(type(initializer))
    if known is not None:
        return lambda generator: known(initializer, shape, generator)
    random = [part for part in _parts(twin, initializer) if hasattr(part, "seed")]
    if not random and getattr(initializer, "__module__", "").startswith("keras."):
        # Zeros, ones, the LSTM's bias with its ones for the forget gate: the same for every seed.
        constant = np.asarray(initializer(shape, dtype=variable.dtype))
        return lambda _: constant

    def draw(generator: np.random.Generator) -> np.ndarray:
        # An initialiser may call others: the LSTM's bias asks the layer's bias_initializer for its parts.
        with ExitStack() as stack:
            for part in random:
                stack.enter_context(replaced(part, seed=int(generator.integers(2**31))))
            return np.asarray(initializer(shape, dtype=variable.dtype))

    return draw


def _parts(twin: Any, initializer: Any) -> list[Any]:
    """Return the initialisers that a call of this one may call: a function of a layer may call any of the layer's.

    The LSTM's own function for its bias has the name of the one that it calls, and calls no other.
    """
    if isinstance(initializer, keras.initializers.Initializer):
        return [initializer]
    namesake = getattr(twin, getattr(initializer, "__name__", ""), None)
    if isinstance(namesake, keras.initializers.Initializer):
        return [namesake]
    return [part for part in vars(twin).values() if isinstance(part, keras.initializers.Initializer)]


def _variance_scaling(initializer: Any, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Draw as ``keras.initializers.VarianceScaling`` and its descendants (Glorot, He, LeCun)."""
    inputs, outputs = _fans(shape)
    fan = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}[initializer.mode]
    scale = initializer.scale / max(1.0, fan)
    if initializer.distribution == "uniform":
        limit = math.sqrt(3.0 * scale)
        return generator.uniform(-limit, limit, shape)
    if initializer.distribution == "untruncated_normal":
        return generator.normal(0.0, math.sqrt(scale), shape)
    return _cut_normal(generator, shape) * (math.sqrt(scale) / _CUT_DEVIATION)


def _fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return how many inputs and outputs one weight of this shape connects; kernels end in (inputs, outputs)."""
    if len(shape) < 1:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    receptive = math.prod(shape[:-2])
    return shape[-2] * receptive, shape[-1] * receptive


def _cut_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw from a standard normal distribution cut at two standard deviations, by drawing the others again."""
    values = np.asarray(generator.normal(size=shape))
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = generator.normal(size=int(outside.sum()))
        outside = np.abs(values) > 2
    return values


def _orthogonal(initializer: Any, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Draw a (semi-)orthogonal matrix (Saxe et al. 2013): Q of a normal matrix, signs fixed so that it is uniform."""
    rows, columns = math.prod(shape[:-1]), shape[-1]
    normal = generator.normal(size=(max(rows, columns), min(rows, columns)))
    orthogonal, triangle = np.linalg.qr(normal)
    orthogonal = orthogonal * np.sign(np.diagonal(triangle))
    return initializer.gain * (orthogonal.T if rows < columns else orthogonal).reshape(shape)


_KNOWN: dict[Any, Callable[[Any, tuple[int, ...], np.random.Generator], np.ndarray]] = {
    **dict.fromkeys(
        (
            keras.initializers.VarianceScaling,
            keras.initializers.GlorotUniform,
            keras.initializers.GlorotNormal,
            keras.initializers.HeUniform,
            keras.initializers.HeNormal,
            keras.initializers.LecunUniform,
            keras.initializers.LecunNormal,
        ),
        _variance_scaling,
    ),
    keras.initializers.Orthogonal: _orthogonal,
    keras.initializers.RandomUniform: lambda i, shape, generator: generator.uniform(i.minval, i.maxval, shape),
    keras.initializers.RandomNormal: lambda i, shape, generator: generator.normal(i.mean, i.stddev, shape),
    keras.initializers.TruncatedNormal: lambda i, shape, generator: i.mean + i.stddev * _cut_normal(generator, shape),
}


def _optimizer_start(model: Any) -> list[np.ndarray]:
    """Return the values of a new optimizer of the model's kind, with the learning rate that it has now."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return []
    twin = type(optimizer).from_config(optimizer.get_config())
    twin.build(model.trainable_variables)
    fresh = [variable.value for variable in twin.variables]
    if len(fresh) != len(optimizer.variables):
        # `optimizer.learning_rate = another.learning_rate` lets Keras track the other optimizer's variable as well.
        found = {variable.path: variable.value for variable in twin.variables}
        fresh = [found.get(variable.path, variable.value) for variable in optimizer.variables]
    return [np.asarray(value) for value in fresh]
