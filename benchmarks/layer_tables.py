"""The rows of layers.py as tables, beside what was wanted of them."""

from dataclasses import dataclass

import numpy as np

from gatewise.recipes.speed.tables import as_markdown, number, times
from measuring import PEERS, RUNNERS
from works import EVERYONE, WORKS, gflop, least_megabytes, review_lengths

BEST = "best peer"
SGEMM = "sgemm"
_NONE = "–"


@dataclass(frozen=True)
class Target:
    """What gatewise has to reach on a work: so many times the speed of a peer, or that share of the sgemm peak."""

    work: str
    against: str
    factor: float


# On two cores.
TARGETS = (
    Target("imdb-lstm", "keras-tensorflow", 2.2),
    Target("imdb-lstm", "torch", 2.7),
    Target("imdb-lstm", "keras-jax", 3.5),
    Target("imdb-lstm", SGEMM, 0.75),
    Target("imdb-lstm-lengths", "keras-tensorflow", 4.0),
    Target("imdb-lstm-lengths", "torch", 5.0),
    Target("imdb-gru", BEST, 2.2),
    Target("imdb-lstm-gate-dropout", BEST, 2.0),
    Target("imdb-cnn-lstm", BEST, 2.0),
    Target("imdb-lstm-predict", "torch", 1.5),
    Target("imdb-lstm-predict", "keras-tensorflow", 2.0),
    Target("imdb-lstm-predict", "keras-jax", 2.0),
    Target("lstm-32", BEST, 1.5),
    Target("gru-32", BEST, 1.5),
    Target("lstm-256", BEST, 3.0),
    Target("gru-256", BEST, 3.0),
)


def values_of(row, key="milliseconds"):
    """Return the measured values of each runner that has some."""
    return {cell["runner"]: cell[key] for cell in row["cells"] if cell[key]}


def sgemm(row):
    """Return the fastest product of matrices beside a row, in GFLOP/s, and whose it is."""
    best = {title: max(peak["best"]) for title, peak in row["peaks"].items() if title != "copy"}
    return max((value, title) for title, value in best.items())


def share_of_sgemm(row):
    """Return the share of the machine's products per second that gatewise does on a row, or None."""
    ours = values_of(row).get("gatewise")
    return None if ours is None else gflop(WORKS[row["name"]]) / (min(ours) / 1e3) / sgemm(row)[0]


def ratio(row, against):
    """Return how many times faster gatewise is than a peer or the best of them, fastest run against fastest; or None."""
    fastest = {runner: min(values) for runner, values in values_of(row).items()}
    peers = [fastest[name] for name in (PEERS if against == BEST else (against,)) if name in fastest]
    return min(peers) / fastest["gatewise"] if peers and "gatewise" in fastest else None


def measured(row, against):
    """Return what a row says about a target: a ratio, or a share of the peak."""
    return share_of_sgemm(row) if against == SGEMM else ratio(row, against)


def as_percent(share):
    return _NONE if share is None else f"{100 * share:.0f} %"


def _table(rows, first, cell, extra=()):
    """Return header and body of a table with a column for each runner."""
    names = [name for name in EVERYONE if any(name in values_of(row) for row in rows)]
    header = [first, *(RUNNERS[name].title for name in names), *(title for title, _ in extra)]
    body = [[row["name"], *(cell(row, name) for name in names), *(of(row) for _, of in extra)] for row in rows]
    return header, body


def times_table(rows):
    """Return header and rows: the fastest run and the median of each runner, the best peer, the share of sgemm."""

    def cell(row, name):
        values = sorted(values_of(row).get(name, []))
        return f"{number(values[0])} ({number(values[len(values) // 2])})" if values else _NONE

    extra = [
        ("against the best peer", lambda row: times(ratio(row, BEST))),
        ("of sgemm", lambda row: as_percent(share_of_sgemm(row))),
    ]
    return _table(rows, "ms a step", cell, extra)


def first_table(rows):
    """Return header and rows: the seconds of the first call in the first process of each runner."""
    firsts = lambda row, name: values_of(row, "first_seconds").get(name, [None])[0]  # noqa: E731
    return _table(
        rows, "first call, s", lambda row, name: _NONE if firsts(row, name) is None else number(firsts(row, name))
    )


