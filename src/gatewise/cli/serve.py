"""``gatewise serve``: saved models behind HTTP, with sessions that survive, until Ctrl-C."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.options import Debug, Quiet
from gatewise.errors import EnvironmentFault

if TYPE_CHECKING:
    from gatewise.serving.service import Service


class Durability(StrEnum):
    """What an answer promises."""

    full = "full"
    normal = "normal"


def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Saved models: folders as gatewise saves them. NAME=FOLDER serves one under another name than its folder's.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option("--host", metavar="ADDRESS", help="Where to listen; others than this machine need a token."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8000,
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Where sessions are kept; made where it is not there.")
    ] = Path("gatewise-sessions"),
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="TEXT",
            envvar="GATEWISE_TOKEN",
            show_envvar=False,
            help="What callers must know, 16 characters or more. Others on this machine can read what is typed here: set the "
            "environment variable GATEWISE_TOKEN instead.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name by which the server may be asked; can be repeated."),
    ] = None,
    durability: Annotated[
        Durability,
        typer.Option(
            "--durability",
            help="full: what was answered survives a power cut. normal: it survives the end of the process, and a power cut "
            "may take the last answers.",
        ),
    ] = Durability.full,
    max_sessions: Annotated[
        int, typer.Option("--max-sessions", metavar="N", min=1, help="How many sessions are kept.")
    ] = 1_000_000,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Log every request, and not only what went wrong.")
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Serve saved models over HTTP, and a page for people at the same address, until Ctrl-C.

    A recurrent network or a forecaster is fed one observation after the other: its state is kept on the disk, each step is
    taken once however often it is sent, and nothing that was answered is lost. Needs what gatewise[service] installs.

    \b
    Examples:
      gatewise serve sales-model
      gatewise serve sales=models/sales-7 moods --port 9000 --data sessions
      (umask 077; openssl rand -hex 16 > token)
      GATEWISE_TOKEN=$(cat token) gatewise serve sales-model --host 0.0.0.0
      curl -H "Authorization: Bearer $(cat token)" localhost:8000/v1/models
      curl -d '{"id": "till-1"}' -H 'Content-Type: application/json' localhost:8000/v1/models/sales-model/sessions
      curl -d '{"seq": 1, "x": [117]}' -H 'Content-Type: application/json' localhost:8000/v1/sessions/till-1/steps
    """  # noqa: D301
    try:
        from gatewise.serving import server
        from gatewise.serving.http.guards import Guards
        from gatewise.serving.models.served import open_models
        from gatewise.serving.routes.app import Application
        from gatewise.serving.service import Service
        from gatewise.serving.terms.limits import Limits
        from gatewise.serving.watch import logs
    except ModuleNotFoundError as error:
        raise EnvironmentFault(
            f"The server needs {error.name}, which is not installed: pip install 'gatewise[service]'."
        ) from None
    # Before it is said what could be asked there.
    server.address_of(host, port)
    guards = Guards(host, token, allow_host or [])
    bound = server.listening(host, port)
    # The socket first: what is wrong with the address is said before models are loaded.
    opened = open_models(models or [])
    try:
        service = Service(opened.models, data, Limits(sessions=max_sessions), durability.value)
    except BaseException:
        opened.work.close()
        raise
    service.work = opened.work
    logs.begin(access_log)
    address = f"http://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}"
    server.run(
        server.Server(service, Application(service, guards)), bound, lambda: None if quiet else _tell(address, service)
    )


def _tell(address: str, service: "Service") -> None:
    typer.echo(f"serving at {address}, sessions in {service.store.folder}; Ctrl-C ends it", err=True)
    for model in service.told():
        how = " and ".join(["sessions"] * model["sessions"] + ["predict"] * model["predict"])
        typer.echo(f"  {model['name']}: {model['kind']}, version {model['version']}, {how}", err=True)
