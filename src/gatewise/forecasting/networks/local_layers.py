"""The layers of local networks, and how covariates come to them."""

from typing import Any

from gatewise.datasets.windows import Layout
from gatewise.forecasting.networks.covariate_heads import known_ahead


def hidden_layers(cell: str, units: tuple[int, ...], stateful: bool) -> list[Any]:
    """Return the hidden layers, from the input up."""
    from gatewise.backend import import_keras
    from gatewise.layers import GRU, LSTM

    if cell == "dense":
        return [import_keras().layers.Dense(width, activation="relu") for width in units]
    layer = {"lstm": LSTM, "gru": GRU}[cell]
    last = len(units) - 1
    return [layer(width, return_sequences=place != last, stateful=stateful) for place, width in enumerate(units)]


def beside_covariates(
    layout: Layout, shape: tuple[Any, ...], layers: tuple[Any, ...], covariates: tuple[int, int], width: int
) -> Any:
    """Return a model whose hidden layers read windows with covariates, and whose head knows those of the horizon.

    Args:
        layout: What a window is to the network.
        shape: Of its input, with the batch.
        layers: The hidden ones, and last the head.
        covariates: How many are known in advance, and how many there are.
        width: Outputs of a step of the horizon.
    """
    from gatewise.backend import import_keras

    keras = import_keras()
    *hidden, head = layers
    end = shape[1] - head.units // width
    inputs = keras.Input(batch_shape=shape)
    state = inputs[:, :end]
    direct = keras.layers.Dense(head.units, use_bias=False, kernel_initializer="zeros")
    last = direct(state[:, -1, 1:])
    if layout != "steps":
        state = keras.layers.Flatten()(state)
    if layout == "features":
        state = keras.ops.expand_dims(state, 1)
    for layer in hidden:
        state = layer(state)
    forecast = keras.ops.add(head(state), last)
    if covariates[0]:
        ahead = inputs[:, end:, 1 : 1 + covariates[0]]
        forecast = keras.ops.add(forecast, known_ahead(state, ahead, width))
    return keras.Model(inputs, forecast, name="local_networks")
