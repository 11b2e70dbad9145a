"""Tables that nobody would write: ``python tests/campaigns/fuzz_tables.py --inputs 100000``.

Some begin with the files of tests/tables and are changed in places; some are put together from dates, numbers and what looks
like either. They are read with `gatewise.read_series` under options at random. What is read must be a table: times that rise
by one step, values that are finite where they are observed.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tables"))

from bad_files import FILES, ROWS
from bad_numbers import VALUES
from bad_times import TIMES
from fuzzing import INTERESTING, Campaign, mutated, smaller_bytes
from test_accepted_tables import CASES

import gatewise as gw


def contents(cases):
    """Return the short files of cases."""
    found = (case[1] if isinstance(case[1], bytes) else case[1].encode() for case in cases)
    return [content for content in found if len(content) < 5000]


GOOD = [
    *contents(CASES),
    b"id,ds,y,promo,heat,area\na,2024-01-01,1,0,20,north\na,2024-01-02,2,1,21,north\na,2024-01-03,,1,,north\n",
    b"V1,V2,V3,V4\nH1,1,2,3\nH2,4,5,\n",
    b"shop,2024-01,2024-02,2024-03\na,1,2,3\nb,,5,6\n",
    b"ds,a,b,c\n2024-01-01,1,,\n2024-01-02,2,5,\n2024-01-03,,6,\n",
    b"unique_id,ds,y\nb,2024-01,1\nb,2024-02,2\na,2024-01,3\n",
    b"".join(b"%d\n" % number for number in range(30)),
]
BAD = contents((*FILES, *ROWS, *VALUES, *TIMES))
OPTIONS = {
    "fix": ("duplicates-last", "duplicates-mean", ("gaps",), "utc", "footer", "comments", ("gaps", "footer", "duplicates-sum")),
    "format": (
        {"separator": ";"}, {"decimal": ","}, {"thousands": ","}, {"encoding": "latin-1"}, {"header": False},
        {"layout": "columns"}, {"layout": "rows"}, {"layout": "long"}, {"date_format": "%d/%m/%Y"},
        {"time_zone": "Europe/Berlin"},
    ),
    "freq": ("D", "MS", "h", 1, "W-SUN", "B", "QS", "250ms"),
    "target_col": ("y", "a"),
    "time_col": ("ds",),
    "id_col": ("id",),
    "covariates": ({"past": ["x"]}, {"future": "a"}, {"static": ["r"]}),
}  # fmt: skip
CELLS = (
    "2024-01-01",
    "01/02/2024",
    "2024-01-01 02:30",
    "2024-03-31T02:30+01:00",
    "1704067200",
    "20240101",
    "2024Q1",
    "Jan 2024",
)
NAMES = ("ds", "y", "id", "a", "x", "unique_id", "date", "value", "", " y ", "ds", "V1", "2024-01-01")


def made(rng):
    """Return the content of a file, and options."""
    kind = rng.random()
    if kind < 0.4:
        content = mutated(rng, rng.choice(GOOD), rng.choice((1, 1, 2, 8)))
    else:
        content = mutated(rng, rng.choice(BAD), 4) if kind < 0.6 else composed(rng)
    if rng.random() < 0.05:
        content = mutated(rng, content, 40)
    options = {name: rng.choice(values) for name, values in OPTIONS.items() if rng.random() < 0.05}
    return content, options


def composed(rng):
    """Return a table of cells most of which are what its columns seem to hold."""
    separator, end = rng.choice((",", ",", ";", "\t", "|")), rng.choice(("\n", "\n", "\r\n", "\r"))
    width, rows, odd = rng.randint(2, 4), rng.randint(1, 30), rng.choice((0.0, 0.0, 0.01, 0.1))
    first = np.datetime64(
        rng.choice(("2024-01-01", "2024-02-28", "1969-12-30", "2023-10-28", "1677-09-22", "2261-12-01"))
    )
    step = np.timedelta64(rng.choice((1, 1, 1, 7, 30)), rng.choice("Dhm"))
    scale = 10.0 ** rng.randint(-40, 42)
    names = ["ds", *("y" if number == 1 else f"x{number}" for number in range(1, width))]

    def cell(row, column):
        if rng.random() < odd:
            return rng.choice((*CELLS, rng.choice(INTERESTING).decode("utf-8", "surrogateescape")))
        if column == 0:
            return str(first + row * step)
        return rng.choice((str(row), f"{rng.gauss(0, 1) * scale:.3g}", f"{rng.gauss(0, 1):.3f}", ""))

    lines = [separator.join(name if rng.random() > odd else rng.choice(NAMES) for name in names)]
    lines += [separator.join(cell(row, column) for column in range(width)) for row in range(rows)]
    return end.join(lines).encode("utf-8", "surrogateescape") + rng.choice((b"\n", b""))


def attempt(given):
    """Read a table; return a word on it."""
    content, options = given
    path = FOLDER / "a.csv"
    path.write_bytes(content)
    table = gw.read_series(path, **options)
    assert np.isfinite(table.values[table.observed]).all()
    times = table.times
    assert len(table.values) == table.lengths.sum() == len(times)
    assert (table.lengths > 0).all()
    later = times[1:] > times[:-1]
    later[table.offsets[1:-1] - 1] = True
    assert later.all()
    assert all(note.isprintable() and len(note) < 2000 for note in table.notes), table.notes
    repr(table)
    return "read"


def smaller(given):
    """Yield smaller files, and fewer options."""
    content, options = given
    yield from ((content, {name: value for name, value in options.items() if name != left}) for left in options)
    yield from ((less, options) for less in smaller_bytes(content))


FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
CAMPAIGN = Campaign("fuzz_tables", made, attempt, smaller)

if __name__ == "__main__":
    CAMPAIGN.main()
