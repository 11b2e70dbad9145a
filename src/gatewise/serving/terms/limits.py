"""How much one server takes: sizes, times, numbers; all in one place, so that all can be told and tested."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a request, a session and the server as a whole may have.

    Attributes:
        body_bytes: A request's body.
        arriving_bytes: All bodies together that have begun to arrive and are not whole.
        header_bytes: A request's first line and headers together.
        path_bytes: A request's path with its query.
        nesting: Levels of JSON inside each other.
        values: Numbers, texts, lists and objects in a body of JSON.
        receipt_seconds: From the first byte of a request to its last, and from a connection to its first request.
        idle_seconds: A connection between two requests.
        answer_seconds: From a request's last byte to its answer.
        drain_seconds: From SIGTERM to the end.
        connections: Open sockets.
        requests: Requests that are being answered.
        client_requests: Those of them from one address.
        sessions: Sessions that are kept.
        hot_sessions: Sessions kept in memory beside the store.
        rows: Observations in one call.
        warmup: Observations before a session's first step.
        horizon: Steps of one forecast.
        replays: Calls of a session that can be repeated.
        ttl_seconds: How long a session lives after its last step, where its creator did not say.
        ttl_most: The longest such time that can be asked for.
        tombstone_seconds: How long a session that is gone is told from one that never was.
        disk_reserve_bytes: Room on the disk below which the server is not ready.
    """

    body_bytes: int = 16 * 2**20
    arriving_bytes: int = 256 * 2**20
    header_bytes: int = 32 * 2**10
    path_bytes: int = 2 * 2**10
    nesting: int = 32
    values: int = 1_000_000
    receipt_seconds: float = 8.0
    idle_seconds: float = 60.0
    answer_seconds: float = 30.0
    drain_seconds: float = 10.0
    connections: int = 4096
    requests: int = 512
    client_requests: int = 256
    sessions: int = 1_000_000
    hot_sessions: int = 4096
    rows: int = 1000
    warmup: int = 10_000
    horizon: int = 10_000
    replays: int = 64
    ttl_seconds: float = 24 * 3600.0
    ttl_most: float = 366 * 24 * 3600.0
    tombstone_seconds: float = 24 * 3600.0
    disk_reserve_bytes: int = 16 * 2**20
