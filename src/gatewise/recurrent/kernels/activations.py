"""The logistic function and tanh of a vector, to about two units in the last place; NaN in, NaN out."""

from llvmlite import ir

from gatewise.recurrent.kernels.emitter import INT32, Vector

# tanh as an odd rational function of degree 13 over 6, the one that Eigen (Eigen/src/Core/MathFunctionsImpl.h, ptanh_float)
# and so XLA and TensorFlow use; beyond the limit it is 1 in float32.
_TANH_LIMIT = 7.90531110763549805
_TANH_ABOVE = (
    -2.76076847742355e-16,
    2.00018790482477e-13,
    -8.60467152213735e-11,
    5.12229709037114e-08,
    1.48572235717979e-05,
    6.37261928875436e-04,
    4.89352455891786e-03,
)
_TANH_BELOW = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)

# exp by the reduction and the polynomial of the Cephes library (expf.c): x = n log 2 + r, the logarithm in two parts.
_LOG2_E = 1.44269504088896341
_LOG_2_HIGH, _LOG_2_LOW = 0.693359375, -2.12194440e-4
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
# The largest x for which both exp(x) and exp(-x) are normal floats.
_EXP_LIMIT = 87.0
# Added to a small float, it leaves its nearest whole number in the lowest bits.
_ROUNDER = 12582912.0


def tanh(x: Vector) -> Vector:
    """Return tanh of every lane."""
    x = x.limited(-_TANH_LIMIT, _TANH_LIMIT)
    square = x * x
    return x * _polynomial(square, _TANH_ABOVE) / _polynomial(square, _TANH_BELOW)


def sigmoid(x: Vector) -> Vector:
    """Return ``1 / (1 + exp(-x))`` of every lane, its small values exact relative to themselves."""
    return 1.0 / (_exp(0.0 - x.limited(-_EXP_LIMIT, _EXP_LIMIT)) + 1.0)


def _polynomial(x: Vector, coefficients: tuple[float, ...]) -> Vector:
    value = x.emitter.constant(coefficients[0], x.lanes)
    for coefficient in coefficients[1:]:
        value = value.times_plus(x, coefficient)
    return value


def _exp(x: Vector) -> Vector:
    rounded = x.times_plus(_LOG2_E, _ROUNDER)
    whole = rounded - _ROUNDER
    rest = whole.times_plus(-_LOG_2_LOW, whole.times_plus(-_LOG_2_HIGH, x))
    value = _polynomial(rest, _EXP).times_plus(rest * rest, rest) + 1.0
    return value * _two_to(rounded)


def _two_to(rounded: Vector) -> Vector:
    """Return two to the power of the whole number in the lowest bits, written into the exponent of a float."""
    builder = rounded.emitter.builder
    kind = ir.VectorType(INT32, rounded.lanes)
    bits = builder.bitcast(rounded.value, kind)
    shifted = builder.shl(bits, ir.Constant(kind, [23] * rounded.lanes))
    exponent = builder.add(shifted, ir.Constant(kind, [127 << 23] * rounded.lanes))
    return Vector(rounded.emitter, builder.bitcast(exponent, rounded.value.type))
