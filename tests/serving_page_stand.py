"""What the page needs around it in tests: works done at once in threads, and answers without training."""

import asyncio
import secrets
import threading
import time
from types import SimpleNamespace

import numpy as np

from gatewise.serving.workers import table_work
from gatewise.tables import read_series
from gatewise.tables.files import given
from made_backtests import made_backtest, made_explanation, made_forecast

EVIL = ['<img src=x onerror="document.title = 1">', "</script><script>document.title = 2</script>", "<b>a</b>&amp;"]


def asked_of(text, name="sales.csv", **more):
    """Return what the page asks about a table."""
    return {"csv": text, "name": name, **more}


def made_answer(asked, gatewise=0.8):
    """Return the answer to a forecast without training: forecasts drawn around the truth."""
    table = read_series(given(asked["name"], asked["csv"].encode()))
    forecaster = SimpleNamespace(
        fitted=SimpleNamespace(table=table),
        explanation=made_explanation(len(table)),
        validation=made_backtest(table, gatewise),
    )
    frame = made_forecast(table, asked["horizon"])
    return table_work.told(forecaster, frame, {"level": [80, 95], **asked}, {"all": 1.0})


class DoneAtOnce:
    """Works as the `Work` of the server does them, in threads; a forecast takes as many seconds as it is told to."""

    def __init__(self, seconds=0.0, gatewise=0.8):
        self.seconds, self.gatewise, self.jobs, self.cancelled = seconds, gatewise, {}, []

    async def ask(self, work, asked):
        """Do a work."""
        if work == "table.read":
            return await asyncio.to_thread(table_work.read, asked)
        if work == "model.explain":
            words = asked["text"].split()
            shares = np.sin(1 + np.arange(len(words))).tolist()
            tokens = [
                {"token": word, "known": word != "unheard", "gradient": share, "occlusion": -share}
                for word, share in zip(words, shares, strict=True)
            ]
            chosen = asked["label"] or EVIL[0]
            return {"class": chosen, "probabilities": dict(zip(EVIL, (0.7, 0.2, 0.1), strict=True)), "tokens": tokens}
        assert work == "model.inspect"
        script = (
            "<script>fetch('/v1/models').catch(() => document.body.append(`kept in, of origin ${origin}`))</script>"
        )
        return {"page": f"<!doctype html><html><head><title>in</title></head><body>gates {script}</body></html>"}

    def begin(self, work, asked):
        """Begin a forecast."""
        assert work == "table.forecast"
        job = secrets.token_urlsafe(16)
        self.jobs[job] = {"job": job, "state": "running", "share": 0.0, "doing": "networks", "seconds": 0.0}

        def work_on():
            for step in range(10):
                time.sleep(self.seconds / 10)
                if job in self.jobs:
                    self.jobs[job].update(share=step / 10, seconds=step * self.seconds / 10)
            answer = made_answer(asked, self.gatewise)
            if job in self.jobs:
                self.jobs[job].update(state="done", share=1.0, answer=answer)

        threading.Thread(target=work_on, daemon=True).start()
        return job

    def job(self, job):
        """Return how far a job is."""
        return self.jobs.get(job)

    def cancel(self, job):
        """Forget a job."""
        self.cancelled.append(job)
        self.jobs.pop(job, None)

    def close(self):
        """See `Work.close`."""

    def forget_old(self):
        """See `Work.forget_old`."""
