"""A worker answers one work after the other, within limits, and whatever happens to it the next work finds another."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gatewise.errors import DataError, EnvironmentFault, TrainingError
from gatewise.serving.terms.problems import Problem
from gatewise.serving.workers.work import Work
from gatewise.serving.workers.worker import Job, Worker, WorkerLimits

LIMITS = WorkerLimits(memory=1 << 30, waiting=2)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker(LIMITS, "serving.made_works")
    yield worker
    worker.close()


def until(condition: object, seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.005)


def test_works_are_answered_by_one_process(worker: Worker) -> None:
    asked = {"text": "é\n\U0001f600", "number": 0.1, "nothing": None}
    jobs = [worker.submit("echo", {**asked, "place": place}, 20.0) for place in range(2)]
    answers = [job.answer(20.0) for job in jobs]
    assert [one["asked"] for one in answers] == [{**asked, "place": 0}, {**asked, "place": 1}]
    assert {one["process"] for one in answers} == {worker.process_id}
    assert worker.process_id != os.getpid()
    # What was given is somebody's, and is not kept.
    assert jobs[0].asked == {}


def test_what_is_wrong_comes_back_as_what_it_was(worker: Worker) -> None:
    first = worker.submit("echo", {}, 20.0).answer(20.0)["process"]
    with pytest.raises(DataError, match=r"^Row 3 holds no number: correct it\.$"):
        worker.submit("wrong", {"how": "refused"}, 20.0).answer(20.0)
    with pytest.raises(TrainingError, match=r"^The loss became NaN\.$"):
        worker.submit("wrong", {"how": "loss"}, 20.0).answer(20.0)
    with pytest.raises(RuntimeError, match=r"^A worker failed with KeyError; its log says more\.$"):
        worker.submit("wrong", {"how": "fault"}, 20.0).answer(20.0)
    assert worker.submit("echo", {}, 20.0).answer(20.0)["process"] == first


def test_a_worker_that_dies_is_followed_by_another(worker: Worker, tmp_path: Path) -> None:
    first = worker.submit("echo", {}, 20.0).answer(20.0)["process"]
    with pytest.raises(EnvironmentFault, match=r"ended before its answer \(status 7\)"):
        worker.submit("dead", {"count": str(tmp_path / "count")}, 20.0).answer(20.0)
    # What has begun is not begun again: it may be what the worker died of.
    assert (tmp_path / "count").read_text() == "1"
    second = worker.submit("echo", {}, 20.0).answer(20.0)["process"]
    assert second != first
    # It dies with a work before it that it has not begun, and nobody notices.
    os.kill(second, signal.SIGSTOP)
    job = worker.submit("slow", {"seconds": 0.05}, 20.0)
    until(lambda: job.state == "running")
    os.kill(second, signal.SIGKILL)
    assert job.answer(20.0) == {"done": True}
    assert worker.submit("echo", {}, 20.0).answer(20.0)["process"] not in (first, second)


def test_a_work_whose_process_dies_twice_before_it_begins_is_refused(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = worker._started

    def killed() -> object:
        process = started()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return process

    monkeypatch.setattr(worker, "_started", killed)
    with pytest.raises(EnvironmentFault, match=r"ended before its answer \(status -9\)"):
        worker.submit("echo", {}, 20.0).answer(20.0)
    monkeypatch.undo()
    assert worker.submit("echo", {}, 20.0).answer(20.0)["asked"] == {}


def test_what_a_worker_has_to_say_is_logged_a_json_object_a_line_without_a_user_s_words(
    capfd: pytest.CaptureFixture[str],
) -> None:
    worker = Worker(LIMITS, "serving.made_works")
    answer = worker.submit("talk", {"word": "secret"}, 20.0).answer(20.0)
    with pytest.raises(RuntimeError):
        worker.submit("wrong", {"how": "secret"}, 20.0).answer(20.0)
    worker.close()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(line["event"], line["level"], line["worker"]) for line in lines] == [
        ("warning", "warning", answer["process"]),
        ("some.library", "warning", answer["process"]),
        ("a work failed", "error", answer["process"]),
    ]
    assert (lines[0]["warning"], lines[2]["exception"]) == ("RuntimeWarning", "KeyError")
    assert all("made_works.py" in line["at"][-1] for line in lines)
    assert "secret" not in str(lines)


def test_memory_is_limited(worker: Worker) -> None:
    with pytest.raises(Problem, match=r"needs more memory than a worker may have, 1\.0 GiB") as caught:
        worker.submit("greedy", {}, 20.0).answer(20.0)
    assert caught.value.code == "data_refused"
    assert worker.submit("echo", {}, 20.0).answer(20.0)["asked"] == {}


def test_time_is_limited(worker: Worker) -> None:
    worker.submit("echo", {}, 20.0).answer(20.0)
    job = worker.submit("slow", {"seconds": 5}, 0.3)
    with pytest.raises(Problem, match=r"took longer than 0\.3 seconds and was ended") as caught:
        job.answer(20.0)
    assert caught.value.status == 504
    assert (job.state, 0 < job.share < 1, job.seconds < 10) == ("failed", True, True)


def test_a_running_and_a_waiting_work_can_be_cancelled_and_more_than_a_few_do_not_wait(worker: Worker) -> None:
    running = worker.submit("slow", {"seconds": 60}, 100.0)
    until(lambda: running.state == "running")
    waiting = [worker.submit("echo", {"place": place}, 20.0) for place in range(2)]
    with pytest.raises(Problem, match="2 others are waiting") as caught:
        worker.submit("echo", {}, 20.0)
    assert (caught.value.code, caught.value.headers) == ("busy", ((b"retry-after", b"10"),))
    worker.cancel(waiting[0])
    worker.cancel(running)
    assert [job.state for job in (running, waiting[0])] == ["cancelled", "cancelled"]
    assert waiting[1].answer(20.0)["asked"] == {"place": 1}
    # Once it is over there is nothing to cancel.
    worker.cancel(waiting[1])
    assert waiting[1].state == "done"


def test_a_work_that_is_cancelled_while_its_process_starts_is_not_begun(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, begun = worker._started, worker._number

    def cancelled_meanwhile() -> object:
        process = started()
        monkeypatch.undo()
        assert worker._current is not None
        worker._current.end("cancelled", error=Problem("too_slow", "The work was cancelled."))
        return process

    monkeypatch.setattr(worker, "_started", cancelled_meanwhile)
    with pytest.raises(Problem, match="was cancelled"):
        worker.submit("slow", {"seconds": 60}, 100.0).answer(20.0)
    assert worker.submit("echo", {"place": 1}, 20.0).answer(20.0)["asked"] == {"place": 1}
    assert worker._number == begun + 1


def made(work: Work) -> Work:
    work.questions, work._worker = (Worker(LIMITS, "serving.made_works") for _ in range(2))
    return work


def test_jobs_are_asked_for_by_name_and_do_not_hold_up_the_loop() -> None:
    work = made(Work())

    async def run() -> None:
        job = work.begin("slow", {"seconds": 1.0, "minutes": None})
        ticks, shares = 0, []
        while (state := work.job(job))["state"] in ("waiting", "running"):  # type: ignore[index]
            shares.append(state["share"])  # type: ignore[index]
            assert (await work.ask("echo", {"tick": ticks}))["asked"] == {"tick": ticks}
            ticks += 1
            await asyncio.sleep(0.01)
        assert ticks > 5
        assert shares == sorted(shares)
        assert 0 < shares[-1] < 1
        done = work.job(job)
        assert done is not None
        assert (done["state"], done["share"], done["answer"]) == ("done", 1.0, {"done": True})
        failed = work.begin("wrong", {"how": "refused"})
        until(lambda: work.job(failed)["state"] == "failed")  # type: ignore[index]
        error = work.job(failed)["error"]  # type: ignore[index]
        assert (error["error"], error["code"]) == ("Row 3 holds no number: correct it.", "data_refused")
        work.cancel(job)
        work.cancel("never heard of")
        assert work.job(job) is None
        # Who goes away takes the work along.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(work.ask("slow", {"seconds": 60}), 0.2)
        assert (await work.ask("echo", {}))["asked"] == {}

    try:
        asyncio.run(run())
    finally:
        work.close()
    with pytest.raises(Problem, match="being stopped"):
        work.begin("echo", {})
    assert work.questions.process_id is None


def test_a_worker_does_not_outlive_what_started_it() -> None:
    worker = Worker(LIMITS, "serving.made_works")
    process = worker.submit("echo", {}, 20.0).answer(20.0)["process"]
    job = worker.submit("slow", {"seconds": 60}, 100.0)
    until(lambda: job.doing)
    assert worker._process is not None
    # As if the server were gone: its end of the pipe is closed.
    assert worker._process.stdin is not None
    worker._process.stdin.close()
    with pytest.raises(EnvironmentFault, match="status -9"):
        job.answer(20.0)
    assert not running(process)
    worker.close()


def running(process: int) -> bool:
    """Return whether there is such a process that has not ended; one that nobody has waited for has."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("end", ["cancelled", "too late"])
def test_what_a_work_has_started_ends_with_it(worker: Worker, end: str) -> None:
    job = worker.submit("parent", {}, 100.0 if end == "cancelled" else 1.5)
    until(lambda: job.doing)
    child = int(job.doing)
    assert running(child)
    if end == "cancelled":
        worker.cancel(job)
    until(lambda: job.state in ("cancelled", "failed"))
    until(lambda: not running(child))


def test_an_answer_is_told_once_and_at_once_to_who_comes_late() -> None:
    job, told = Job("echo", {}, 1.0), []
    job.when_over(lambda: told.append("first"))
    job.end("done", {"a": 1})
    job.end("failed", error=ValueError("late"))
    job.when_over(lambda: told.append("late"))
    assert (job.answer(0), job.state, told) == ({"a": 1}, "done", ["first", "late"])
