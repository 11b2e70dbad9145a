"""A Keras model of your own: early stopping inside the compiled program, a run that is cut and resumed.

Two inputs, two outputs, dropout and batch normalisation; nothing of it has to be written for gatewise.
"""

import tempfile
from pathlib import Path

import numpy as np

import gatewise as gw  # before keras: it puts Keras on JAX
import keras


def build():
    """Return a compiled model that reads 12 values and the month, and predicts the next value and its sign."""
    values = keras.Input((12, 1), name="values")
    month = keras.Input((12,), name="month")
    state = keras.layers.GRU(8)(values)
    state = keras.layers.BatchNormalization()(keras.layers.concatenate([state, month]))
    state = keras.layers.Dropout(0.1)(state)
    following = keras.layers.Dense(1, name="following")(state)
    positive = keras.layers.Dense(1, activation="sigmoid", name="positive")(state)
    model = keras.Model([values, month], {"following": following, "positive": positive})
    model.compile(
        optimizer=keras.optimizers.AdamW(0.01, clipnorm=1.0),
        loss={"following": "mse", "positive": "binary_crossentropy"},
        metrics={"following": ["mae"], "positive": ["accuracy"]},
    )
    return model


def main():
    time = np.arange(400)
    series = np.sin(2 * np.pi * time / 12) + 0.1 * np.random.default_rng(0).normal(size=400)
    x, y = gw.windows(series, look_back=12)
    data = ({"values": x, "month": np.eye(12)[time[12:] % 12]}, {"following": y, "positive": y > 0})
    checkpoint = Path(tempfile.mkdtemp()) / "run"

    model = build()
    gw.initialize(model, seed=1)
    gw.fit(model, *data, epochs=4, validation_split=0.2, callbacks=[stop()], seed=1, checkpoint=checkpoint)

    model = build()  # as in another process, later: the same call goes on from the fifth epoch
    history = gw.fit(model, *data, epochs=60, validation_split=0.2, callbacks=[stop()], seed=1, checkpoint=checkpoint)
    print(
        f"epochs {history.epoch[0] + 1} to {history.epoch[-1] + 1}, stopped early: {history.stopped_epoch is not None}"
    )
    print({name: round(values[-1], 3) for name, values in history.history.items() if name.startswith("val_")})


def stop():
    """Return Keras's own callback; gatewise runs it inside the program."""
    return keras.callbacks.EarlyStopping(patience=8, restore_best_weights=True)


if __name__ == "__main__":
    main()
