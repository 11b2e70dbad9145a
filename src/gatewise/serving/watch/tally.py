"""What is known of requests as a whole: how many are being answered, how each was answered, and a line about it in the log."""

import logging
import time

from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem
from gatewise.serving.watch.metrics import Metrics

ACCESS = logging.getLogger("gatewise.serving.access")


class Tally:
    """Counts the requests of a server.

    Attributes:
        answering: How many are being answered.
    """

    def __init__(self, metrics: Metrics, limits: Limits) -> None:
        self._metrics = metrics
        self._most = limits.requests
        self.answering = 0
        metrics.watch("requests_in_flight", "Requests that are being answered.", lambda: self.answering)

    def begin(self) -> None:
        """Count a request that has arrived whole: who sends slowly keeps nobody else from being answered.

        Raises:
            Problem: Too many are being answered.
        """
        if self.answering >= self._most:
            raise Problem("busy", f"{self._most} requests are being answered.", headers=((b"retry-after", b"1"),))
        self.answering += 1

    def end(self) -> None:
        """Count a request that was answered."""
        self.answering -= 1

    def note(self, method: str, route: str, status: int, begun: float, request_id: str) -> None:
        """Keep how a request was answered.

        Args:
            method: Its method.
            route: Its path as it is documented, never as it was sent.
            status: The status of the answer.
            begun: When its headers had come, by `time.perf_counter`.
            request_id: Its name in the log.
        """
        seconds = time.perf_counter() - begun
        self._metrics.request(route, status, seconds)
        if ACCESS.isEnabledFor(logging.INFO):
            fields = {"request_id": request_id, "method": method[:16], "route": route, "status": status}
            ACCESS.info("request", extra={"fields": {**fields, "ms": round(seconds * 1000, 3)}})
