"""Activations that older versions of Keras had and Keras 3 has not."""

from typing import Any

from gatewise.backend import import_keras

keras = import_keras()


def hard_sigmoid_keras2(x: Any) -> Any:
    """Return ``clip(0.2 x + 0.5, 0, 1)``: what ``"hard_sigmoid"`` meant in Keras 1 and 2.

    It was the default ``recurrent_activation`` of LSTM and GRU up to Keras 2.2. Keras 3's ``"hard_sigmoid"`` is
    ``relu6(x + 3) / 6``: a slope of 1/6 where this one has 1/5.

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the same shape, in 0…1.

    >>> [float(value) for value in hard_sigmoid_keras2(keras.ops.array([-2.5, 0.0, 1.0, 9.0]))]
    [0.0, 0.5, 0.699999988079071, 1.0]
    """
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


keras.saving.register_keras_serializable(package="gatewise")(hard_sigmoid_keras2)
