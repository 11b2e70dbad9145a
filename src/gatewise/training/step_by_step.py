"""Whether a model says the same of a sequence that it is fed step by step: what a stream takes for granted.

Layers that treat every time step by itself, and recurrent ones, do. Any other layer may look at several steps at once
(convolutions, pooling over time, attention, a layer of the user's own), so a model that has one is tried out: a short
sequence in one pass, and step by step.
"""

from typing import Any

import jax
import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import ShapeError, UsageError
from gatewise.recurrent import layers as own
from gatewise.training.forward import Forward

keras = import_keras()
layers = keras.layers

# With every argument that they have these see one time step, or what a recurrent layer has kept of the earlier ones. Not
# here are those that can be told the axis along which they work.
_ONE_STEP = {
    layers.InputLayer,
    layers.LSTM,
    layers.GRU,
    layers.SimpleRNN,
    layers.RNN,
    own.LSTM,
    own.GRU,
    own.SimpleRNN,
    own.RNN,
    layers.Dense,
    layers.Embedding,
    layers.Dropout,
    layers.SpatialDropout1D,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.AlphaDropout,
    layers.ActivityRegularization,
    layers.ReLU,
    layers.LeakyReLU,
    layers.ELU,
    layers.Rescaling,
    layers.Masking,
    layers.Activation,
    layers.Identity,
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
}

# Steps of a trial where the model takes any number: more than one, and not a multiple of a usual pool or kernel.
_STEPS = 7


def check_step_by_step(model: Any, forward: Forward, zeros: list[Any], frame: tuple[Any, ...], kind: Any) -> None:
    """Refuse a model that says something else of a sequence when it is fed step by step.

    Args:
        model: A built model with recurrent layers.
        forward: Its forward pass.
        zeros: Its state at the beginning, each ``(batch, units)``.
        frame: The shape of one time step of one sequence; None for what may vary.
        kind: The type of the inputs.

    Raises:
        UsageError: Naming the layers that it may be.
    """
    suspects = _suspects(model)
    shape = _trial_shape(model, frame)
    if not suspects or shape is None:
        return
    x = _trial(model, (len(zeros[0]), *shape), kind)
    try:
        same = _same(forward, zeros, x, _tolerance(model))
    except ShapeError:
        # It takes the whole and no single step.
        same = False
    if not same:
        named = ", ".join(f"{one.name!r} ({type(one).__name__})" for one in suspects)
        who = f"Layer {named}" if len(suspects) == 1 else f"One of {named}"
        raise UsageError(
            f"{who} looks at several time steps at once, which a stream does not have: use gw.predict on whole sequences."
        )


def _suspects(layer: Any, outermost: bool = True) -> list[Any]:
    """Return the layers and operations that a network is made of besides those that see one step."""
    from keras.src.models.functional import Functional

    if type(layer) in _ONE_STEP:
        return []
    if type(layer).call is keras.Sequential.call:
        return [one for inner in layer.layers for one in _suspects(inner, False)]
    if type(layer).call is Functional.call:
        operations = [one for one in layer.operations if not isinstance(one, layers.Layer)]
        return [*operations, *(one for inner in layer.layers for one in _suspects(inner, False))]
    inside = [one for inner in layer._layers for one in _suspects(inner, False)] if outermost else []
    return [layer, *inside]


def _trial_shape(model: Any, frame: tuple[Any, ...]) -> tuple[int, ...] | None:
    """Return (time, …) of sequences to try the model on; None where it does not tell, or knows no second step."""
    inputs = getattr(model, "inputs", None)
    if inputs:
        steps = inputs[0].shape[1] or _STEPS
    else:
        built = (getattr(model, "_build_shapes_dict", None) or {}).get("input_shape")
        if not isinstance(built, (tuple, list)) or len(built) != 2 + len(frame):
            return None
        steps = built[1] if (built[1] or 1) > 1 else _STEPS
        frame = tuple(built[2:])
    return None if steps == 1 or None in frame else (int(steps), *frame)


def _trial(model: Any, shape: tuple[int, ...], kind: Any) -> np.ndarray:
    """Return some input: numbers, or words where there is an Embedding; word 0 may stand for none."""
    generator = np.random.default_rng(0)
    words = [layer.input_dim for layer in model._flatten_layers() if isinstance(layer, layers.Embedding)]
    if words:
        return generator.integers(min(1, min(words) - 1), min(words), shape).astype(kind)
    if np.dtype(kind).kind in "iub":
        return generator.integers(0, 2, shape).astype(kind)
    return generator.normal(size=shape).astype(kind)


def _tolerance(model: Any) -> float:
    """Return how far two ways to the same numbers may be apart, as a share of the largest."""
    kinds = {layer.compute_dtype for layer in model._flatten_layers()}
    return max(float(jax.numpy.finfo(kind).eps) for kind in kinds if "float" in str(kind)) ** 0.5


def _same(forward: Forward, zeros: list[Any], x: np.ndarray, tolerance: float) -> bool:
    """Say whether one pass over sequences ``(batch, time, …)`` ends as single steps do."""
    weights, state, steps = forward.read_weights(), zeros, []
    whole, _ = forward.call(weights, zeros, x)
    for step in range(x.shape[1]):
        output, state = forward.call(weights, state, x[:, step : step + 1])
        steps.append(output)

    def agree(whole: Any, *single: Any) -> bool:
        whole, found = np.asarray(whole, "float64"), np.asarray(single[-1], "float64")
        if whole.shape != found.shape and found.ndim > 1 and found.shape[1] == 1:
            # An output for every step.
            found = np.concatenate([np.asarray(one, "float64") for one in single], axis=1)
        if whole.shape != found.shape:
            return False
        return bool(np.allclose(whole, found, rtol=0, atol=tolerance * np.abs(whole).max(initial=0), equal_nan=True))

    return all(jax.tree.leaves(jax.tree.map(agree, whole, *steps)))
