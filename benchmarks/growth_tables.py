"""The points of growth.py as a table, the exponents in it, and the places where it grows faster than the work does."""

from itertools import pairwise

import numpy as np

from gatewise.recipes.speed.tables import as_markdown, number
from layer_tables import about, values_of
from measuring import RUNNERS
from works import AXES, POINTS, gflop

LONG = 150  # Steps from which on what a call costs by itself no longer shows.
CLIFF = 1.5  # From one point to the next the time may grow so many times faster than the work.
_NONE = "–"


def along(rows, axis, runner, key="milliseconds"):
    """Return the values of an axis and what a runner has there: the fastest milliseconds, or the most bytes.

    Args:
        rows: Rows of growth.json.
        axis: ``time``, ``batch`` or ``units``.
        runner: Name of a runner.
        key: ``milliseconds`` or ``step_bytes``.
    """
    best = min if key == "milliseconds" else max
    found = {}
    for row in rows:
        name, _, value = row["name"].partition("-")
        measured = values_of(row, key).get(runner)
        if name == axis and measured:
            found[int(value)] = best(measured)
    return dict(sorted(found.items()))


def exponent(values):
    """Return the power of the size with which something grows: the slope of a line through the logarithms."""
    sizes, measured = np.log([*values]), np.log([*values.values()])
    return float(np.polyfit(sizes, measured, 1)[0])


def growth(rows, axis, runner):
    """Return for each pair of neighbours on an axis: both sizes, how the time grew, and how the work did."""
    return [
        (one, other, after / before, gflop(POINTS[f"{axis}-{other}"]) / gflop(POINTS[f"{axis}-{one}"]))
        for (one, before), (other, after) in pairwise(along(rows, axis, runner).items())
    ]


def table(rows):
    """Return header and rows: a point each, with milliseconds and MiB of every runner."""
    names = [name for name in RUNNERS if any(name in values_of(row) for row in rows)]
    titles = [RUNNERS[name].title for name in names]
    header = ["point", *titles, "grew", "work grew", *(f"{title}, MiB" for title in titles)]
    body = []
    for axis in AXES:
        grown = {other: (ratio, work) for _, other, ratio, work in growth(rows, axis, "gatewise")}
        for value in sorted({int(row["name"].partition("-")[2]) for row in rows if row["name"].startswith(f"{axis}-")}):
            timings = [along(rows, axis, name).get(value) for name in names]
            bytes_ = [along(rows, axis, name, "step_bytes").get(value) for name in names]
            body.append(
                [
                    f"{'T' if axis == 'time' else axis} {value:,}",
                    *(_NONE if one is None else number(one) for one in timings),
                    *(f"{number(one)}×" for one in grown.get(value, ())),
                    *([_NONE] * (2 - len(grown.get(value, ())))),
                    *(_NONE if one is None else f"{one / 2**20:,.0f}" for one in bytes_),
                ]
            )
    return header, body


def findings(rows):
    """Return in sentences: the exponents of T, and each place where the time of gatewise grows faster than its work."""
    lines = []
    for name in RUNNERS:
        timings = {size: value for size, value in along(rows, "time", name).items() if size >= LONG}
        memory = {size: value for size, value in along(rows, "time", name, "step_bytes").items() if size >= LONG}
        if len(timings) > 1:
            lines.append(
                f"{RUNNERS[name].title}: from T {min(timings)} to {max(timings):,} the time grows with the power "
                f"{exponent(timings):.2f} of T, the memory with {exponent(memory):.2f}."
            )
    cliffs = [
        f"From {axis} {one:,} to {other:,} gatewise's time grows {number(ratio)} times, and its work only {number(work)}."
        for axis in AXES
        for one, other, ratio, work in growth(rows, axis, "gatewise")
        if ratio > CLIFF * work
    ]
    return lines + (
        cliffs or [f"Nowhere does gatewise's time grow {CLIFF} times as fast as its work from one point to the next."]
    )


def parts(rows):
    """Return what docs/benchmarks.md says about the rows, part by part."""
    return [
        "## How the cost grows",
        "LSTM → Dense on 32 features, a training step; T 500, batch 64 and 100 units, one of which is varied.",
        "![Time and memory of a training step against T, batch and units; the numbers are in the table](growth.svg)",
        "\n".join(f"- {line}" for line in findings(rows)),
        as_markdown(*table(rows)),
        f"Milliseconds of the fastest run. {about(rows)}",
    ]
