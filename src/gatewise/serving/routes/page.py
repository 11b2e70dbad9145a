"""The web page at ``/``: files that are read once, each with the policy under which a browser shows it.

The page runs scripts and styles of this server alone, and none that stand inside of it. Reports and inspections hold their own
scripts: they are shown by ``/page/frame.html``, a document of no origin that can reach nothing, neither the page around it nor
a network.
"""

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
FRAMED = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "csv": "text/csv; charset=utf-8",
}
# What a browser is told with every file.
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-cache",
}


class PageFile(NamedTuple):
    """A file of the page, with its headers."""

    content: bytes
    headers: dict[str, str]


@cache
def page_files() -> dict[str, PageFile]:
    """Return all files of the page by their path; nothing else can be asked for, whatever a request says."""
    room = files("gatewise.serving").joinpath("page")
    found = {f"/page/{one.name}": one.read_bytes() for one in room.iterdir() if one.name.rpartition(".")[2] in _TYPES}
    # The example that the page offers is the series that ships with gatewise.
    found["/page/airline.csv"] = files("gatewise.datasets").joinpath("airline.csv").read_bytes()
    found["/"] = found.pop("/page/index.html")
    return {path: PageFile(content, _headers(path, content)) for path, content in found.items()}


def _headers(path: str, content: bytes) -> dict[str, str]:
    kind = "html" if path == "/" else path.rpartition(".")[2]
    policy = FRAMED if path == "/page/frame.html" else _PAGE
    tag = hashlib.sha256(content).hexdigest()[:32]
    return {**_ALWAYS, "Content-Type": _TYPES[kind], "Content-Security-Policy": policy, "ETag": f'"{tag}"'}


async def _file(request: Request) -> Response:
    content, headers = page_files()[request.url.path]
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers)


router = APIRouter(include_in_schema=False)
for _path in page_files():
    router.add_api_route(_path, _file, methods=["GET"])
