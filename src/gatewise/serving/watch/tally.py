"""What is known of requests as a whole: how many are being answered, how each was answered, and a line about it in the log."""

import logging
import time

from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem
from gatewise.serving.watch.metrics import Metrics

Client = tuple[str, int] | None
_SOON = ((b"retry-after", b"1"),)
ACCESS = logging.getLogger("gatewise.serving.access")


class Tally:
    """Counts the requests of a server.

    Attributes:
        answering: How many are being answered.
    """

    def __init__(self, metrics: Metrics, limits: Limits) -> None:
        self._metrics = metrics
        self._most, self._most_of_one = limits.requests, limits.client_requests
        self._by_address: dict[str | None, int] = {}
        self.answering = 0
        metrics.watch("requests_in_flight", "Requests that are being answered.", lambda: self.answering)

    def begin(self, client: Client) -> None:
        """Count a request that has arrived whole: who sends slowly keeps nobody else from being answered.

        Args:
            client: Address and port that it came from.

        Raises:
            Problem: Too many are being answered, of all callers or of this one.
        """
        if self.answering >= self._most:
            raise Problem("busy", f"{self._most} requests are being answered.", headers=_SOON)
        address = None if client is None else client[0]
        of_client = self._by_address.get(address, 0)
        if of_client >= self._most_of_one:
            raise Problem("client_busy", f"{of_client} requests from this address are being answered.", headers=_SOON)
        self._by_address[address] = of_client + 1
        self.answering += 1

    def end(self, client: Client) -> None:
        """Count a request that was answered."""
        self.answering -= 1
        address = None if client is None else client[0]
        left = self._by_address[address] - 1
        if left:
            self._by_address[address] = left
        else:
            # Addresses come and go; those that are gone are forgotten.
            del self._by_address[address]

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
