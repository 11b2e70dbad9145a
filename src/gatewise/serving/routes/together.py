"""Steps that come straight from their connections, as many at a time as have arrived in one turn of the loop."""

import asyncio
import time

from gatewise.serving.http.answers import Incoming, refusal
from gatewise.serving.http.guards import Guards
from gatewise.serving.http.receipt import new_request_id
from gatewise.serving.http.straight import Straight
from gatewise.serving.routes import calls
from gatewise.serving.service import Service
from gatewise.serving.watch.tally import Client, Tally


class Together:
    """Answers steps, after the same checks as all other requests; fulfils `straight.AnswersSteps`."""

    def __init__(self, service: Service, guards: Guards, tally: Tally) -> None:
        self._service = service
        self._guards = guards
        self._tally = tally
        self._arrived: list[_Step] = []

    def take(self, request: Straight) -> None:
        """Answer a step with all others that have arrived."""
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._take_all)
        self._arrived.append(_Step(self._service, self._tally, request))

    def _take_all(self) -> None:
        arrived, self._arrived = self._arrived, []
        steps = [step for step in arrived if step.read(self._guards)]
        for call in self._service.sessions.steps.together(steps):
            call.leave()


class _Step:
    """A step on its way; fulfils `steps.Call`."""

    __slots__ = ("begun", "body", "client", "counted", "name", "request", "request_id", "service", "tally")

    def __init__(self, service: Service, tally: Tally, request: Straight) -> None:
        self.service, self.tally, self.request = service, tally, request
        self.begun = time.perf_counter()
        self.request_id = new_request_id()
        self.counted = False
        self.name, self.body = request.name, None
        self.client: Client = request.scope["client"]

    def read(self, guards: Guards) -> bool:
        """Check the request and read its body; return whether it is to be done, or has been refused."""
        try:
            guards.check(calls.STEPS, self.request.headers)
            self.tally.begin(self.client)
            self.counted = True
            self.body = Incoming(bytes(self.request.body), self.request.headers).json(self.service.limits)
        except Exception as error:
            self.then(error)
            return False
        return True

    def then(self, said: bytes | Exception) -> None:
        """Answer."""
        if self.counted:
            self.tally.end(self.client)
        answer = refusal(said, self.request_id) if isinstance(said, Exception) else calls.stepped(self.service, said)
        self.request.reply(answer, self.request_id)
        self.tally.note("POST", calls.STEPS, answer.status, self.begun, self.request_id)

    def leave(self) -> None:
        """Let it go the usual way."""
        self.tally.end(self.client)
        self.request.go_usual()
