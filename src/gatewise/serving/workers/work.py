"""What the server gives to workers: questions, for which somebody waits, and jobs, after which somebody asks.

There are two workers, so that an answer of a model does not wait for the training of a network on somebody's table.
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from gatewise.serving.terms.problems import CODES, Problem, as_problem
from gatewise.serving.workers.jobs import Job
from gatewise.serving.workers.worker import Worker, WorkerLimits

# A job that is over is kept for so long, and so many are: a page about a forecast has some megabytes.
_KEPT_SECONDS = 1800.0
_KEPT = 8
_START_SECONDS = 120.0


class Folder(NamedTuple):
    """A model that a worker can load.

    Attributes:
        path: Its folder.
        sha256: The hash of its manifest.
    """

    path: str
    sha256: str


class Work:
    """Workers, and the models that they can be asked about.

    Args:
        models: Name → folder.
        questions: Limits of the worker that answers.
        jobs: Limits of the worker that does what takes long.
        seconds: How long an answer may take.
    """

    def __init__(
        self,
        models: Mapping[str, Folder] | None = None,
        questions: WorkerLimits | None = None,
        jobs: WorkerLimits | None = None,
        seconds: float = 30.0,
    ) -> None:
        self.models = dict(models or {})
        self.questions = Worker(questions or WorkerLimits(waiting=64))
        self._worker = Worker(jobs or WorkerLimits(niceness=10))
        self._seconds = seconds
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def wait(self, work: str, asked: dict[str, Any], seconds: float | None = None) -> dict[str, Any]:
        """Return the answer to a question, as soon as it is there.

        Args:
            work: A name of `works.WORKS`.
            asked: What is asked; a ``model`` in it is a name of `models`.
            seconds: How long it may take. Default: as everything.

        Raises:
            GatewiseError: What it was refused for.
        """
        return self.questions.submit(work, self._with_folder(asked), seconds or self._seconds).answer()

    async def ask(self, work: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a question, without holding up the loop."""
        # The first one of all waits for Keras to be loaded.
        seconds = self._seconds if self.questions.process_id else _START_SECONDS
        job = self.questions.submit(work, self._with_folder(asked), seconds)
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            loop.call_soon_threadsafe(over.set)

        job.when_over(tell)
        try:
            await over.wait()
        except asyncio.CancelledError:
            self.questions.cancel(job)
            raise
        return job.answer(0)

    def begin(self, work: str, asked: dict[str, Any]) -> str:
        """Begin a job, and return its name, which nobody can guess.

        Raises:
            Problem: Too many are waiting.
        """
        self.forget_old()
        minutes = asked.get("minutes")
        # The time that is asked for is the work's own affair; this ends what does not keep to it.
        seconds = 1800.0 if minutes is None else 60.0 * minutes * 1.5 + 300.0
        job = self._worker.submit(work, self._with_folder(asked), seconds)
        name = secrets.token_urlsafe(16)
        self._jobs[name] = job
        return name

    def job(self, job: str) -> dict[str, Any] | None:
        """Return how far a job is; with the answer when it is done; None where there is none."""
        self.forget_old()
        found = self._jobs.get(job)
        if found is None:
            return None
        said: dict[str, Any] = {
            "job": job,
            "state": found.state,
            "share": round(found.share, 4),
            "doing": found.doing,
            "seconds": round(found.seconds, 1),
        }
        if found.state == "done":
            said["answer"] = found.answer(0)
        elif found.state == "failed":
            said["error"] = _said(found)
        return said

    def cancel(self, job: str) -> None:
        """End a job and forget it; also one that there is not."""
        found = self._jobs.pop(job, None)
        if found is not None:
            self._worker.cancel(found)

    def close(self) -> None:
        """End all processes."""
        self.questions.close()
        self._worker.close()

    def _with_folder(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "model" not in asked:
            return asked
        folder = self.models.get(asked["model"])
        if folder is None:
            raise Problem("not_of_model", f"The model {asked['model']} is in no folder that a worker could load.")
        return {**asked, "folder": folder.path, "sha256": folder.sha256}

    def forget_old(self) -> None:
        """Forget jobs that were over long ago, with what was given to them."""
        now = time.monotonic()
        over = [name for name, job in self._jobs.items() if job.ended is not None]
        old = [name for name in over if now - (self._jobs[name].ended or now) > _KEPT_SECONDS]
        for name in {*old, *over[: max(0, len(over) - _KEPT)]}:
            del self._jobs[name]


def _said(job: Job) -> dict[str, Any]:
    """Return why a job failed, as an error is said everywhere."""
    try:
        job.answer(0)
    except Exception as error:
        problem = as_problem(error)
        return {"error": str(problem), "code": problem.code, "remedy": CODES[problem.code].remedy}
    raise AssertionError