def memory_table(rows):
    """Return header and rows: the most memory that a step of each runner takes, in MiB."""

    def cell(row, name):
        values = values_of(row, "step_bytes").get(name)
        return f"{max(values) / 2**20:,.0f}" if values else _NONE

    return _table(rows, "MiB of a step", cell)


def verdicts_table(rows):
    """Return header and rows: each target, what was measured, and whether that reaches it."""
    known = {row["name"]: row for row in rows}
    body = []
    for target in TARGETS:
        if target.work not in known:
            continue
        value = measured(known[target.work], target.against)
        is_share = target.against == SGEMM
        against = "the machine's sgemm" if is_share else target.against
        against = RUNNERS[against].title if against in RUNNERS else against
        wanted = f"≥ {as_percent(target.factor)}" if is_share else f"≥ {times(target.factor)}"
        found = as_percent(value) if is_share else times(value)
        verdict = "not measured" if value is None else "reached" if value >= target.factor else "not reached"
        body.append([target.work, against, wanted, found, verdict])
    return ["work", "against", "wanted", "measured", "verdict"], body


def notes(rows):
    """Return a line for each cell that has no numbers: why not."""
    return [
        f"{row['name']}, {RUNNERS[cell['runner']].title}: {cell['message']}"
        for row in rows
        for cell in row["cells"]
        if cell["message"]
    ]


def roofline(row):
    """Return what a step takes of the machine's products and of its memory, and which of the two limits it."""
    work = WORKS[row["name"]]
    peak, whose = sgemm(row)
    copied = max(row["peaks"]["copy"]["best"])
    flop, megabytes = gflop(work), least_megabytes(work)
    return (
        f"A step of `{row['name']}` is {flop:.1f} GFLOP of products: {1e3 * flop / peak:.0f} ms at the {peak:.0f} GFLOP/s "
        f"that {whose} reached beside it with two matrices of 2048 × 2048. It moves at least {megabytes:.0f} MB through "
        f"the memory: {megabytes / copied:.1f} ms at the {copied:.0f} GB/s of a copy. That is {1e3 * flop / megabytes:.0f} "
        f"FLOP a byte, and {peak / copied:.0f} keep both busy: products are the limit, as long as what a time step needs "
        "stays in the caches."
    )


def about(rows):
    """Return how many processes a number is from, when that was, and how much of the machine others had meanwhile."""
    rounds, dates = (", ".join(sorted({str(row[key]) for row in rows})) for key in ("rounds", "date"))
    measured = [one for row in rows for one in (*row["cells"], *row["peaks"].values())]
    others = max((share for one in measured for share in one["others"]), default=0.0)
    return (
        f"Processes for each number: {rounds}; {dates}. While one of them ran, at most {100 * others:.0f} % of the machine "
        "was busy with something else."
    )


def reviews(rows):
    """Return how long the reviews of the rows are, in words."""
    work = next(WORKS[row["name"]] for row in rows if WORKS[row["name"]].reviews)
    lengths = review_lengths(work.rows, work.time)
    return (
        f"Reviews are {work.rows} rows with {lengths.mean():.0f} words on average, {np.median(lengths):.0f} in the middle, and "
        f"{100 * (lengths == work.time).mean():.0f} % of them cut off at {work.time}; padded in front, and in batches of about "
        "the same length. Unless the padding is left out, it is read as any other word is."
    )


def parts(rows):
    """Return what docs/benchmarks.md says about the rows, part by part."""
    lines = notes(rows)
    return [
        "## One step of a network with one recurrent layer",
        "\n".join(f"- `{row['name']}`: {WORKS[row['name']].title}" for row in rows),
        *([reviews(rows)] if any(WORKS[row["name"]].reviews for row in rows) else []),
        as_markdown(*times_table(rows)),
        "Milliseconds of a training step, or of predicting a batch: the fastest run, and in brackets the median. `scan` is "
        f"gatewise without kernels. {about(rows)}",
        roofline(next((row for row in rows if not WORKS[row["name"]].reviews), rows[0])),
        *(["\n".join(f"- {line}" for line in lines)] if lines else []),
        "### Layers against the targets",
        as_markdown(*verdicts_table(rows)),
        "### First calls and memory of layers",
        "The first call traces and compiles, with an empty cache; that of gatewise is a whole epoch, that of the others one "
        "step. The memory is what a process needs in the later calls over what it holds between them.",
        as_markdown(*first_table(rows)),
        as_markdown(*memory_table(rows)),
    ]
