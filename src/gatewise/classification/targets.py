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


class RightTexts(keras.metrics.Metric):  # type: ignore[name-defined]
    """The share of texts whose outputs are all right, of targets of `weighted`.

    Args:
        one_of_many: Whether a text has one of several outputs.
        as_scores: Makes scores of what the network puts out.
    """

    def __init__(self, one_of_many: bool, as_scores: Callable[[Any], Any] = lambda outputs: outputs) -> None:
        super().__init__(name="right")
        self.one_of_many = one_of_many
        self.as_scores = as_scores
        self.right = self.add_weight(name="right", initializer="zeros")
        self.texts = self.add_weight(name="texts", initializer="zeros")

    def update_state(self, targets: Any, outputs: Any, sample_weight: Any = None) -> None:
        """Count the texts of a step; padding, which counts nothing, is left out."""
        truth, scores = targets[..., :-1], self.as_scores(outputs)
        there = ops.cast(targets[..., -1] > 0, "float32")
        if self.one_of_many:
            right = ops.equal(ops.argmax(scores, axis=-1), ops.argmax(truth, axis=-1))
        else:
            right = ops.all(ops.equal(scores > 0, truth > 0.5), axis=-1)
        self.right.assign_add(ops.sum(ops.cast(right, "float32") * there))
        self.texts.assign_add(ops.sum(there))

    def result(self) -> Any:
        """Return the share."""
        return self.right / ops.maximum(self.texts, 1.0)
