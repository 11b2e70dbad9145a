"""What can be watched, in the text format of Prometheus. No name of a session and no word of a user is a label."""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from gatewise.serving.terms.contract import ServedModel

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_WRITES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
OUTCOMES = ("applied", "replayed", "gap", "conflict", "refused")


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Histogram(
            "gatewise_request_seconds",
            "From a request's headers to its answer.",
            ("route", "code"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._steps = Counter(
            "gatewise_steps",
            "Calls that step a session, by what became of them.",
            ("outcome",),
            registry=self._registry,
        )
        self._commit_seconds = Histogram(
            "gatewise_commit_seconds", "Time of a commit of the store.", buckets=_SECONDS, registry=self._registry
        )
        self._commit_writes = Histogram(
            "gatewise_commit_writes", "Writes in a commit of the store.", buckets=_WRITES, registry=self._registry
        )
        self._models = Gauge(
            "gatewise_model_info",
            "1 for each model that is served.",
            ("model", "kind", "version"),
            registry=self._registry,
        )
        self._by_request: dict[tuple[str, int], Histogram] = {}
        self._by_outcome = {outcome: self._steps.labels(outcome) for outcome in OUTCOMES}

    def watch(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Show a number that is asked for whenever somebody looks."""
        Gauge(f"gatewise_{name}", what, registry=self._registry).set_function(value)

    def model(self, model: ServedModel) -> None:
        """Show that a model is served."""
        self._models.labels(model.name, model.kind, model.sha256[:12]).set(1)

    def request(self, route: str, code: int, seconds: float) -> None:
        """Count a request; `route` is a path as it is documented, never one that was sent."""
        found = self._by_request.get((route, code))
        if found is None:
            found = self._by_request[route, code] = self._requests.labels(route, str(code))
        found.observe(seconds)

    def step(self, outcome: str) -> None:
        """Count a step."""
        self._by_outcome[outcome].inc()

    def commit(self, seconds: float, writes: int) -> None:
        """Count a commit."""
        self._commit_seconds.observe(seconds)
        self._commit_writes.observe(writes)

    def text(self) -> bytes:
        """Return all of it."""
        return generate_latest(self._registry)
