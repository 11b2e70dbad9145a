"""Processes beside the server that do what takes long or needs Keras: one work at a time, under limits.

A worker is started with its first work, ended by a work that takes too long or is cancelled, and started again with the next
one. The server's loop never waits for it.
"""

import contextlib
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from gatewise.errors import EnvironmentFault, GatewiseError
from gatewise.serving.terms import long_json
from gatewise.serving.terms.problems import Problem
from gatewise.serving.workers.jobs import Job, as_error
from gatewise.serving.workers.process import write_message


@dataclass(frozen=True)
class WorkerLimits:
    """What a worker may take.

    Attributes:
        memory: Bytes of memory of its own.
        waiting: Works that wait for the one before them.
        start_seconds: From its start to its first word.
        niceness: How far it stands back behind other processes.
    """

    memory: int = 4 * 2**30
    waiting: int = 4
    start_seconds: float = 60.0
    niceness: int = 0


class _NotBegun(EnvironmentFault):
    """The process ended, and not by the work, which it had not begun with."""


class Worker:
    """A process and the works that wait for it.

    Args:
        limits: What it may take.
        works: The module with what it can be asked, as ``WORKS``.
    """

    def __init__(self, limits: WorkerLimits | None = None, works: str = "gatewise.serving.workers.works") -> None:
        self.limits, self._works = limits or WorkerLimits(), works
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._current: Job | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self._number = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def process_id(self) -> int | None:
        """The number of the process, while there is one."""
        process = self._process
        return None if process is None else process.pid

    def submit(self, work: str, asked: dict[str, Any], seconds: float) -> Job:
        """Give it a work.

        Args:
            work: A name of `works.WORKS`.
            asked: What is asked, plain JSON values.
            seconds: How long it may take once it has begun.

        Raises:
            Problem: So many are waiting that it takes no more.
        """
        job = Job(work, asked, seconds)
        with self._changed:
            if self._closed:
                raise Problem("draining", "The server is being stopped.")
            if len(self._waiting) >= self.limits.waiting:
                raise Problem(
                    "busy",
                    f"{len(self._waiting)} others are waiting for this worker: try again in a while.",
                    headers=((b"retry-after", b"10"),),
                )
            self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="gatewise-worker", daemon=True)
                self._thread.start()
            self._changed.notify()
        return job

    def cancel(self, job: Job) -> None:
        """End a job, the process with it if it is being worked at."""
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
            elif job is self._current and self._process is not None:
                _kill(self._process)
        job.end("cancelled", error=Problem("too_slow", "The work was cancelled."))

    def close(self) -> None:
        """End the process, and refuse what comes from now on."""
        with self._changed:
            self._closed = True
            left = [*self._waiting, *([self._current] if self._current else [])]
            self._waiting.clear()
            if self._process is not None:
                _kill(self._process)
            self._changed.notify()
        for job in left:
            job.end("cancelled", error=Problem("draining", "The server is being stopped."))
        if self._thread is not None:
            self._thread.join(5)

    # -- the thread -----------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._changed:
                self._current = None
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    break
                job = self._current = self._waiting.popleft()
            try:
                self._do(job)
            except Exception as error:
                self._stop()
                job.end("failed", error=error)
        self._stop()

    def _do(self, job: Job) -> None:
        """Do a job with the process that there is, or with a new one; with another where that ends before it has begun."""
        job.state = "running"
        try:
            self._do_with(self._started(), job)
        except _NotBegun:
            self._stop()
            self._do_with(self._started(), job)

    def _do_with(self, process: subprocess.Popen[bytes], job: Job) -> None:
        asked = job.asked
        if job.ended is not None:
            # Cancelled while the process was started, and what was asked is forgotten.
            return
        self._number += 1
        request = {"number": self._number, "work": job.work, "asked": asked}
        deadline, begun = time.monotonic() + job.limit, False
        with contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None
            write_message(process.stdin, request)
        while True:
            message = self._message(process, deadline)
            if message is None:
                raise self._lost(process, job, deadline, begun)
            begun = True
            if "begun" in message:
                continue
            if "share" in message:
                job.share, job.doing = message["share"], message["doing"]
            elif "answer" in message:
                job.end("done", message["answer"])
                return
            else:
                job.end("failed", error=as_error(message["wrong"], message["sentence"], self.limits.memory))
                if message["wrong"] == "MemoryError":
                    # What is left of it is not worth keeping.
                    self._stop()
                return

    def _started(self) -> subprocess.Popen[bytes]:
        with self._changed:
            if self._process is not None and self._process.poll() is None:
                return self._process
            if self._closed:
                raise Problem("draining", "The server is being stopped.")
            self._buffer = b""
            self._process = process = _process(self.limits, self._works)
        if self._message(process, time.monotonic() + self.limits.start_seconds) is None:
            raise EnvironmentFault("A worker could not be started: see the server's log.")
        return process

    def _message(self, process: subprocess.Popen[bytes], deadline: float) -> Any:
        """Return the next message; None where the process has ended, or the time is over."""
        assert process.stdout is not None
        while True:
            if len(self._buffer) >= 4:
                size = struct.unpack("<I", self._buffer[:4])[0]
                if len(self._buffer) >= 4 + size:
                    body, self._buffer = self._buffer[4 : 4 + size], self._buffer[4 + size :]
                    return long_json.read(body)
            left = deadline - time.monotonic()
            # Not `select`, which takes no descriptors above 1023: those may be connections.
            ready = select.poll()
            ready.register(process.stdout, select.POLLIN)
            if left <= 0 or not ready.poll(1000 * left):
                return None
            read = os.read(process.stdout.fileno(), 1 << 20)
            if not read:
                return None
            self._buffer += read

    def _lost(self, process: subprocess.Popen[bytes], job: Job, deadline: float, begun: bool) -> GatewiseError:
        """Return why there is no answer."""
        if time.monotonic() >= deadline:
            return Problem("too_slow", f"The work took longer than {job.limit:g} seconds and was ended.")
        process.wait()
        return (EnvironmentFault if begun else _NotBegun)(
            f"The worker ended before its answer (status {process.returncode}), perhaps for want of memory; the next work "
            "starts another: try again, with less data."
        )

    def _stop(self) -> None:
        with self._changed:
            process, self._process = self._process, None
        if process is None:
            return
        _kill(process)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()


def _process(limits: WorkerLimits, works: str) -> subprocess.Popen[bytes]:
    # The modules that are found here, and nothing from the folder that somebody happens to be in.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    given = [str(limits.memory), str(limits.niceness), works]
    command = [sys.executable, "-P", "-m", "gatewise.serving.workers.process", *given]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a worker, and what it has started: it leads a group of its own."""
    # Once it has been waited for, its number may be somebody else's.
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
