"""`Pinball`: the loss whose minimum is a quantile, so that a network gives an interval and not only a middle."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import ShapeError, UsageError

keras = import_keras()
ops = keras.ops


@keras.saving.register_keras_serializable(package="gatewise")
class Pinball(keras.losses.Loss):  # type: ignore[name-defined]
    """The pinball loss ``max(τ (y - q), (τ - 1) (y - q))``, the mean over outputs and rows.

    Koenker and Bassett 1978, "Regression quantiles", section 3. At a level of 0.5 it is half the absolute error.

    Args:
        levels: The probability τ of each quantile, between 0 and 1. A number: every output is the quantile of a target of
            its own. A list ``(levels,)``: the last axis of the outputs holds the quantiles of one target, which has no
            such axis, or one of size 1.
        name: A name for it.
        reduction: As of every loss of Keras.
        dtype: Likewise.

    Raises:
        UsageError: A level that is no probability between 0 and 1.

    Example:
        >>> import numpy as np, gatewise as gw, keras
        >>> model = keras.Sequential([keras.Input((3, 1)), gw.layers.LSTM(4), keras.layers.Dense(3)])
        >>> model.compile("adam", gw.losses.Pinball([0.1, 0.5, 0.9]))
        >>> x, y = gw.windows(np.sin(np.arange(60) / 6), look_back=3, layout="steps")
        >>> ensemble = gw.fit_ensemble(model, x, y, members=8, batch_size=4, epochs=5, verbose=0)
        >>> ensemble.predict(x).shape
        (8, 57, 3)
    """

    def __init__(
        self,
        levels: float | Sequence[float],
        name: str = "pinball",
        reduction: str = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.levels = _checked(levels)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row, or of each row and whatever is beside the last axis of the outputs.

        Args:
            y_true: Targets.
            y_pred: Quantiles.

        Raises:
            ShapeError: There is not one quantile for each level, or one target for each output.
        """
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.cast(y_true, y_pred.dtype)
        if isinstance(self.levels, float):
            y_true = _like(y_true, y_pred, f"{self.levels}")
        else:
            if y_pred.shape[-1] != len(self.levels):
                raise ShapeError(
                    f"The loss Pinball has {len(self.levels)} levels, and the outputs of the model have the shape "
                    f"{tuple(y_pred.shape)}: their last axis is to hold a quantile for each level."
                )
            y_true = _like(y_true, y_pred[..., :1], f"{list(self.levels)}")
        error = y_pred - y_true
        levels = ops.convert_to_tensor(np.asarray(self.levels), y_pred.dtype)
        return ops.mean(ops.maximum((1 - levels) * error, -levels * error), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return what the loss is made again from."""
        levels = self.levels if isinstance(self.levels, float) else list(self.levels)
        return {**super().get_config(), "levels": levels}


def _checked(levels: Any) -> float | tuple[float, ...]:
    array = np.asarray(levels)
    if array.dtype.kind not in "fiu" or array.ndim > 1 or not array.size or not ((array > 0) & (array < 1)).all():
        raise UsageError(
            f"levels={levels!r}: a number between 0 and 1 is needed, such as 0.9, or a list of them, such as [0.1, 0.5, 0.9]."
        )
    return float(array) if array.ndim == 0 else tuple(float(level) for level in array)


def _like(y_true: Any, y_pred: Any, levels: str) -> Any:
    """Return targets in the shape of what they are compared with: the two may differ in a last axis of size 1."""
    if len(y_true.shape) + 1 == len(y_pred.shape) and y_pred.shape[-1] == 1:
        y_true = ops.expand_dims(y_true, -1)
    if len(y_true.shape) != len(y_pred.shape) or y_true.shape[1:] != y_pred.shape[1:]:
        raise ShapeError(
            f"The loss Pinball({levels}) compares targets of the shape {tuple(y_true.shape)} with outputs for which "
            f"{tuple(y_pred.shape)} is needed."
        )
    return y_true
