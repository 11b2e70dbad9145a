"""The arrays that each kernel takes and gives, by name and in their order."""

from gatewise.recurrent.kernels.steps import Steps, is_two_phased, rings_of


def forward_operands(steps: Steps, saving: bool) -> tuple[list[str], list[str]]:
    """Return the names for a walk forward, with or without keeping what the walk back needs.

    `mask` has no steps where every step counts. `hidden`, `cell` and `saved` have as many places as are needed at a time, or
    one for each step; `rows` is room for the numbers of rows, `reset` for ``r h``.
    """
    states = steps.states
    operands = ["inputs", "mask", "shares", "input_panels", "panels", "bias", "inner_bias"]
    operands += [f"{state}_first" for state in states]
    saved = ["saved"] if (steps.saves if saving else steps.carries) else []
    reset = ["reset"] if is_two_phased(steps) else []
    return operands, [*states, *(f"{state}_last" for state in states), "rows", *saved, *reset]


def back_operands(steps: Steps) -> tuple[list[str], list[str]]:
    """Return the names for a walk back.

    `d_inputs` has no steps where nobody asks for it, and `d_along_…` none where a state is not returned of every step.
    """
    states, rings = steps.states, rings_of(steps)
    saved = ["saved"] if steps.saves else []
    operands = ["inputs", "mask", "shares", "input_panels", "panels", *saved]
    operands += [name for state in states for name in (state, f"{state}_first", f"d_along_{state}")]
    # These begin as what is passed and end as what is returned, in one place.
    operands += [f"d_{state}_passed" for state in states]
    kept = [name for ring in rings for name in (ring.name, f"{ring.name}_factors", f"{ring.name}_sum")]
    reset = ["d_reset"] if is_two_phased(steps) else []
    return operands, ["d_inputs", "rows", *kept, *reset, *(f"d_{state}" for state in states)]
