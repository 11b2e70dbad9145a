"""The loss of a network that forecasts from every step of a series: sMAPE, a scaled absolute error, or between them."""

from typing import Any

from gatewise.backend import import_keras
from gatewise.forecasting.origins import UNKNOWN

keras = import_keras()
ops = keras.ops

# An error of e^6 times is as bad as any larger one.
_WORST = 6.0


class OriginLoss(keras.losses.Loss):  # type: ignore[name-defined]
    """The mean over all known targets of all origins in a batch, times ten.

    The last axis of the targets holds the corrections, `UNKNOWN` where nothing is known, and three numbers more: what to
    multiply an error with for a difference of logarithms, with what for a scaled absolute error, and the share of the
    first. The sMAPE of a difference d of logarithms is ``200 tanh(|d| / 2)``; here it is a hundredth of that.

    Args:
        horizon: How many corrections there are.
    """

    def __init__(self, horizon: int) -> None:
        super().__init__(name="origins")
        self.horizon = horizon

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each origin."""
        targets, logs, scaled, relative = ops.split(y_true, [self.horizon, self.horizon + 1, self.horizon + 2], axis=-1)
        known = targets < float(UNKNOWN) / 2
        error = ops.where(known, ops.abs(y_pred - targets), 0.0)
        smape = 2 * ops.tanh(ops.minimum(error * logs, _WORST) / 2)
        loss = relative * smape + (1 - relative) * error * scaled
        share = ops.mean(ops.cast(known, y_pred.dtype))
        return 10 * ops.mean(ops.where(known, loss, 0.0), axis=-1) / ops.maximum(share, 1e-6)
