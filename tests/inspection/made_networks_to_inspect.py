"""Networks to look into: those of `recurrent_twins`, with what they compute written out in NumPy, and ones built by hand."""

import numpy as np

import gatewise as gw
from gatewise.backend import import_keras
from recurrent_twins import FEATURES, NETWORKS, STEPS, Written, build, sigmoid, wave

keras = import_keras()
layers = keras.layers

TIME = 9
SEQUENCE = wave((TIME, FEATURES), 0.9)


def made(name):
    """Return a network with its weights, and the same in NumPy as a function of a sequence."""
    model = build(keras, NETWORKS[name], sequences=False)
    values = [np.asarray(value) for value in model.get_weights()]

    def says(sequence, values=values):
        return Written(NETWORKS[name], False, values, 1)(np.asarray(sequence, np.float64)[None])[0, 0]

    return model, values, says


def by_hand(name, values):
    """Return gates and states of every layer, each ``(time, units)`` in the order of time, from loops in float64."""
    x, found, left = SEQUENCE.astype(np.float64), [], iter(array.astype(np.float64) for array in values)
    for cell in NETWORKS[name]:
        outputs = []
        for backwards in (False, True) if cell.merge is not None else (False,):
            weights = [next(left) for _ in range(3)]
            steps = _loop(cell, weights, x[::-1] if backwards else x)
            if backwards:
                steps = {gate: array[::-1] for gate, array in steps.items()}
            found.append(steps)
            outputs.append(steps["h"])
        x = outputs[0] if len(outputs) == 1 else (outputs[0] + outputs[1]) / 2
    return found


def _loop(cell, weights, x):
    state = [np.zeros((1, cell.units)) for _ in range(2 if cell.kind == "LSTM" else 1)]
    steps = []
    for row in x:
        gates = _gates(cell.kind, row[None], state[0], weights)
        state = STEPS[cell.kind](row[None], state, weights)
        steps.append({**gates, **dict(zip("hc", state, strict=False))})
    return {name: np.concatenate([step[name] for step in steps]) for name in steps[0]}


def _gates(kind, x, h, weights):
    if kind == "SimpleRNN":
        return {}
    kernel, recurrent_kernel, bias = weights
    if kind == "LSTM":
        i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=-1)
        return {"input": sigmoid(i), "forget": sigmoid(f), "cell": np.tanh(g), "output": sigmoid(o)}
    bias, recurrent_bias = bias if kind == "GRU" else (bias, np.zeros_like(bias))
    (x_z, x_r, x_n), (u_z, u_r, u_n) = (
        np.split(side, 3, axis=-1) for side in (x @ kernel + bias, h @ recurrent_kernel + recurrent_bias)
    )
    z, r = sigmoid(x_z + u_z), sigmoid(x_r + u_r)
    inner = r * u_n if kind == "GRU" else (r * h) @ np.split(recurrent_kernel, 3, axis=-1)[2]
    return {"update": z, "reset": r, "candidate": np.tanh(x_n + inner)}


def reader():
    """Return a network for texts with a window of eight words, a convolution, both directions and three classes.

    It is built here for every module that looks into it, so that they share its compiled programs in the cache of a run.
    """
    model = keras.Sequential(
        [
            keras.Input((8,), dtype="int32"),
            layers.Embedding(8, 4),
            layers.Conv1D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling1D(2),
            layers.Bidirectional(layers.SimpleRNN(2, return_sequences=True)),
            layers.GRU(3),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ],
        name="<b>reader",
    )
    gw.initialize(model, 3)
    return model


def echo():
    """Return an LSTM of twelve units in a chain, each of which holds what the one before it held a step ago.

    Gates are open, forget gates closed, and values so small that tanh is a straight line; `listen_to` chooses a unit.
    """
    model = keras.Sequential([keras.Input((None, 1)), layers.LSTM(12), layers.Dense(1)])
    kernel, recurrent_kernel = np.zeros((1, 48)), np.zeros((12, 48))
    kernel[0, 24] = 1e-3
    for unit in range(1, 12):
        recurrent_kernel[unit - 1, 24 + unit] = 1.0
    bias = np.concatenate([np.full(12, 25.0), np.full(12, -25.0), np.zeros(12), np.full(12, 25.0)])
    model.set_weights([kernel, recurrent_kernel, bias, np.zeros((12, 1)), np.zeros(1)])
    return model


def listen_to(model, steps):
    """Let an echo say the input of so many steps ago."""
    model.layers[-1].kernel.assign(np.where(np.arange(12)[:, None] == steps, 1e3, 0.0))


def plain():
    """Return a plain network; `multiply` says by what its state is multiplied in every step, as long as it is small."""
    return keras.Sequential([keras.Input((None, 1)), layers.SimpleRNN(2), layers.Dense(1)])


def multiply(model, factor):
    """Set the weights of a plain network."""
    model.set_weights([np.full((1, 2), 1e-9), np.eye(2) * factor, np.zeros(2), np.ones((2, 1)), np.zeros(1)])


def keeper():
    """Return an LSTM that forgets nothing."""
    model = keras.Sequential([keras.Input((None, 1)), layers.LSTM(2), layers.Dense(1)])
    wide = np.full(2, 25.0)
    bias = np.concatenate([wide, wide, np.zeros(2), wide])
    kernel = np.concatenate([np.zeros(4), np.full(2, 1e-4), np.zeros(2)])[None]
    model.set_weights([kernel, np.zeros((2, 8)), bias, np.ones((2, 1)), np.zeros(1)])
    return model
