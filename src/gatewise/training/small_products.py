"""Tiny matrix products written out as sums, so that XLA fuses them with what is around them.

On a CPU every matrix product is a call of its own, and for a cell of four units the call costs ten times the work; it
also cuts the elementwise code around it into pieces, each another call. Written as multiply-and-sum it disappears into
its neighbours. The numbers are the same up to the order of a sum of a few terms.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, Var

# Products with at most this many multiplications are written out; measured with benchmarks/fit.py on the recipes
# (at most 192) and a GRU(64), whose products are far larger and stay what they are.
MULTIPLICATIONS = 4096


def with_small_products_written_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes the same with its tiny matrix products written out.

    Args:
        function: A traceable function of nests of arrays, gradients included: apply it outside of `jax.grad`.
    """

    def written_out(*arguments: Any) -> Any:
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        outputs = _evaluate(closed.jaxpr, closed.consts, jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(shape), outputs)

    return written_out


def _evaluate(jaxpr: Jaxpr, consts: list[Any], arguments: list[Any]) -> list[Any]:
    values: dict[Var, Any] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *arguments], strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        inputs = [read(atom) for atom in equation.invars]
        outputs = _apply(equation, inputs)
        values.update(zip(equation.outvars, outputs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _apply(equation: Any, inputs: list[Any]) -> list[Any]:
    name = equation.primitive.name
    if name == "dot_general" and _multiplications(equation, inputs) <= MULTIPLICATIONS:
        left, right = inputs
        return [_written_out(left, right, equation.params["dimension_numbers"], equation.outvars[0].aval.dtype)]
    inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
    if name in ("pjit", "jit", "closed_call", "custom_jvp_call", "custom_vjp_call", "remat") and inner is not None:
        if isinstance(inner, ClosedJaxpr):
            return _evaluate(inner.jaxpr, inner.consts, inputs)
        return _evaluate(inner, [], inputs)
    outputs = equation.primitive.bind(*inputs, **equation.primitive.get_bind_params(equation.params))
    return list(outputs) if equation.primitive.multiple_results else [outputs]


def _multiplications(equation: Any, inputs: list[Any]) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    size = int(equation.outvars[0].aval.size)
    for axis in contracted:
        size *= inputs[0].shape[axis]
    return size


def _written_out(left: Any, right: Any, dimensions: Any, dtype: Any) -> Any:
    """Return ``dot_general`` as a broadcast product and a sum; the output axes are batch, left, right, as there."""
    (left_sum, right_sum), (left_batch, right_batch) = dimensions
    left_free = [axis for axis in range(left.ndim) if axis not in (*left_sum, *left_batch)]
    right_free = [axis for axis in range(right.ndim) if axis not in (*right_sum, *right_batch)]
    left = left.transpose(*left_batch, *left_free, *left_sum)
    right = right.transpose(*right_batch, *right_free, *right_sum)
    batch, summed = len(left_batch), len(left_sum)
    left = jnp.expand_dims(left, tuple(range(batch + len(left_free), batch + len(left_free) + len(right_free))))
    right = jnp.expand_dims(right, tuple(range(batch, batch + len(left_free))))
    return jnp.sum(left * right, axis=tuple(range(-summed, 0)) if summed else (), dtype=dtype)
