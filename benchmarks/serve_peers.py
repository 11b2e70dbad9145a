"""The network of serve.py in NumPy, and its states in a dict: what servers without sessions are given. Imports no gatewise."""

import os

import numpy as np


class Network:
    """An LSTM and a Dense layer; the state of each session for as long as the process lives."""

    def __init__(self):
        with np.load(os.environ["LSTM_WEIGHTS"]) as arrays:
            self.kernel, self.recurrent, self.bias = arrays["kernel"], arrays["recurrent"], arrays["bias"]
            self.dense, self.dense_bias = arrays["dense"], arrays["dense_bias"]
        self.units = len(self.recurrent)
        self.states = {}

    def step(self, session, x):
        """Return what the network says of the next observation of a session ``(features,)``."""
        h, c = self.states.get(session) or (np.zeros(self.units, "float32"), np.zeros(self.units, "float32"))
        z = np.asarray(x, "float32") @ self.kernel + h @ self.recurrent + self.bias
        i, f, g, o = np.split(z, 4)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        self.states[session] = h, c
        return h @ self.dense + self.dense_bias


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))
