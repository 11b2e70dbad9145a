"""Who may ask: by which address, from which page, with which token. Checked for every request, whatever its method."""

import hashlib
import hmac
import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence

from gatewise.errors import UsageError
from gatewise.serving.terms.problems import Problem, shown

Headers = Sequence[tuple[bytes, bytes]]

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_PORT = re.compile(r":\d{1,5}$")
# What may be asked without a token: whether the server is there, and the page, which asks for the token. No data.
_OPEN = ("/", "/v2/health/live", "/v2/health/ready")
_OPEN_BELOW = "/page/"
_LEAST_TOKEN = 16


class Guards:
    """Lets requests in, or says why not.

    A page of another origin can make a browser send requests here, and a name of its own can be made to mean this address.
    So the header Host must be an address that is this server's, and Origin, where there is one, the same address.
    """

    def __init__(self, host: str, token: str | None = None, allow_hosts: Iterable[str] = ()) -> None:
        """Take what is allowed.

        Args:
            host: The address that the server listens at.
            token: What a caller must know; None where everybody may ask who can reach the address.
            allow_hosts: More names by which the server may be asked.

        Raises:
            UsageError: Others than this machine could ask without a token, or the token is short.
        """
        local = is_loopback(host)
        if not local and token is None:
            raise UsageError(
                f"At the address {host} other machines could ask, so a token is needed: add --token (or set GATEWISE_TOKEN), "
                "or use --host 127.0.0.1."
            )
        if token is not None and (len(token) < _LEAST_TOKEN or not token.isascii() or not token.isprintable()):
            raise UsageError(
                f"A token has at least {_LEAST_TOKEN} printable ASCII characters: take one that nobody guesses, such as "
                "what 'openssl rand -hex 16' prints."
            )
        if token is not None and token != token.strip():
            raise UsageError("The token begins or ends with a space, which no caller could send: take it away.")
        self._token = None if token is None else _digest(token.encode())
        names = {*_LOOPBACK_NAMES, *allow_hosts, _as_named(host)}
        if not local:
            names |= {socket.gethostname(), socket.getfqdn()}
        self._names = {name.lower().encode() for name in names}
        # A name can be made to mean any address; an address cannot.
        self._any_address = not local
        self._known: set[bytes] = set()

    def check(self, path: str, headers: Headers) -> None:
        """Let a request in.

        Raises:
            Problem: It came by another address, from another page, or without the token.
        """
        host = origin = authorization = None
        for name, value in headers:
            if name == b"host":
                host = value if host is None else b"two"
            elif name == b"origin":
                origin = value if origin is None else b"two"
            elif name == b"authorization":
                authorization = value
        if host not in self._known:
            self._check_host(host)
        if origin is not None and origin not in (b"http://%b" % (host or b""), b"https://%b" % (host or b"")):
            raise Problem(
                "origin_refused",
                f"The request comes from a page of {shown(origin.decode('latin-1'))}, not of this server.",
            )
        if self._token is not None and path not in _OPEN and not path.startswith(_OPEN_BELOW):
            self._check_token(authorization)

    def _check_host(self, host: bytes | None) -> None:
        name = _PORT.sub("", (host or b"").decode("latin-1")).lower()
        if name.encode("latin-1") not in self._names and not (self._any_address and _is_address(name)):
            raise Problem(
                "host_refused", f"{shown(name)} is not an address of this server.", headers=((b"connection", b"close"),)
            )
        # So few are right that what was once found right can be kept; as a bound, whatever somebody makes up.
        if host is not None and len(self._known) < 100:
            self._known.add(host)

    def _check_token(self, authorization: bytes | None) -> None:
        challenge = ((b"www-authenticate", b"Bearer"),)
        if authorization is None:
            raise Problem("token_missing", "The request has no token.", headers=challenge)
        scheme, _, given = authorization.partition(b" ")
        # Hashes of equal length: how long the comparison takes tells nothing of the token, nor of its length.
        right = hmac.compare_digest(_digest(given.strip()), self._token or b"")
        if not right or scheme.lower() != b"bearer":
            raise Problem("token_wrong", "The token is not the server's.", headers=challenge)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _as_named(host: str) -> str:
    """Return an address as the header Host has it."""
    try:
        found = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host
    return str(found) if found.version == 4 else f"[{found}]"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
