"""Convolutions and pooling along time, traced as matrix products and comparisons: same numbers, other shape of the program.

Inside of a loop, and all of a training is one, XLA does convolutions on one core of a CPU and in the simplest way; the
gradient of its pooling visits window after window. `benchmarks/layers.py` has a network with both, `imdb-cnn-lstm`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from gatewise.backend import import_keras
from gatewise.recurrent.states import TRACING, replaced

keras = import_keras()
layers = keras.layers

# Each input is written down once for every step of the window that looks at it.
_LONGEST_WINDOW = 16

Sequences = Float[Array, "batch time features"]
Windows = Float[Array, "batch windows features"]


@contextmanager
def quick_convolutions(model: Any) -> Iterator[None]:
    """While tracing for a CPU: let ``Conv1D`` and ``MaxPooling1D`` layers of a model be computed by what is quick there.

    Args:
        model: A Keras model about to be traced.
    """
    with TRACING, ExitStack() as stack:
        for layer in model._flatten_layers() if jax.default_backend() == "cpu" else ():
            if _is_quick_convolution(layer):
                stack.enter_context(replaced(layer, call=partial(_convolved, layer)))
            elif _is_quick_pooling(layer):
                stack.enter_context(replaced(layer, call=partial(largest_of_each, size=layer.pool_size[0])))
        yield


def convolution(
    sequences: Sequences, kernel: Float[Array, "window features filters"], stride: int, dilation: int, padding: str
) -> Float[Array, "batch windows filters"]:
    """Return a convolution along time as one matrix product.

    Args:
        sequences: ``(batch, time, features)``.
        kernel: ``(window, features, filters)``.
        stride: Steps from one window to the next.
        dilation: Steps from one input of a window to the next.
        padding: ``"valid"`` for whole windows only, ``"same"`` for as many steps as there are, or ``"causal"`` for windows
            that end at their step.

    Returns:
        ``(batch, windows, filters)``.
    """
    window, features, filters = kernel.shape
    steps, reach = sequences.shape[1], (window - 1) * dilation
    missing = 0
    if padding == "same":
        missing = max((-(-steps // stride) - 1) * stride + reach + 1 - steps, 0)
    front = reach if padding == "causal" else missing // 2
    behind = 0 if padding == "causal" else missing - front
    padded = jnp.pad(sequences, ((0, 0), (front, behind), (0, 0)))
    last = padded.shape[1] - reach
    seen = [padded[:, k * dilation : k * dilation + last : stride] for k in range(window)]
    return jnp.concatenate(seen, axis=-1) @ kernel.reshape(window * features, filters)


def largest_of_each(sequences: Sequences, size: int) -> Windows:
    """Return the largest of every `size` time steps; its gradient goes to the first of equals, as that of Keras's pooling.

    Args:
        sequences: ``(batch, time, features)``.
        size: Steps of a window, and from one to the next. Steps at the end that fill none are left out.

    >>> largest_of_each(jnp.array([[[1.0], [3.0], [2.0], [0.0], [9.0]]]), 2)[0, :, 0].tolist()
    [3.0, 2.0]
    """
    batch, steps, features = sequences.shape
    windows = sequences[:, : steps - steps % size].reshape(batch, steps // size, size, features)
    largest = windows[:, :, 0]
    for k in range(1, size):
        # A NaN stays, wherever it is.
        largest = jnp.where((largest >= windows[:, :, k]) | jnp.isnan(largest), largest, windows[:, :, k])
    return largest


def _is_quick_convolution(layer: Any) -> bool:
    if type(layer) is not layers.Conv1D or layer.data_format != "channels_last" or layer.groups != 1:
        return False
    return layer.kernel_size[0] <= _LONGEST_WINDOW and getattr(layer, "quantization_mode", None) is None


def _convolved(layer: Any, inputs: Any) -> Any:
    """Do what the ``call`` of ``Conv1D`` does."""
    kernel = keras.ops.convert_to_tensor(layer.kernel)
    outputs = convolution(inputs, kernel, layer.strides[0], layer.dilation_rate[0], layer.padding)
    if layer.use_bias:
        outputs = outputs + keras.ops.convert_to_tensor(layer.bias)
    return outputs if layer.activation is None else layer.activation(outputs)


def _is_quick_pooling(layer: Any) -> bool:
    if type(layer) is not layers.MaxPooling1D or layer.data_format != "channels_last":
        return False
    size = layer.pool_size[0]
    return layer.padding == "valid" and tuple(layer.strides) == (size,) and size <= _LONGEST_WINDOW
