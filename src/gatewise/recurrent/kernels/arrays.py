"""The arrays of the kernels in JAX: how weights are packed for them, what they need room for, what they give back.

`operands` has the names, `products` the packing, and the README of this folder the layout.
"""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from gatewise.recurrent.equations import Inputs, Weights
from gatewise.recurrent.kernels import target
from gatewise.recurrent.kernels.dropout import by_gate, side_by_side
from gatewise.recurrent.kernels.library import target_name
from gatewise.recurrent.kernels.operands import DROPOUT, DROPOUT_BY_GATE, back_operands, forward_operands
from gatewise.recurrent.kernels.products import blocked, packed_gates, packed_units, padded, unblocked
from gatewise.recurrent.kernels.rings import RING_ROWS
from gatewise.recurrent.kernels.steps import Steps, is_two_phased, rings_of

# From so many bytes on, what a walk forward saves is written past the caches: it would not be there for the walk back.
UNCACHED_BYTES = 1 << 25

if TYPE_CHECKING:
    from gatewise.recurrent.kernels.calls import Call


def run(call: "Call", part: str, operands: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    """Call a kernel with its arrays by name, and return its results by name."""
    steps = call.steps
    names, given = back_operands(steps) if part == "back" else forward_operands(steps, saving=part == "forward")
    aliases = {}
    if part == "back":
        aliases = {names.index(f"d_{state}_passed"): given.index(f"d_{state}") for state in steps.states}
    function = jax.ffi.ffi_call(
        target_name(steps.name, part), [results[name] for name in given], input_output_aliases=aliases
    )
    every = np.int64(call.returns != "last")
    uncached = np.int64("saved" in results and 4 * results["saved"].size >= UNCACHED_BYTES)
    outcome = function(
        *(operands[name] for name in names), every=every, threads=np.int64(call.threads), uncached=uncached
    )
    return dict(zip(given, outcome, strict=True))


def _floats(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


# -- what goes in -----------------------------------------------------------------------------------------------------


def of_mask(mask: Any, batch: int, threads: int) -> dict[str, Any]:
    """Return the mask, and where each thread's share of the rows begins and ends: as much that counts for each."""
    if mask is None:
        cuts = [batch * number // threads for number in range(threads + 1)]
        return {"mask": jnp.zeros((0, batch), jnp.bool_), "shares": jnp.asarray(cuts, jnp.int32)}
    # A row costs something even where nothing counts.
    done = jnp.cumsum(mask.sum(0, dtype=jnp.int32) + 1)
    goals = done[-1] * (jnp.arange(1, threads) / threads)
    inner = (done[None] <= goals[:, None]).sum(1, dtype=jnp.int32)
    ends = jnp.zeros(1, jnp.int32), jnp.full(1, batch, jnp.int32)
    return {"mask": mask, "shares": jnp.concatenate((ends[0], inner, ends[1]))}


def _by_phase(steps: Steps, kernel: Any) -> list[tuple[Any, int]]:
    """Cut a kernel into those of the phases, each with its number of gates."""
    units = kernel.shape[1] // steps.gates
    return [
        (kernel[:, units * phase.earlier : units * (phase.earlier + phase.gates)], phase.gates)
        for phase in steps.phases
    ]


def panels(steps: Steps, kernel: Any) -> Any:
    """Return a kernel packed for the walk forward."""
    parts = [packed_gates(target.shape(), part, gates) for part, gates in _by_phase(steps, kernel)]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def bias(steps: Steps, weights: Weights) -> Any:
    """Return what the sums of a product begin with."""
    shape, columns = target.shape(), weights.kernel.shape[1]
    if weights.bias is None:
        return jnp.zeros(steps.gates * padded(shape, columns // steps.gates), jnp.float32)
    parts = [blocked(shape, part, gates).reshape(-1) for part, gates in _by_phase(steps, weights.bias[None])]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def transposed_panels(steps: Steps, input_kernel: Any, kernel: Any) -> dict[str, Any]:
    """Return the kernels packed for the walk back; that of the inputs is None where nobody asks for their gradient."""
    return {
        "panels": _transposed(steps, kernel, [ring for ring in rings_of(steps) if ring.into is not None]),
        "input_panels": jnp.zeros(0, jnp.float32)
        if input_kernel is None
        else _transposed(steps, input_kernel, [ring for ring in rings_of(steps) if "inputs" in ring.factors]),
    }


def _columns(steps: Steps, ring: Any, units: int) -> slice:
    """Return which columns of a kernel the gates of a ring are."""
    return slice(units * ring.earlier, units * (ring.earlier + ring.gates))


def _transposed(steps: Steps, kernel: Any, rings: list[Any]) -> Any:
    shape, units = target.shape(), kernel.shape[1] // steps.gates
    parts = [
        packed_units(shape, blocked(shape, kernel[:, _columns(steps, ring, units)], ring.gates).T) for ring in rings
    ]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def of_dropout(steps: Steps, inputs: Inputs, weights: Weights, back: bool) -> dict[str, Any]:
    """Return the factors of dropout for a walk, forward or back; nothing for steps without."""
    if not steps.dropped:
        return {}
    _, rows, features = inputs.sequence.shape
    given = (inputs.weights.dropout, rows, features), (weights.dropout, rows, len(weights.kernel))
    arrays = {name: side_by_side(steps, *one) for name, one in zip(DROPOUT, given, strict=True)}
    if back:
        arrays |= {name: by_gate(steps, target.shape(), *one) for name, one in zip(DROPOUT_BY_GATE, given, strict=True)}
    return arrays


def with_room(state: Any) -> Any:
    """Return a gradient of h with room for whole vectors, which the products then write."""
    units = state.shape[1]
    return jnp.pad(state, ((0, 0), (0, padded(target.shape(), units) - units)))


# -- what comes out ---------------------------------------------------------------------------------------------------


def saved_shape(steps: Steps, time: int, batch: int, units: int) -> tuple[int, int, int] | None:
    """Return the shape of what the steps add to the states; None where they add nothing."""
    return (time, batch, steps.saves * padded(target.shape(), units)) if steps.saves else None


def forward_results(steps: Steps, operands: dict[str, Any], returned: int, saving: bool) -> dict[str, Any]:
    """Return what a walk forward gives.

    Args:
        steps: The equations.
        operands: What it takes.
        returned: How many states are kept of every step.
        saving: Whether the walk back is to follow.
    """
    time, (batch, units) = len(operands["inputs"]), operands["hidden_first"].shape
    # Where only the last output is wanted, two places are enough for h: before a step, and after it. c needs one.
    slots = {"hidden": 2, "cell": 1} | dict.fromkeys(steps.states[:returned], time)
    results = {state: _floats(slots[state], batch, units) for state in steps.states}
    results |= {f"{state}_last": _floats(batch, units) for state in steps.states}
    results["rows"] = jax.ShapeDtypeStruct((batch,), jnp.int32)
    if (shape := saved_shape(steps, time if saving else 1, batch, units)) is not None:
        results["saved"] = _floats(*shape)
    if is_two_phased(steps):
        results["reset"] = _floats(batch, padded(target.shape(), units))
    if steps.dropped:
        most = max(phase.gates for phase in steps.phases)
        results["dropped_inputs"] = _floats(batch, most * operands["inputs"].shape[2])
        results["dropped_state"] = _floats(batch, most * units)
    return results


def back_results(steps: Steps, operands: dict[str, Any], asked: bool, threads: int) -> dict[str, Any]:
    """Return what a walk back gives.

    Args:
        steps: The equations.
        operands: What it takes.
        asked: Whether somebody wants the gradient of the inputs.
        threads: How many threads there are.
    """
    shape = target.shape()
    (time, batch, features), units = operands["inputs"].shape, operands["hidden_first"].shape[1]
    results = {"d_inputs": _floats(time if asked else 0, batch, padded(shape, features))}
    results["rows"] = jax.ShapeDtypeStruct((batch,), jnp.int32)
    rows = min(RING_ROWS, time * batch)
    for ring in rings_of(steps):
        height = _height(ring, features, units)
        width = _whole(ring.gates * padded(shape, units))
        results[ring.name] = _floats(threads, rows, width)
        sides = ring.gates if steps.dropped else 1
        results[f"{ring.name}_factors"] = _floats(threads, rows, _whole(sides * height))
        results[f"{ring.name}_sum"] = _floats(threads, height, width)
    if is_two_phased(steps):
        results["d_reset"] = _floats(batch, padded(shape, units))
    return results | {f"d_{state}": operands[f"d_{state}_passed"] for state in steps.states}


def _height(ring: Any, features: int, units: int) -> int:
    """Return how many factors the gates of a ring have: inputs, a state, and 1."""
    return sum(features if factor == "inputs" else units for factor in ring.factors) + 1


def _whole(floats: int) -> int:
    """Return a number of floats as whole vectors."""
    lanes = target.shape().lanes
    return -(-floats // lanes) * lanes


def gradients(steps: Steps, results: dict[str, Any], features: int, units: int) -> tuple[Weights, Weights]:
    """Return the gradients of kernel and bias, those of the inputs and those of the recurrence."""
    shape = target.shape()
    of_inputs: list[Any] = []
    of_state: list[Any] = []
    for ring in sorted(rings_of(steps), key=lambda ring: _columns(steps, ring, units).start):
        # Each thread has added up its own rows.
        whole = results[f"{ring.name}_sum"]
        whole = unblocked(shape, whole[0] if len(whole) == 1 else whole.sum(0), ring.gates, units)
        first = 0
        for factor in ring.factors:
            last = first + (features if factor == "inputs" else units)
            (of_inputs if factor == "inputs" else of_state).append((whole[first:last], whole[-1]))
            first = last
    return _side_by_side(of_inputs), _side_by_side(of_state)


def _side_by_side(parts: list[tuple[Any, Any]]) -> Weights:
    kernels, biases = zip(*parts, strict=True)
    return Weights(jnp.concatenate(kernels, axis=-1), jnp.concatenate(biases, axis=-1))
