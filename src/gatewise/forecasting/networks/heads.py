"""What a network says of the future: one number a step, some quantiles, or a distribution.

A network with a head of quantiles is trained on the pinball loss (Koenker and Bassett 1978, "Regression quantiles"), one with
a head of a distribution on its likelihood. Either speaks on the scale on which the network sees its series, as in logarithms;
a quantile there is the same quantile of the values. Counts have a distribution of their own, the negative binomial one, which
speaks of the values themselves, as multiples of their recent level (as in Salinas and others 2020, "DeepAR").
"""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Float64

from gatewise.errors import UsageError
from gatewise.forecasting.rolling import QUANTILE_LEVELS

Head = Literal["point", "quantile", "normal", "student-t", "negative-binomial"]
COUNTS: Head = "negative-binomial"
_OUTPUTS = {"point": 1, "quantile": len(QUANTILE_LEVELS), "normal": 2, "student-t": 3, COUNTS: 2}
# A distribution that begins as wide as a usual movement, and Student's with about so many degrees of freedom beyond the
# fewest, where its variance is finite.
_ONE = float(np.log(np.e - 1))
FEWEST_FREEDOM, FREEDOM = 2.1, 5.0
# The least width of a distribution, in usual movements.
LEAST_WIDTH = 1e-3


def check_head(head: str) -> None:
    """Refuse a head that there is not.

    Raises:
        UsageError: There is no such head.
    """
    if head not in get_args(Head):
        raise UsageError(f"head is {head!r}: choose among {', '.join(map(repr, get_args(Head)))}.")


def outputs_of(head: Head) -> int:
    """Return how many outputs of a network a step of the horizon has."""
    return _OUTPUTS[head]


def beginning() -> Float64[np.ndarray, " levels"]:
    """Return where the quantiles are of a network whose outputs are all 0: those of the standard normal distribution."""
    from scipy import special

    return np.asarray(special.ndtri(QUANTILE_LEVELS))


def quantiles_of(head: Head, outputs: Float[np.ndarray, "*axes outputs"]) -> Float64[np.ndarray, "*axes steps levels"]:
    """Return the quantiles that the outputs of a network mean; of a head of points the point alone, and not for counts.

    Quantiles that cross are put in order, which never makes them worse (Chernozhukov, Fernández-Val and Galichon 2010,
    "Quantile and probability curves without crossing").

    Args:
        head: What the outputs are.
        outputs: On their last axis those of a step stand together.
    """
    from scipy import special

    each = np.asarray(outputs, np.float64).reshape(*outputs.shape[:-1], -1, _OUTPUTS[head])
    if head == "point":
        return each
    if head == "quantile":
        return np.sort(each + beginning(), axis=-1)
    width = np.logaddexp(0.0, each[..., 1:2] + _ONE) + LEAST_WIDTH
    if head == "normal":
        return each[..., :1] + width * beginning()
    freedom = FEWEST_FREEDOM + np.logaddexp(0.0, each[..., 2:] + FREEDOM)
    return each[..., :1] + width * special.stdtrit(freedom, QUANTILE_LEVELS)
