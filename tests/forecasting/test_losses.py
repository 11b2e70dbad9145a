"""The loss of forecasts from every origin, against a loop over them."""

import numpy as np
import pytest

from gatewise.forecasting.networks.losses import OriginLoss
from gatewise.forecasting.networks.origins import UNKNOWN

HORIZON = 3


@pytest.mark.parametrize("each", [True, False], ids=["a weight each", "one weight"])
def test_the_loss_is_that_of_a_loop(each):
    generator = np.random.default_rng(0)
    targets, outputs = generator.normal(size=(2, 4, 5, HORIZON)).astype("float32")
    unknown = generator.random(targets.shape) < 0.4
    scaled = generator.random((4, 5, HORIZON if each else 1)).astype("float32")
    logs, relative = generator.random((2, 4, 5, 1)).astype("float32")
    total, count = 0.0, 0
    for place in np.argwhere(~unknown):
        row, step, ahead = place
        error = abs(float(targets[row, step, ahead]) - float(outputs[row, step, ahead]))
        # 200 |a - b| / (a + b) of two positive numbers whose logarithms differ by d, over a hundred.
        one, other = np.exp(error * logs[row, step, 0]), 1.0
        smape = 2 * abs(one - other) / (one + other)
        share = relative[row, step, 0]
        total += share * smape + (1 - share) * error * scaled[row, step, ahead if each else 0]
        count += 1
    y = np.concatenate([np.where(unknown, UNKNOWN, targets), scaled, logs, relative], -1)
    assert float(OriginLoss(HORIZON)(y, outputs)) == pytest.approx(10 * total / count, rel=1e-5)


def test_nothing_known_is_no_loss():
    y = np.concatenate([np.full((2, 2, HORIZON), UNKNOWN), np.ones((2, 2, 3))], -1).astype("float32")
    assert float(OriginLoss(HORIZON)(y, np.ones((2, 2, HORIZON), "float32"))) == 0
