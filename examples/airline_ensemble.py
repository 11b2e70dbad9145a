"""One network, a hundred seeds: how much of its error is luck, and does it beat repeating the last value?

The network of the recipe `lstm-time-steps`, by hand. The scaler sees the training part only.
"""

import numpy as np

import gatewise as gw  # before keras: it puts Keras on JAX
import keras
from gatewise.datasets import load_airline

LOOK_BACK = 3


def rmse(predictions, actual):
    """Root mean squared error over the last axis, in thousands of passengers."""
    return np.sqrt(np.mean((predictions - actual) ** 2, axis=-1))


def main():
    passengers = load_airline()  # 144 months, 1949 to 1960
    split = int(len(passengers) * 0.67)
    low, high = passengers[:split].min(), passengers[:split].max()
    x, y = gw.windows((passengers - low) / (high - low), LOOK_BACK)
    train = split - LOOK_BACK

    model = keras.Sequential([keras.Input((LOOK_BACK, 1)), keras.layers.LSTM(4), keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    ensemble = gw.fit_ensemble(model, x[:train], y[:train], members=100, epochs=100, batch_size=1, seed=0)

    predictions = ensemble.predict(x[train:])[:, :, 0] * (high - low) + low
    actual = passengers[split:]
    errors = rmse(predictions, actual)
    persistence = rmse(passengers[split - 1 : -1], actual)
    low_error, median, high_error = np.quantile(errors, [0.05, 0.5, 0.95])
    print(f"test RMSE of 100 seeds: median {median:.1f}, 5-95 % {low_error:.1f} to {high_error:.1f}")
    print(f"persistence: {persistence:.1f}; beaten by {np.mean(errors < persistence):.0%} of the seeds")
    print(f"mean of all members: {rmse(predictions.mean(axis=0), actual):.1f}")
    print(ensemble.history)


if __name__ == "__main__":
    main()
