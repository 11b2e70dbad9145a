"""Saves cut off everywhere: killed at every system call and at random moments, a full disk, failing fsync, two at once.

``python tests/campaigns/save_kills.py --calls``
    A process under strace dies on entering its nth system call of a save, for every n; then every call that can fail for
    want of space fails so, and every fsync fails with EIO.
``python tests/campaigns/save_kills.py --kills 1000``
    Processes that save over the same folder are killed at random moments, one or two at a time.

After each, the folder must hold the old model or the new one, whole; and after the next save nothing else may be there.
Models are small, so that most of a save is system calls. Linux only.
"""

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np
import psutil  # noqa: F401  a save uses it, and a process to be disturbed is not to import it first
from recorded import record

from gatewise.artifact import durable, manifest, read_folder, write_folder
from gatewise.errors import EnvironmentFault

# Read once: that the packages of this installation can be read is not the question here.
VERSIONS = manifest.written_by()
manifest.written_by = lambda: VERSIONS
# What a save may be refused by the system: room and quota run out in these calls.
FULL = ("openat", "write", "mkdir", "renameat2,rename", "fsync")
WAYS = ("exchange", "two renames", "file")


def exchange_of(way):
    """Return how folders are exchanged: as the system can, or as on a file system that cannot."""
    return durable.exchange if way != "two renames" else (lambda one, other: False)


def save(target, value, way="exchange"):
    """Save a small model over the old one; or a file, as `gatewise.to_keras` does."""
    if way == "file":
        with durable.staged_file(target) as staging:
            staging.write_bytes(b"%09d" % value * 500)
        return
    write_folder(target, {"kind": "model", "value": value}, {"weights": np.full(1000, float(value))}, overwrite=True)


def saved(target, way="exchange"):
    """Return which model is there, after checking that it is whole."""
    if way == "file":
        content = target.read_bytes()
        assert len(content) == 4500, f"{len(content)} bytes"
        assert content == content[:9] * 500
        return int(content[:9])
    manifest, arrays = read_folder(target, "model")
    assert np.all(arrays["weights"] == manifest["value"])
    return manifest["value"]


