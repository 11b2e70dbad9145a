"""The arrays that each kernel takes and gives, by name and in their order."""

from gatewise.recurrent.kernels.steps import Steps, is_two_phased, rings_of

# Factors of dropout for each row: those of a phase's gates side by side for each input or unit, and gate after gate.
DROPOUT = ["input_dropout", "state_dropout"]
DROPOUT_BY_GATE = ["input_dropout_by_gate", "state_dropout_by_gate"]


def forward_operands(steps: Steps, saving: bool) -> tuple[list[str], list[str]]:
    """Return the names for a walk forward, with or without keeping what the walk back needs.

    `mask` has no steps where every step counts. `hidden`, `cell` and `saved` have as many places as are needed at a time, or
    one for each step; `rows` is room for the numbers of rows, `reset` for ``r h``, `dropped_inputs` and `dropped_state` for
    what a phase multiplies after dropout.
    """
    states = steps.states
    operands = ["inputs", "mask", "shares", "input_panels", "panels", "bias", "inner_bias"]
    operands += [f"{state}_first" for state in states] + (DROPOUT if steps.dropped else [])
    saved = ["saved"] if (steps.saves if saving else steps.carries) else []
    reset = ["reset"] if is_two_phased(steps) else []
    dropped = ["dropped_inputs", "dropped_state"] if steps.dropped else []
    return operands, [*states, *(f"{state}_last" for state in states), "rows", *saved, *reset, *dropped]


def back_operands(steps: Steps) -> tuple[list[str], list[str]]:
    """Return the names for a walk back.

    `d_inputs` has no steps where nobody asks for it, and `d_along_…` none where a state is not returned of every step.
    """
    states, rings = steps.states, rings_of(steps)
    saved = ["saved"] if steps.saves else []
    operands = ["inputs", "mask", "shares", "input_panels", "panels", *saved]
    operands += [*DROPOUT, *DROPOUT_BY_GATE] if steps.dropped else []
    operands += [name for state in states for name in (state, f"{state}_first", f"d_along_{state}")]
    # These begin as what is passed and end as what is returned, in one place.
    operands += [f"d_{state}_passed" for state in states]
    kept = [name for ring in rings for name in (ring.name, f"{ring.name}_factors", f"{ring.name}_sum")]
    reset = ["d_reset"] if is_two_phased(steps) else []
    return operands, ["d_inputs", "rows", *kept, *reset, *(f"d_{state}" for state in states)]
