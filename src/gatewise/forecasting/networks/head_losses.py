"""The losses of networks that say more than a number: the pinball loss of quantiles, the likelihood of a distribution."""

from typing import Any

import numpy as np

from gatewise.backend import import_keras
from gatewise.forecasting.networks.counts import DISPERSION, FARTHEST, LEAST_DISPERSION
from gatewise.forecasting.networks.heads import (
    COUNTS,
    FEWEST_FREEDOM,
    FREEDOM,
    LEAST_WIDTH,
    Head,
    beginning,
    outputs_of,
)
from gatewise.forecasting.networks.losses import read_origins
from gatewise.forecasting.rolling import QUANTILE_LEVELS
from gatewise.training.pinball import Pinball

keras = import_keras()
ops = keras.ops

_ONE = float(np.log(np.e - 1))


class HeadLoss(keras.losses.Loss):  # type: ignore[name-defined]
    """The loss of outputs that `heads.quantiles_of` reads, the mean over the steps of the horizon.

    Args:
        head: What the outputs are.
    """

    def __init__(self, head: Head) -> None:
        super().__init__(name=f"head_{head.replace('-', '_')}")
        self.head = head
        self.pinball = Pinball(QUANTILE_LEVELS.tolist())

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row."""
        return ops.mean(self._each(y_true, y_pred), axis=-1)

    def _each(self, y_true: Any, y_pred: Any) -> Any:
        steps = y_true.shape[-1]
        each = ops.reshape(y_pred, (-1, steps, outputs_of(self.head)))
        if self.head == "quantile":
            return 2 * self.pinball.call(y_true, each + ops.convert_to_tensor(beginning(), each.dtype))
        middle, width = each[..., 0], ops.softplus(each[..., 1] + _ONE) + LEAST_WIDTH
        squares = ((y_true - middle) / width) ** 2
        if self.head == "normal":
            return ops.log(width) + squares / 2
        from jax.scipy.special import gammaln

        freedom = FEWEST_FREEDOM + ops.softplus(each[..., 2] + FREEDOM)
        constant = gammaln(freedom / 2) - gammaln((freedom + 1) / 2) + ops.log(freedom) / 2
        return constant + ops.log(width) + (freedom + 1) / 2 * ops.log1p(squares / freedom)


class CountLoss(keras.losses.Loss):  # type: ignore[name-defined]
    """The likelihood of counts by outputs that `counts.quantiles_of_counts` reads, the mean over the steps of the horizon.

    The last column of the targets is the level.
    """

    def __init__(self) -> None:
        super().__init__(name="counts")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row."""
        from jax.scipy.special import gammaln

        counts, level = y_true[..., :-1], y_true[..., -1:]
        each = ops.reshape(y_pred, (-1, counts.shape[-1], outputs_of(COUNTS)))
        mean = level * ops.exp(ops.clip(each[..., 0], -FARTHEST, FARTHEST))
        dispersion = ops.softplus(each[..., 1] + DISPERSION) + LEAST_DISPERSION
        size, share = 1 / dispersion, dispersion * mean
        one_more = ops.log1p(share)
        return ops.mean(
            gammaln(size) - gammaln(counts + size) + size * one_more + counts * (one_more - ops.log(share)), axis=-1
        )


class OriginQuantileLoss(keras.losses.Loss):  # type: ignore[name-defined]
    """The pinball loss of networks that forecast quantiles from every step of a series, in the units of `OriginLoss`.

    Args:
        horizon: How many corrections there are; each has `rolling.QUANTILE_LEVELS` outputs.
    """

    def __init__(self, horizon: int) -> None:
        super().__init__(name="origin_quantiles")
        self.horizon = horizon

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each origin."""
        targets, known, scaled, logs, relative = read_origins(y_true, self.horizon)
        each = ops.reshape(y_pred, (*targets.shape[:-1], self.horizon, len(QUANTILE_LEVELS)))
        error = each + ops.convert_to_tensor(beginning(), each.dtype) - ops.expand_dims(targets, -1)
        levels = ops.convert_to_tensor(QUANTILE_LEVELS, each.dtype)
        loss = 2 * ops.mean(ops.maximum((1 - levels) * error, -levels * error), axis=-1)
        loss = ops.where(known, loss, 0.0) * (relative * logs + (1 - relative) * scaled)
        share = ops.mean(ops.cast(known, each.dtype))
        return 10 * ops.mean(loss, axis=-1) / ops.maximum(share, 1e-6)
