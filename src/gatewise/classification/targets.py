"""What networks are trained towards: the loss of a text, whatever the number of its classes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64

from gatewise.backend import import_keras

keras = import_keras()
ops = keras.ops


def weighted(
    truth: Bool[np.ndarray, "samples outputs"], importance: Float64[np.ndarray, " samples"]
) -> Float32[np.ndarray, "samples columns"]:
    """Return targets for `loss_of`: the outputs that each text has, and last how much it counts."""
    return np.concatenate([truth, importance[:, None]], axis=1).astype(np.float32)


def loss_of(one_of_many: bool) -> Callable[[Any, Any], Any]:
    """Return the loss of a step: the mean log loss of its texts.

    Args:
        one_of_many: Whether a text has one of several outputs, rather than each of them or not.
    """

    def mean_log_loss(targets: Any, scores: Any) -> Any:
        truth, importance = targets[..., :-1], targets[..., -1]
        if one_of_many:
            each = ops.logsumexp(scores, axis=-1) - ops.sum(truth * scores, axis=-1)
        else:
            each = ops.sum(ops.softplus(scores) - truth * scores, axis=-1)
        # A step of nothing but padding has no loss.
        return ops.sum(each * importance) / ops.maximum(ops.sum(importance), 1e-6)

    return mean_log_loss
