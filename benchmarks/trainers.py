"""One runner on one work in this process: what layers.py and growth.py start for each of their cells.

``python trainers.py JOB`` reads a runner, a work and how much is to be timed as JSON, and prints what it measured as JSON.
Imports nothing of gatewise unless gatewise is the runner, because that puts Keras on JAX.
"""

import contextlib
import ctypes
import gc
import json
import sys
import time
from pathlib import Path

from works import EMBEDDING, VOCABULARY, Work, arrays

ADAM_EPSILON = 1e-7  # Keras's default; PyTorch's is 1e-8.


def keras_model(work):
    """Return the network as a compiled Keras model on the backend that Keras is on."""
    import keras

    layers = keras.layers
    model = keras.Sequential()
    if work.features:
        model.add(keras.Input((work.time, work.features)))
    else:
        model.add(keras.Input((work.time,), dtype="int32"))
        model.add(layers.Embedding(VOCABULARY, EMBEDDING, mask_zero=work.masked))
    if work.convolution:
        model.add(layers.Conv1D(32, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling1D(2))
    model.add(getattr(layers, work.cell)(work.units, dropout=work.dropout, recurrent_dropout=work.dropout))
    model.add(layers.Dense(1, activation=None if work.features else "sigmoid"))
    model.compile("adam", "mse" if work.features else "binary_crossentropy")
    return model


def keras_calls(work, x, y, lengths):
    """Return the first call and the timed call of Keras."""
    model = keras_model(work)
    if work.predicts:
        predict = lambda rows: model.predict(x[:rows], batch_size=work.batch, verbose=0)  # noqa: E731
        return lambda: predict(work.batch), lambda: predict(work.rows)

    def train(rows, epochs):
        model.fit(x[:rows], y[:rows], batch_size=work.batch, epochs=epochs, shuffle=False, verbose=0)

    return lambda: train(work.batch, 1), lambda: train(work.rows, work.epochs)


def gatewise_calls(work, x, y, lengths):
    """Return the first call and the timed call of gatewise; the first one is a whole epoch, because that is compiled."""
    import gatewise as gw

    model = keras_model(work)
    if work.predicts:
        predict = lambda: gw.predict(model, x, batch_size=work.batch, verbose=0)  # noqa: E731
        return predict, predict
    train = lambda epochs: gw.fit(model, x, y, work.batch, epochs, verbose=0, shuffle=False)  # noqa: E731
    return lambda: train(1), lambda: train(work.epochs)


def torch_network(work):
    """Return the network as a PyTorch module; its outputs are logits where the targets are 0 or 1."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = None if work.features else nn.Embedding(VOCABULARY, EMBEDDING)
            self.convolution = nn.Conv1d(EMBEDDING, 32, 3, padding=1) if work.convolution else None
            self.recurrent = getattr(nn, work.cell)(work.walked[1], work.units, batch_first=True)
            self.head = nn.Linear(work.units, 1)

        def forward(self, x, lengths=None):
            if self.embedding is not None:
                x = self.embedding(x)
            if self.convolution is not None:
                x = torch.relu(self.convolution(x.transpose(1, 2)))
                x = nn.functional.max_pool1d(x, 2).transpose(1, 2)
            if lengths is not None:
                x = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
                state = self.recurrent(x)[1]
                return self.head((state[0] if work.cell == "LSTM" else state)[-1])
            return self.head(self.recurrent(x)[0][:, -1])

    return Network()


def torch_calls(work, x, y, lengths):
    """Return the first call and the timed call of a plain PyTorch loop."""
    import numpy as np
    import torch

    if work.masked:  # The words come first, as packing wants them.
        x = np.stack([np.roll(row, length) for row, length in zip(x, lengths, strict=True)])
    network = torch_network(work)
    # fused: a tenth off a step of lstm-32.
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, eps=ADAM_EPSILON, fused=True)
    loss_of = torch.nn.MSELoss() if work.features else torch.nn.BCEWithLogitsLoss()
    x, y, lengths = torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(lengths)

    def train(rows, epochs):
        for _ in range(epochs):
            for start in range(0, rows, work.batch):
                cut = slice(start, start + work.batch)
                loss = loss_of(network(x[cut], lengths[cut] if work.masked else None), y[cut])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()

    def predict(rows):
        with torch.inference_mode():
            return torch.cat([torch.sigmoid(network(x[:rows][i : i + work.batch])) for i in range(0, rows, work.batch)])

    if work.predicts:
        network.eval()
        return lambda: predict(work.batch), lambda: predict(work.rows)
    return lambda: train(work.batch, 1), lambda: train(work.rows, work.epochs)


def resident(field):
    """Return a field of this process's memory in bytes: ``VmRSS`` (now) or ``VmHWM`` (at most so far); Linux only.

    Not getrusage: its figure is inherited from the process that started this one.
    """
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def forget_peak():
    """Give back what is free, and let ``VmHWM`` begin anew from what is resident now."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def measure(runner, work, repeats, least_seconds):
    """Return the seconds of the first call, the milliseconds of a step in each timed call, and the memory.

    Timed are so many calls, and more until they took so many seconds together.
    """
    kinds = {"torch": torch_calls, "keras": keras_calls, "gatewise": gatewise_calls}
    first, run = kinds[runner.partition("-")[0]](work, *arrays(work))
    start = time.perf_counter()
    first()
    first_seconds = time.perf_counter() - start
    whole = resident("VmHWM")
    forget_peak()
    at_rest = resident("VmRSS")
    seconds = []
    while len(seconds) < repeats or sum(seconds) < least_seconds:
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    steps = work.steps * (1 if work.predicts else work.epochs)
    return {
        "first_seconds": first_seconds,
        "milliseconds": [round(1e3 * value / steps, 4) for value in seconds],
        "peak_bytes": max(whole, resident("VmHWM")),
        "step_bytes": resident("VmHWM") - at_rest,
    }


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    job["work"]["runners"] = tuple(job["work"]["runners"])
    print(json.dumps(measure(job["runner"], Work(**job["work"]), job["repeats"], job["least_seconds"])))
