"""What can go wrong in a request: one shape, one table of codes, a remedy for each.

Every answer that is not the one asked for is ``{"error": sentence, "code": …, "remedy": …, "request_id": …}`` with, where
there is more to say, ``"field"`` (where in the body) and ``"detail"``. A code is never renamed.
"""

import json
from typing import Any, NamedTuple

from gatewise.errors import DataError, EnvironmentFault, GatewiseError, UsageError


class Code(NamedTuple):
    """What a code means: the status of the answer, and what to do."""

    status: int
    remedy: str


CODES = {
    # The request itself.
    "bad_request": Code(400, "Send HTTP/1.1 with one Content-Length or chunked, and no control characters."),
    "bad_json": Code(400, "Send one JSON value in UTF-8, as RFC 8259 has it: no NaN, no key twice, no number beyond a double."),
    "bad_csv": Code(400, "Send a header line with the names of the columns, and a line for each row."),
    "token_missing": Code(401, "Send the header 'Authorization: Bearer TOKEN' with the token of the server."),
    "token_wrong": Code(401, "Send the header 'Authorization: Bearer TOKEN' with the token of the server."),
    "origin_refused": Code(403, "Ask from the server's own page, or without an Origin header."),
    "path_unknown": Code(404, "See /openapi.json for the paths."),
    "model_unknown": Code(404, "See /v1/models for the names."),
    "version_unknown": Code(404, "Leave the version out, or see /v2/models/NAME for it."),
    "method_unknown": Code(405, "Use a method that the header Allow names."),
    "receipt_slow": Code(408, "Send the whole request within the time limit."),
    "body_large": Code(413, "Send less at once."),
    "path_long": Code(414, "Send data in the body, not in the path."),
    "type_unsupported": Code(415, "Send the header 'Content-Type: application/json'."),
    "encoding_unsupported": Code(415, "Send the body as it is, without Content-Encoding."),
    "host_refused": Code(421, "Ask by an address that the server was started for; see --allow-host."),
    "field_wrong": Code(422, "Correct the field; see /openapi.json for its form."),
    "field_missing": Code(422, "Add the field; see /openapi.json for its form."),
    "field_unknown": Code(422, "Leave the field out; see /openapi.json for the fields there are."),
    "number_not_finite": Code(422, "Send finite numbers only; impute what is missing before."),
    "shape_wrong": Code(422, "Send as many numbers as the shape says, in the shape that /v2/models/NAME says."),
    "data_refused": Code(422, "Send what the sentence asks for."),
    "not_stateful": Code(422, "Ask this model by /v1/models/NAME/predict; it has no state for a session."),
    "not_asked": Code(422, "Ask this model by a session; it answers no batches."),
    "not_of_model": Code(422, "Ask a model of the kind that the sentence names; /v1/models says what each one is."),
    "headers_large": Code(431, "Send fewer and shorter headers."),
    "client_busy": Code(429, "Wait as long as Retry-After says, and ask for fewer things at once."),
    # Tables that the page forecasts.
    "table_refused": Code(422, "Correct the table, or say with the columns and fix how it is to be read."),
    "job_unknown": Code(404, "Begin it again; a job is forgotten half an hour after it was done."),
    "job_not_done": Code(409, "Ask for the job until its state is done."),
    # Sessions.
    "session_unknown": Code(404, "Create the session, or correct its name."),
    "session_exists": Code(409, "Choose another name, or delete the session first."),
    "seq_gap": Code(409, "Send the step with the number in detail.expected."),
    "seq_conflict": Code(409, "Read the session, and go on from where it is."),
    "model_changed": Code(409, "Start the server with the model that the session began with, or begin a new session."),
    "model_mismatch": Code(409, "Restore the snapshot where its model is served."),
    "session_deleted": Code(410, "Begin a new session under another name."),
    "session_expired": Code(410, "Begin a new session, or restore a snapshot; give it a longer ttl_s."),
    "seq_too_old": Code(410, "Read the session, and go on from where it is; the last 64 calls can be repeated."),
    "seq_reused": Code(422, "Repeat a step with the same body only; read the session for its number."),
    "time_not_later": Code(422, "Send observations in the order of their times."),
    "time_gap": Code(422, "Send what is missing first, or begin the session with gaps=\"flag\"."),
    "snapshot_damaged": Code(422, "Take the snapshot again, and send it as it came."),
    # The server's side.
    "internal": Code(500, "Look for the request_id in the server's log."),
    "state_not_finite": Code(500, "The session stays where it was; send another observation, or begin a new session."),
    "session_damaged": Code(500, "Put a snapshot back with replace=true, or delete the session; then look after the disk."),
    "busy": Code(503, "Wait as long as Retry-After says, and send it again."),
    "session_limit": Code(503, "Delete sessions, or start the server with a larger --max-sessions."),
    "draining": Code(503, "Send it again when the server is back; it is being stopped."),
    "store_unusable": Code(503, "Look into the server's log; the folder of --data cannot be written."),
    "too_slow": Code(504, "Ask for less at once; nothing was changed."),
    "disk_full": Code(507, "Make room on the disk of --data, and send it again; nothing was changed."),
}  # fmt: skip


class Problem(GatewiseError):
    """A request that is answered by an error.

    Attributes:
        code: A key of `CODES`.
        status: The status of the answer.
        field: Where in the body, as a path of names and positions; None where it is not about a field.
        detail: What a program needs in order to go on, plain JSON values.
        headers: Headers of the answer, besides those that every answer has.
    """

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        field: str | None = None,
        detail: dict[str, Any] | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.status = CODES[code].status
        self.field = field
        self.detail = detail
        self.headers = headers

    def body(self, request_id: str) -> bytes:
        """Return the answer's body."""
        said: dict[str, Any] = {"error": str(self), "code": self.code}
        if self.field is not None:
            said["field"] = self.field
        if self.detail is not None:
            said["detail"] = self.detail
        return json.dumps({**said, "remedy": CODES[self.code].remedy, "request_id": request_id}).encode()


def as_problem(error: Exception) -> Problem:
    """Return the answer to an exception that a call raised; what is no sentence of gatewise stays in the log."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, UsageError | DataError):
        return Problem("data_refused", " ".join(str(error).split()))
    if isinstance(error, EnvironmentFault):
        return Problem("busy", " ".join(str(error).split()), headers=((b"retry-after", b"1"),))
    return Problem("internal", "The server failed at this request; it was not the request's fault.")


def shown(value: object, most: int = 80) -> str:
    """Return a value from a request as printable ASCII of at most some characters, for a sentence."""
    text = ascii(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."
