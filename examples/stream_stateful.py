"""A stateful network, trained in the order of time and then fed one value at a time, as values come in.

The state is carried from batch to batch in training, and from call to call afterwards; a fork of the stream plays the
future through without disturbing it.
"""

import numpy as np

import gatewise as gw  # before keras: it puts Keras on JAX
import keras


def main():
    series = np.sin(np.arange(601) / 4).astype("float32")
    past, live = series[:501], series[501:]

    # 50 samples of 10 values, one after the other in time; the target of each value is the one that follows it.
    x, y = past[:-1].reshape(50, 10, 1), past[1:].reshape(50, 10, 1)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(1, 10, 1)),
            keras.layers.LSTM(8, stateful=True, return_sequences=True),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), loss="mse")
    history = gw.fit(model, x, y, epochs=150, batch_size=1, shuffle=False, seed=0)
    print(f"loss {history.history['loss'][0]:.3f} in the first epoch, {history.history['loss'][-1]:.6f} in the last")

    stream = gw.stream(model)
    for value in past:
        forecast = stream.step([value]).item()
    errors = []
    for value in live:
        errors.append(abs(forecast - value))
        forecast = stream.step([value]).item()
    print(f"one step ahead, live: mean absolute error {np.mean(errors):.4f}")

    future, path = stream.fork(), [forecast]
    for _ in range(11):
        path.append(future.step([path[-1]]).item())
    print("twelve steps ahead, fed with itself:", np.round(path, 2))
    print("what it should be:                  ", np.round(np.sin(np.arange(601, 613) / 4), 2))

    stream.save("stream-state")  # the state by itself; the model is saved with gw.save
    again = gw.stream(model)
    again.load("stream-state")
    assert again.step([0.5]) == stream.step([0.5])


if __name__ == "__main__":
    main()
