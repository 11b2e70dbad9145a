"""What a network adds to its forecast of each step for covariates that are known in advance there."""

from typing import Any

# Units of the layer in which state and covariates of a step meet.
_UNITS = 8


def known_ahead(hidden: Any, ahead: Any, outputs: int = 1) -> Any:
    """Return an addition to each step of the horizon, from the state and the covariates of that step.

    All steps share the weights: what a promotion does is learned from every step that has one.

    Args:
        hidden: State of a network, a Keras tensor ``(…, units)``.
        ahead: Covariates over the horizon, ``(…, horizon, features)``.
        outputs: Of each step.

    Returns:
        A Keras tensor ``(…, horizon × outputs)``, those of a step together; about 0 before training.
    """
    from gatewise.backend import import_keras

    keras = import_keras()
    small = keras.initializers.VarianceScaling(0.01)
    state = keras.ops.expand_dims(keras.layers.Dense(_UNITS, use_bias=False)(hidden), -2)
    both = keras.ops.add(keras.layers.Dense(_UNITS)(ahead), state)
    added = keras.layers.Dense(outputs, kernel_initializer=small)(keras.ops.tanh(both))
    axes = [size if size is not None else -1 for size in ahead.shape[1:-2]]
    return keras.layers.Reshape((*axes, ahead.shape[-2] * outputs))(added)
