"""growth.json as an SVG that is legible on light and on dark pages: three axes across, time above memory."""

import math
from dataclasses import dataclass

from growth_tables import along
from measuring import RUNNERS
from works import AXES, BASE, COMPARED

PANEL_WIDTH, PANEL_HEIGHT = 230, 170
LEFT, TOP, ACROSS, DOWN = 64, 70, 76, 58
WIDTH, HEIGHT = LEFT + 3 * PANEL_WIDTH + 2 * ACROSS + 20, TOP + 2 * PANEL_HEIGHT + DOWN + 30
LEAST_MEBIBYTE = 1.0  # What a step takes is not known to less than a page or two.
AXIS_TITLES = {
    "time": f"T (batch {BASE['batch']}, {BASE['units']} units)",
    "batch": f"batch (T {BASE['time']}, {BASE['units']} units)",
    "units": f"units (T {BASE['time']}, batch {BASE['batch']})",
}
STYLE = """
    text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #59636e; }
    .title { font-size: 14px; fill: #1f2328; }
    .grid { stroke: #818b98; stroke-opacity: 0.25; }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
    .gatewise { stroke: #0969da; } .gatewise-scan { stroke: #bc4c00; stroke-dasharray: 6 3; }
    .keras-jax { stroke: #6e40c9; stroke-dasharray: 2 3; }
    .dot-gatewise { fill: #0969da; } .dot-gatewise-scan { fill: #bc4c00; } .dot-keras-jax { fill: #6e40c9; }
    @media (prefers-color-scheme: dark) {
      text { fill: #9198a1; }
      .title { fill: #e6edf3; }
      .gatewise { stroke: #4493f8; } .gatewise-scan { stroke: #f0883e; } .keras-jax { stroke: #a371f7; }
      .dot-gatewise { fill: #4493f8; } .dot-gatewise-scan { fill: #f0883e; } .dot-keras-jax { fill: #a371f7; }
    }
"""


@dataclass(frozen=True)
class Scale:
    """A logarithmic scale from values to places on the page."""

    least: float
    most: float
    start: float
    end: float

    def __call__(self, value):
        share = math.log(value / self.least) / math.log(self.most / self.least)
        return round(self.start + share * (self.end - self.start), 1)


def svg(rows):
    """Return the plot as text."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t d">',
        '  <title id="t">Time and memory of a training step</title>',
        '  <desc id="d">Six panels: milliseconds and MiB of a training step against the length of the sequence, the '
        "batch and the units, for gatewise's kernels, its scan and Keras on JAX, on logarithmic axes. The numbers are in "
        "the table below it.</desc>",
        f"  <style>{STYLE}  </style>",
        *_legend(),
    ]
    for down, (key, unit, divisor) in enumerate((("milliseconds", "ms", 1.0), ("step_bytes", "MiB", 2.0**20))):
        lines = {
            (axis, runner): {
                size: max(value / divisor, LEAST_MEBIBYTE if key == "step_bytes" else 0.0)
                for size, value in along(rows, axis, runner, key).items()
            }
            for axis in AXES
            for runner in COMPARED
        }
        # The same scale in the panels of a row, so that they can be compared by eye.
        values = [value for line in lines.values() for value in line.values()] or [1.0, 10.0]
        ends = 10.0 ** math.floor(math.log10(min(values))), 10.0 ** math.ceil(math.log10(max(values) * 1.0001))
        for across, (axis, sizes) in enumerate(AXES.items()):
            left, top = LEFT + across * (PANEL_WIDTH + ACROSS), TOP + down * (PANEL_HEIGHT + DOWN)
            x = Scale(sizes[0], sizes[-1], left, left + PANEL_WIDTH)
            y = Scale(*ends, top + PANEL_HEIGHT, top)
            parts += _frame(x, y, sizes, f"{unit} by {AXIS_TITLES[axis]}")
            for runner in COMPARED:
                parts += _line(runner, [(x(size), y(value)) for size, value in lines[axis, runner].items()])
    return "\n".join([*parts, "</svg>", ""])


def _legend():
    place = LEFT
    for runner in COMPARED:
        title = "gatewise, kernels" if runner == "gatewise" else RUNNERS[runner].title
        title = "gatewise, scan" if runner == "gatewise-scan" else title
        yield from _line(runner, [(place, 20), (place + 36, 20)])
        yield f'  <text class="title" x="{place + 46}" y="25">{title}</text>'
        place += 46 + 8 * len(title) + 36


def _frame(x, y, sizes, title):
    yield f'  <text x="{x.start}" y="{y.end - 12}">{title}</text>'
    power = y.least
    while power <= y.most * 1.001:
        yield f'  <path class="grid" d="M{x.start} {y(power)}H{x.end}"/>'
        yield f'  <text x="{x.start - 8}" y="{y(power) + 4}" text-anchor="end">{power:,g}</text>'
        power *= 10
    for size in sizes:
        yield f'  <path class="grid" d="M{x(size)} {y.start}V{y.end}"/>'
        yield f'  <text x="{x(size)}" y="{y.start + 18}" text-anchor="middle">{size}</text>'


def _line(runner, places):
    if not places:
        return
    yield f'  <path class="line {runner}" d="M{"L".join(f"{across} {down}" for across, down in places)}"/>'
    for across, down in places:
        yield f'  <circle class="dot-{runner}" cx="{across}" cy="{down}" r="3"/>'
