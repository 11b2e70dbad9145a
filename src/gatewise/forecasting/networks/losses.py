"""The loss of a network that forecasts from every step of a series: sMAPE, a scaled absolute error, or between them."""

from typing import Any

from gatewise.backend import import_keras
from gatewise.forecasting.networks.origins import UNKNOWN

keras = import_keras()
ops = keras.ops

# An error of e^6 times is as bad as any larger one.
_WORST = 6.0


class OriginLoss(keras.losses.Loss):  # type: ignore[name-defined]
    """The mean over all known targets of all origins in a batch, times ten.

    The last axis of the targets holds the corrections, `UNKNOWN` where nothing is known; with what to multiply an error for
    a scaled absolute error, one number or one for each; with what for a difference of logarithms; and the share of that
    in the loss. The sMAPE of a difference d of logarithms is ``200 tanh(|d| / 2)``; here it is a hundredth of that.

    Args:
        horizon: How many corrections there are.
    """

    def __init__(self, horizon: int) -> None:
        super().__init__(name="origins")
        self.horizon = horizon

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each origin."""
        targets, known, scaled, logs, relative = read_origins(y_true, self.horizon)
        error = ops.where(known, ops.abs(y_pred - targets), 0.0)
        smape = 2 * ops.tanh(ops.minimum(error * logs, _WORST) / 2)
        loss = relative * smape + (1 - relative) * error * scaled
        share = ops.mean(ops.cast(known, y_pred.dtype))
        return 10 * ops.mean(ops.where(known, loss, 0.0), axis=-1) / ops.maximum(share, 1e-6)


def read_origins(y_true: Any, horizon: int) -> tuple[Any, Any, Any, Any, Any]:
    """Return the parts of the targets of `OriginLoss`: corrections, which of them are known, and the other three."""
    width = y_true.shape[-1]
    targets, scaled, logs, relative = ops.split(y_true, [horizon, width - 2, width - 1], axis=-1)
    return targets, targets < float(UNKNOWN) / 2, scaled, logs, relative


def compiled(model: Any, loss: Any, training: tuple[int, float, float]) -> Any:
    """Compile a model with AdamW, a short warm-up and a cosine to almost 0, clipped gradients and averaged weights.

    Args:
        model: A Keras model.
        loss: Its loss.
        training: Steps, the largest learning rate, and the decay of weights.
    """
    steps, rate, decay = training
    warm = max(steps // 20, 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 10, max(steps - warm, 1), alpha=0.02, warmup_target=rate, warmup_steps=warm
    )
    momentum = max(1 - 8 / steps, 0.5)
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=decay, global_clipnorm=1.0, use_ema=True, ema_momentum=momentum
    )
    model.compile(optimizer, loss)
    return model