def child(work):
    """Fork a process that waits for a line before its work; return its id and the pipe that starts it."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(writing)
        status = 1
        try:
            os.read(reading, 1)
            status = work()
        finally:
            os._exit(status)
    os.close(reading)
    return process, writing


def traced(work, inject):
    """Do the work in a process under strace with an injection; return its wait status and the log."""
    process, start = child(work)
    with tempfile.NamedTemporaryFile("r") as log:
        options = ["-f", "-qq", "-o", log.name, "-p", str(process)]
        tracer = subprocess.Popen(
            ["strace", "-e", "trace=all", "-e", f"inject={inject}", *options], stderr=subprocess.PIPE, text=True
        )
        # The wait for a line is a system call itself, which the tracer may interrupt and begin anew: it can be the first.
        while f"TracerPid:\t{tracer.pid}\n" not in _status(process) and tracer.poll() is None:
            time.sleep(0.001)
        if tracer.poll() is not None:
            assert "State:\tZ" in _status(process), tracer.stderr.read()
        with contextlib.suppress(BrokenPipeError):
            os.write(start, b"x")
        os.close(start)
        status = os.waitpid(process, 0)[1]
        tracer.communicate()
        return status, log.read()


def _status(process):
    return Path(f"/proc/{process}/status").read_text()


def may_trace():
    """Say whether strace is there and allowed to look at a process."""
    if shutil.which("strace") is None:
        return False
    try:
        return os.waitstatus_to_exitcode(traced(lambda: 0, "getppid:error=EPERM")[0]) == 0
    except (AssertionError, OSError):
        return False


class Folder:
    """A folder with one saved model, looked at after each fault."""

    def __init__(self, scratch, way):
        self.target, self.way = Path(scratch) / way.replace(" ", "-") / "saved", way
        self.target.parent.mkdir()
        durable.exchange = exchange_of(way)
        self.value = 0
        save(self.target, 0, way)

    def working(self, value):
        """Return what a process does that is to be disturbed: save the next value, and say how it went by its status."""

        def work():
            try:
                save(self.target, value, self.way)
            except EnvironmentFault:
                return 5
            except BaseException:
                traceback.print_exc()
                return 1
            return 0

        return work

    def found_whole(self, *allowed):
        """Return the value that is there, which must be one of those allowed."""
        found = saved(self.target, self.way)
        assert found in allowed, f"{found} is there, and {allowed} were saved"
        self.value = found
        return found

    def strays(self):
        """Return how many other files there are."""
        return len(os.listdir(self.target.parent)) - 1


def at_every_call(scratch, way, every=1):
    """Kill a save on entering each of its system calls, or every few of them; return what was found."""
    folder, found = Folder(scratch, way), {"points": 0, "old": 0, "new": 0, "left_files": 0, "strays_after_next": 0}
    status, log = traced(folder.working(1), "getppid:error=EPERM")
    assert os.waitstatus_to_exitcode(status) == 0
    folder.found_whole(1)
    calls = re.findall(r"^\d+ +(\w+)\(", log, re.MULTILINE)
    # strace counts the calls of each name by themselves.
    places = [(name, when) for name in sorted(set(calls)) for when in range(1, calls.count(name) + 1)]
    for name, when in places[::every]:
        old = folder.value
        status, _ = traced(folder.working(old + 1), f"{name}:signal=KILL:when={when}")
        # The one call that may not come again is the wait for a line, where the tracer interrupted it.
        assert os.WIFSIGNALED(status) or name == "read", f"{way}: {name} {when} did not come"
        found["points"] += os.WIFSIGNALED(status)
        new = folder.found_whole(old, old + 1) == old + 1
        found["new" if new else "old"] += 1
        found["left_files"] += folder.strays() > 0
        folder.value += 1
        save(folder.target, folder.value, way)
        found["strays_after_next"] += folder.strays()
    return found


def refused_everywhere(scratch, way, calls, error):
    """Let each of the calls of a save fail in turn; return how many did, after checking that nothing was lost or left."""
    folder, points = Folder(scratch, way), 0
    for name in calls:
        for when in range(1, 1000):
            old = folder.value
            status, log = traced(folder.working(old + 1), f"{name}:error={error}:when={when}")
            if "(INJECTED)" not in log:
                break
            points += 1
            code = os.waitstatus_to_exitcode(status)
            assert code in (0, 5), f"{way}, {name} {when}: status {code}"
            # What fails after the new model is in place (its parent's fsync) is told as well.
            folder.found_whole(*((old, old + 1) if code == 5 else (old + 1,)))
            folder.value += 1
            save(folder.target, folder.value, way)
            assert folder.strays() == 0, f"{name} {when} left {os.listdir(folder.target.parent)}"
    return points


def at_random_moments(scratch, way, kills, rng, together=1):
    """Kill processes that save value after value; return how many kills left something behind."""
    folder, left = Folder(scratch, way), 0
    for _ in range(kills):
        begun = []

        def for_ever(first=folder.value):
            value = first
            while True:
                value += 1
                save(folder.target, value, way)

        for _ in range(together):
            process, start = child(for_ever)
            os.write(start, b"x")
            os.close(start)
            begun.append(process)
        time.sleep(rng.uniform(0.0, 0.02))
        for process in begun:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        found = saved(folder.target, way)
        assert found >= folder.value or together > 1, f"{found} is older than {folder.value}"
        left += folder.strays() > 0
        folder.value = found + 1
        save(folder.target, folder.value, way)
        assert saved(folder.target, way) == folder.value
        assert folder.strays() == 0, os.listdir(folder.target.parent)
    return left


def main():
    """Run what the command line asks for, and record it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", action="store_true")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="at some of the calls; nothing is recorded")
    given = parser.parse_args()
    keep = not given.short
    with tempfile.TemporaryDirectory() as scratch:
        if given.calls:
            if not may_trace():
                raise SystemExit("strace is not installed, or may not look at processes")
            ways = WAYS[:1] if given.short else WAYS
            killed = {way: at_every_call(_new(scratch), way, 7 if given.short else 1) for way in ways}
            failed = {
                f"{error}, {way}": refused_everywhere(_new(scratch), way, calls, error)
                for way in ways
                for error, calls in (("ENOSPC", FULL), ("EIO", ("fsync",)))
            }
            record("save_system_calls", {"killed": killed, "failed_calls_survived": failed, "lost": 0}, keep)
        if given.kills:
            rng = random.Random(given.seed)
            parts = [(way, together) for way in WAYS for together in (1, 2)]
            each = {
                f"{way}, {together} at a time": at_random_moments(
                    _new(scratch), way, given.kills // len(parts) + (place < given.kills % len(parts)), rng, together
                )
                for place, (way, together) in enumerate(parts)
            }
            found = {"kills": given.kills, "lost": 0, "strays_after_next": 0, "left_something": each}
            record("save_kills", found, keep)


def _new(scratch):
    return tempfile.mkdtemp(dir=scratch)


if __name__ == "__main__":
    main()
