"""What all routes share: models, sessions, numbers to watch, and whether the server is ready."""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gatewise.errors import UsageError
from gatewise.serving.models.calls import ModelCalls
from gatewise.serving.sessions.bodies import NAME
from gatewise.serving.sessions.schema import Durability
from gatewise.serving.sessions.sessions import Sessions
from gatewise.serving.sessions.store import Store
from gatewise.serving.terms.contract import KIND_WORDS, Asked, ServedModel, Stepped
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem, shown
from gatewise.serving.watch.metrics import Metrics
from gatewise.serving.workers.work import Work

# An answer to "is the server ready?" that is not older is given again: asking costs a write to the disk.
_READY_SECONDS = 1.0
_SWEEP_SECONDS = 0.5


class Service:
    """One server's models and sessions.

    Attributes:
        models: Name → model.
        limits: How much is taken.
        sessions: All sessions.
        metrics: What is counted.
        calls: How models are called.
        draining: Whether the server is being stopped.
        work: Workers for what the page asks; None where it is asked nothing.
    """

    def __init__(
        self,
        models: Iterable[ServedModel],
        folder: Path,
        limits: Limits | None = None,
        durability: Durability = "full",
    ) -> None:
        """Open the store of a server.

        Args:
            models: What is served; `close` closes them.
            folder: Where sessions are kept.
            limits: How much is taken.
            durability: Whether sessions survive a power cut, or the end of the process only.

        Raises:
            UsageError: Two models have one name, or one has a name that cannot stand in a path.
            EnvironmentFault: The folder cannot be used.
        """
        self.models: dict[str, ServedModel] = {}
        for model in models:
            if model.name in self.models:
                raise UsageError(f"Two models are called {model.name!r}: give one of them another name.")
            if not NAME.fullmatch(model.name):
                raise UsageError(
                    f"A model cannot be called {shown(model.name)} in a path: give it a name of 1 to 64 of the characters "
                    "A-Z a-z 0-9 . _ -, beginning with a letter or a digit."
                )
            self.models[model.name] = model
        # Asked once: to ask an object what it fulfils takes longer than a step.
        self._stepped = {name: model for name, model in self.models.items() if isinstance(model, Stepped)}
        self._asked = {name: model for name, model in self.models.items() if isinstance(model, Asked)}
        self.limits = limits or Limits()
        self.draining = False
        self.work: Work | None = None
        self.store = Store(folder, durability)
        self.calls = ModelCalls(self.limits.answer_seconds)
        self.sessions = Sessions(self.store, self.models, self.calls, self.limits)
        self.metrics = Metrics()
        self._watched()
        self._ready_reasons: list[str] = []
        self._ready_at = float("-inf")
        self._asking = asyncio.Lock()

    def _watched(self) -> None:
        self.sessions.steps.on_step = self.metrics.step
        self.store.on_commit = self.metrics.commit
        live = self.sessions.live
        self.metrics.watch("sessions_stored", "Sessions in the store.", lambda: live.count)
        self.metrics.watch("sessions_hot", "Sessions in memory.", lambda: len(live))
        self.metrics.watch(
            "store_broken", "1 if the store takes no writes any more.", lambda: self.store.broken is not None
        )
        self.metrics.watch("store_waiting", "Writes that wait for their commit.", lambda: self.store.waiting)
        for model in self.models.values():
            self.metrics.model(model)

    def model(self, name: str) -> ServedModel:
        """Return the model of a name.

        Raises:
            Problem: There is none.
        """
        found = self.models.get(name)
        if found is None:
            raise Problem("model_unknown", f"No model is called {shown(name)} here.")
        return found

    def stepped(self, name: str) -> Stepped:
        """Return the model of a name, which can have sessions."""
        found = self._stepped.get(name)
        if found is None and self.model(name).kind == "forecaster":
            raise Problem(
                "not_stateful", f"The forecaster {name} goes by covariates, and a step would tell it of a value alone."
            )
        if found is None:
            raise Problem(
                "not_stateful", f"The model {name} is {KIND_WORDS[self.model(name).kind]} that has no state to step."
            )
        return found

    def asked(self, name: str) -> Asked:
        """Return the model of a name, which answers batches."""
        found = self._asked.get(name)
        if found is None:
            raise Problem("not_asked", f"The model {name} is {KIND_WORDS[self.model(name).kind]} that is only stepped.")
        return found

    async def not_ready(self) -> list[str]:
        """Return why the server is not ready, in sentences; nothing where it is."""
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if now - self._ready_at > _READY_SECONDS:
                self._ready_reasons, self._ready_at = await self._unready(), now
        if self.draining:
            return ["The server is being stopped.", *self._ready_reasons]
        return self._ready_reasons

    async def _unready(self) -> list[str]:
        reasons = []
        if not self.models:
            reasons.append("No model is served.")
        try:
            await self.sessions.keep_clock()
        except Problem as problem:
            reasons.append(str(problem))
        if self.store.free_bytes() < self.limits.disk_reserve_bytes:
            reasons.append("The disk of the sessions is almost full.")
        return reasons

    async def keep_house(self) -> None:
        """End expired sessions and forget old jobs for as long as the server runs."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            # A full disk is told to those who ask for something; it may have room again the next time.
            with contextlib.suppress(Problem):
                await self.sessions.sweep()
            if self.work is not None:
                self.work.forget_old()

    def told(self) -> list[dict[str, Any]]:
        """Return what is served, as plain JSON values."""
        return [self._told(model, self._stepped.get(model.name)) for model in self.models.values()]

    def _told(self, model: ServedModel, stepped: Stepped | None) -> dict[str, Any]:
        return {
            "name": model.name,
            "kind": model.kind,
            "version": model.sha256[:12],
            "sha256": model.sha256,
            "sessions": stepped is not None,
            "predict": model.name in self._asked,
            "features": None if stepped is None else stepped.features,
            "inputs": [tensor._asdict() for tensor in model.inputs],
            "outputs": [tensor._asdict() for tensor in model.outputs],
            "step_input": None if stepped is None else stepped.step_input._asdict(),
            "step_output": None if stepped is None else stepped.step_output._asdict(),
        }

    async def stop(self) -> None:
        """Write down the time, and let go of everything."""
        with contextlib.suppress(Problem):
            await self.sessions.keep_clock()
        self.calls.close()
        self.store.close()
        for model in self.models.values():
            model.close()
        if self.work is not None:
            self.work.close()
