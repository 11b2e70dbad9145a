"""Requests made from the server's OpenAPI document: ``python tests/campaigns/fuzz_openapi.py``.

Schemathesis, in all its phases, asks a real server for an hour: right and wrong bodies, parameters and methods, and chains of
calls over the links of the document. It compares each answer with the document. The server's own log says how each request
was answered and how long that took; in the end it must be well, and stop as it is asked to.
"""

import argparse
import asyncio
import collections
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from recorded import record
from served import Client, Served, save_models

SLOWEST = 5.0
# A network is looked into by Keras, which is loaded for it and compiles each length anew; the tests ask that.
SLOW = "/v1/models/{name}/inspect"
# Refusals that say when to come back, as the document has them; every other answer above 499 is a fault.
COME_BACK = (503, 504, 507)
# What the document cannot say is left out of the comparison: that a session is gone by now, that a table has no dates, that
# numbers are not as many as a shape asks for.
CONFIG = f"""
[checks]
positive_data_acceptance.enabled = false
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", {", ".join(map(str, COME_BACK))}]
negative_data_rejection.expected-statuses = ["4xx", "5xx"]
"""


class Log(threading.Thread):
    """Counts what a server says of its requests, and keeps the rest of what it says."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self._lines = server.process.stderr
        self.statuses = collections.Counter()
        self.slowest = {"seconds": 0.0}
        self.rest = []

    def run(self):
        """Read until the server ends."""
        for line in self._lines:
            said = json.loads(line) if line.startswith("{") else {}
            if said.get("event") != "request":
                self.rest.append(line)
                continue
            self.statuses[said["status"]] += 1
            if said["ms"] / 1000 > self.slowest["seconds"]:
                self.slowest = {
                    "seconds": round(said["ms"] / 1000, 3),
                    "route": said["route"],
                    "status": said["status"],
                }


def asked(program, port, minutes, seed, scratch):
    """Let Schemathesis ask for some minutes; return its report, and all that it printed."""
    config, report, printed = (scratch / name for name in ("schemathesis.toml", "report.json", "printed.txt"))
    config.write_text(CONFIG)
    command = [program, "--no-color", "--config-file", config, "run", f"http://127.0.0.1:{port}/openapi.json"]
    command += ["--max-time", max(1, round(60 * minutes)), "--max-response-time", SLOWEST, "--request-timeout", 60]
    command += [
        "--exclude-path",
        SLOW,
        "--continue-on-failure",
        "--generation-database",
        "none",
        "--seed",
        seed,
        "--report-json-path",
        report,
    ]
    with printed.open("w") as out:
        subprocess.run(list(map(str, command)), stdout=out, stderr=out, cwd=scratch, check=False)
    if not report.exists():
        raise SystemExit(f"Schemathesis made no report:\n{printed.read_text(errors='replace')[-5000:]}")
    return json.loads(report.read_text()), printed.read_text(errors="replace")


def campaign(program, minutes, seed, models, scratch):
    """Ask for some minutes; return what was found, and what Schemathesis says of it."""
    server = Served(models, scratch / "sessions", "--access-log")
    log = Log(server)
    log.start()
    before, began = server.megabytes()[0], time.monotonic()
    report, printed = asked(program, server.port, minutes, seed, scratch)
    seconds = time.monotonic() - began
    client = Client(server.port)
    ready = asyncio.run(client.ask("GET", "/v2/health/ready"))
    memory = server.megabytes()
    server.process.terminate()
    status = server.process.wait(60)
    log.join(60)
    cases = report["test_cases"]
    return {
        "seed": report["seed"],
        "schemathesis": report["schemathesis_version"],
        "minutes": round(seconds / 60, 1),
        "operations": report["operations"]["tested"],
        "phases": {name: phase["status"] for name, phase in report["phases"].items()},
        "cases": cases["generated"],
        "faults": cases["unique_failures"] + cases["errored"],
        "kinds_of_faults": {one["title"]: one["count"] for one in report["failures"]},
        "requests": log.statuses.total(),
        "statuses": {str(status): number for status, number in sorted(log.statuses.items())},
        "undocumented_5xx": sum(n for status, n in log.statuses.items() if status >= 500 and status not in COME_BACK),
        "slowest": log.slowest,
        "over_5_s": int(log.slowest["seconds"] > SLOWEST),
        "megabytes_before_after_most": [before, *memory],
        "not_ready": int(ready[0] != 200),
        "exit_status": status,
        "tracebacks": "".join(log.rest).count("Traceback"),
    }, printed + "".join(log.rest)


def main():
    """Run what the command line asks for, and record it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    beside = Path(sys.executable).with_name("schemathesis")
    parser.add_argument("--schemathesis", default=beside, help="the program, where it is not beside this Python")
    parser.add_argument("--network", type=Path, help="a saved network, served alone; else three models are made")
    parser.add_argument("--short", action="store_true", help="record nothing")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        models = {"lstm": given.network} if given.network else save_models(Path(scratch))
        found, printed = campaign(given.schemathesis, given.minutes, given.seed, models, Path(scratch))
    never = ("faults", "undocumented_5xx", "over_5_s", "not_ready", "exit_status", "tracebacks")
    wrong = any(found[name] for name in never)
    if wrong:
        print(printed)
    record("schemathesis", found, not given.short)
    raise SystemExit(wrong)


if __name__ == "__main__":
    main()
