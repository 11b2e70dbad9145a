"""The process: a socket, the loop, what goes on beside requests, and how all of it ends."""

import asyncio
import contextlib
import errno
import gc
import logging
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from gatewise.errors import EnvironmentFault, UsageError
from gatewise.serving.http.receipt import Receipt, cut_slow
from gatewise.serving.routes.app import Application
from gatewise.serving.service import Service

LOG = logging.getLogger("gatewise.serving")
_CUT_SECONDS = 0.5
# From "not ready" to the last connection that is taken: time for those who watch to send nobody here any more.
_GRACE_SECONDS = 1.0
_BACKLOG = 2048


def address_of(host: str, port: int) -> tuple[Any, ...]:
    """Return what a socket at an address is made of: family, kind, protocol, and the address.

    Raises:
        UsageError: The address is none.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError):
        raise UsageError(f"{host!r} is no address: give --host one of this machine's, such as 127.0.0.1.") from None
    return family, kind, protocol, address


def listening(host: str, port: int) -> socket.socket:
    """Return a socket at an address, which takes connections from when the server runs.

    Raises:
        UsageError: The address is none.
        EnvironmentFault: It is taken, or not this machine's.
    """
    family, kind, protocol, address = address_of(host, port)
    found = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":
            # Else the port would be taken for a minute after the server that had it is gone.
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise EnvironmentFault(
                f"The port {port} of {host} is in use by another program: stop it, or choose another with --port."
            ) from None
        raise EnvironmentFault(
            f"The server cannot listen at {host}, port {port}: {error.strerror}; choose other --host and --port."
        ) from None
    return found


class Server(uvicorn.Server):
    """A web server that tells first that it is going to stop, and then stops."""

    def __init__(self, service: Service, application: Application) -> None:
        self._service = service
        limits = service.limits
        protocol = type("LimitedReceipt", (Receipt,), {"limits": limits, "steps": application.together})
        super().__init__(
            uvicorn.Config(
                application,
                http=protocol,
                loop=_loop_name(),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=int(limits.idle_seconds),
                timeout_graceful_shutdown=int(limits.drain_seconds),
                backlog=_BACKLOG,
            )
        )
        self._stop_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop at a signal; a second one does not wait for anybody."""
        if self.should_exit:
            self.force_exit = True
        self.stop()

    def stop(self, grace: float = _GRACE_SECONDS) -> None:
        """Be not ready from now on, and stop soon."""
        self._service.draining = True
        if self._stop_at is None:
            self._stop_at = time.monotonic() + grace
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Say whether it is time to stop."""
        await super().on_tick(counter)
        return self._stop_at is not None and (self.force_exit or time.monotonic() >= self._stop_at)

    async def run_beside(self, bound: socket.socket, started: Callable[[], None]) -> None:
        """Serve until told to stop, and do what has to be done meanwhile.

        Args:
            bound: Where connections come from.
            started: Called once, when they are taken.
        """
        tasks = [asyncio.create_task(work) for work in (self._cut(), self._service.keep_house(), self._tell(started))]
        try:
            await self.serve(sockets=[bound])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._service.stop()

    async def _cut(self) -> None:
        while True:
            await asyncio.sleep(_CUT_SECONDS)
            cut_slow(self.server_state.connections, asyncio.get_running_loop().time())

    async def _tell(self, started: Callable[[], None]) -> None:
        while not self.started:
            await asyncio.sleep(0.01)
        started()


def run(server: Server, bound: socket.socket, started: Callable[[], None]) -> None:
    """Serve in this thread until a signal, or `Server.stop`, ends it."""
    _more_files()
    # What is there now stays; nobody has to look through it again and again.
    gc.freeze()
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(server.run_beside(bound, started))


def _loop_name() -> Any:
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return "asyncio"
    return "uvloop"


def _new_loop() -> asyncio.AbstractEventLoop:
    if _loop_name() == "asyncio":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


def _more_files() -> None:
    """Let the process open as many files as the system allows it: a connection is one."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
