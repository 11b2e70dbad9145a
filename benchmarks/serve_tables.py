"""Rows of results/serve.json as the tables of docs/benchmarks.md."""

from statistics import median
from typing import Any

from gatewise.recipes.speed.tables import as_markdown

TITLES = {"gatewise": "gatewise serve", "mlserver": "MLServer", "bentoml": "BentoML"}
# Clients -> steps a second, and milliseconds within which 99 of 100 are answered.
WANTED = {1: (1000, 2.0), 16: (4000, 12.0), 64: (4500, 45.0)}
_TIMES = 5
_IDLE_MB, _READY_SECONDS, _COLD_MS = 50.0, 2.0, 10.0


def parts(content: dict[str, Any]) -> list[str]:
    """Return the headings, tables and sentences, those of which there are results."""
    found = ["## Serving"]
    if "rates" in content:
        versions = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
        found += [
            as_markdown(RATES_HEADER, rates_rows(content["rates"])),
            f"One step of an LSTM(64) as JSON over a connection that stays open, client and server on the same "
            f"{content['machine']['cores']} cores ({content['machine']['processor']}). The median of "
            f"{rounds(content['rates'])} run(s) of 4 seconds or more; {versions}. "
            "gatewise has a token, checks, metrics and every step on the disk before it is answered; MLServer and BentoML "
            "are at their defaults, with the states in memory.",
            as_markdown(VERDICTS_HEADER, verdicts(content["rates"])),
        ]
    more = [*idle_rows(content), *soak_rows(content), *trickle_rows(content)]
    if more:
        found.append(as_markdown(MORE_HEADER, more))
    return found


def rounds(rates: dict[str, Any]) -> int:
    """Return how often each was measured."""
    return min(len(runs) for runs in rates["gatewise"].values())


RATES_HEADER = ["server", "clients", "steps a second", "median, ms", "99 of 100 within, ms"]
VERDICTS_HEADER = ["gatewise serve", "measured", "wanted", "verdict"]
MORE_HEADER = ["gatewise serve", "measured", "wanted", "verdict"]


def middle(rates: dict[str, Any], server: str, clients: int, what: str) -> float | None:
    """Return the median of the runs; None where there are none."""
    runs = rates.get(server, {}).get(str(clients), [])
    return median(one[what] for one in runs) if runs else None


def rates_rows(rates: dict[str, Any]) -> list[list[str]]:
    """Return a row for each server and number of clients."""
    table = []
    for server in rates:
        for clients in WANTED:
            rate, half, most = (middle(rates, server, clients, what) for what in ("rate", "p50_ms", "p99_ms"))
            if rate is not None:
                table.append([TITLES[server], str(clients), f"{rate:,.0f}", f"{half:.1f}", f"{most:.1f}"])
    return table


def verdicts(rates: dict[str, Any]) -> list[list[str]]:
    """Return a row for each target."""
    table = []
    for clients, (least, most) in WANTED.items():
        rate, tail = middle(rates, "gatewise", clients, "rate"), middle(rates, "gatewise", clients, "p99_ms")
        assert rate is not None
        assert tail is not None
        table.append(
            _row(
                f"{clients} client{'s' * (clients > 1)}, steps a second", f"{rate:,.0f}", f"≥ {least:,}", rate >= least
            )
        )
        table.append(
            _row(
                f"{clients} client{'s' * (clients > 1)}, 99 of 100 within",
                f"{tail:.1f} ms",
                f"≤ {most:g} ms",
                tail <= most,
            )
        )
        for peer in ("mlserver", "bentoml"):
            other = middle(rates, peer, clients, "rate")
            if other is not None and clients > 1:
                what = f"{clients} client{'s' * (clients > 1)}, times {TITLES[peer]}"
                table.append(_row(what, f"{rate / other:.1f}", f"≥ {_TIMES}", rate >= _TIMES * other))
    return table


def idle_rows(content: dict[str, Any]) -> list[list[str]]:
    """Return the rows about sessions that nobody uses."""
    if "idle" not in content:
        return []
    idle = content["idle"]
    count = f"{idle['sessions']:,} idle sessions"
    grown = max(idle["memory_full_mb"], idle["memory_restarted_mb"]) - idle["memory_empty_mb"]
    ready, cold = idle["ready_full_seconds"], idle["cold_step"]["p99_ms"]
    return [
        _row(f"{count}, more memory", f"{grown:.0f} MB", f"≤ {_IDLE_MB:.0f} MB", grown <= _IDLE_MB),
        _row(f"{count}, ready after a start", f"{ready:.1f} s", f"≤ {_READY_SECONDS:g} s", ready <= _READY_SECONDS),
        _row(f"{count}, first step, 99 of 100 within", f"{cold:.1f} ms", f"≤ {_COLD_MS:g} ms", cold <= _COLD_MS),
    ]


def soak_rows(content: dict[str, Any]) -> list[list[str]]:
    """Return the row about memory in the long run."""
    if "soak" not in content:
        return []
    soak = content["soak"]
    grown = soak["slope_mb_per_hour"] * soak["minutes"] / 60
    what = f"{soak['minutes']:g} minutes, {soak['steps']:,} steps, more memory"
    return [_row(what, f"{grown:+.1f} MB", "≤ 1 MB", grown <= 1)]


def trickle_rows(content: dict[str, Any]) -> list[list[str]]:
    """Return the rows about connections that send a byte a second."""
    if "trickle" not in content:
        return []
    one = content["trickle"]
    times = one["beside"]["p99_ms"] / one["alone"]["p99_ms"]
    what = f"beside {one['sockets']:,} connections that send a byte a second, 99 of 100 within"
    cut = f"{one['closed_by_server']:,} of them closed by the server, after"
    return [
        _row(what, f"{one['beside']['p99_ms']:.1f} ms, {times:.1f} times", "≤ 2 times", times <= 2),
        _row(cut, f"{one['longest_seconds']:.0f} s", "≤ 10 s", one["longest_seconds"] <= 10),
    ]


def _row(what: str, measured: str, wanted: str, reached: bool) -> list[str]:
    return [what, measured, wanted, "reached" if reached else "not reached"]
