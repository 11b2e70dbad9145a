"""From results to rows of text: for a terminal and for Markdown."""

from collections.abc import Sequence

from gatewise.recipes.speed.results import Measurement, Results
from gatewise.recipes.speed.runners import RUNNERS

HEADER = ["workload", "runner", "µs/step", "median", "gatewise is", "first call s", "peak MiB"]
_NONE = "–"


def number(value: float) -> str:
    """Return a positive number with three significant digits: ``1,621``, ``38.2``, ``0.77``."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def times(ratio: float | None) -> str:
    """Return a ratio as ``420×``, or a dash where there is none."""
    return _NONE if ratio is None else f"{number(ratio)}×"


def rows(results: Results) -> list[list[str]]:
    """Return one row for each measurement under `HEADER`.

    Args:
        results: The results.

    Returns:
        The rows. µs/step is the fastest run; "gatewise is" says how many times faster one gatewise network trains
        than the row's runner, fastest run against fastest run.
    """
    return [_row(results, one) for one in results.measurements]


def _row(results: Results, one: Measurement) -> list[str]:
    title = RUNNERS[one.runner].title
    if one.status != "measured":
        return [one.workload, title, one.status, *[_NONE] * 4]
    return [
        one.workload,
        title,
        number(one.fastest),
        number(one.median),
        _NONE if RUNNERS[one.runner].is_ours else times(results.ratio(one.workload, "gatewise", one.runner)),
        number(one.first_seconds[0]),
        number(max(one.peak_bytes) / 2**20),
    ]


def remarks(results: Results) -> list[str]:
    """Return a line for each measurement that failed, is missing, or says less than its numbers seem to."""
    return [
        f"{one.workload}, {RUNNERS[one.runner].title}: {one.message}" for one in results.measurements if one.message
    ]


def machine_line(results: Results) -> str:
    """Return the machine, the versions and the date in one line."""
    machine, versions = results.machine, dict(results.versions)
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}; "
        f"{packages}; {results.date}"
    )


def sentence(one: Measurement) -> str:
    """Return a measurement in one line."""
    who = f"{one.workload}, {RUNNERS[one.runner].title}"
    if one.status != "measured":
        return f"{who}: {one.message}"
    remark = f" ({one.message})" if one.message else ""
    return (
        f"{who}: {number(one.fastest)} µs per step, median {number(one.median)}, first call "
        f"{number(one.first_seconds[0])} s, at most {number(max(one.peak_bytes) / 2**20)} MiB{remark}"
    )


def as_markdown(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; a vertical bar in a cell is escaped."""
    lines = [list(header), ["---"] * len(header), *map(list, body)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
