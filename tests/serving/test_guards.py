"""Who may ask, without a server."""

import pytest

from gatewise.errors import UsageError
from gatewise.serving.http.guards import Guards, is_loopback
from gatewise.serving.terms.problems import Problem

TOKEN = "0123456789abcdef"


def asked(guards, path="/v1/models", **headers):
    guards.check(path, [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])


def test_other_machines_need_a_token():
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        with pytest.raises(UsageError, match="a token is needed: add --token"):
            Guards(host)
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert is_loopback(host)
        Guards(host)
    with pytest.raises(UsageError, match="A token has at least 16 printable ASCII characters"):
        Guards("0.0.0.0", "short")
    for token in (f"{TOKEN} ", f" {TOKEN}"):
        with pytest.raises(UsageError, match="begins or ends with a space, which no caller could send"):
            Guards("127.0.0.1", token)


@pytest.mark.parametrize(
    ("host", "asked_by", "not_by"),
    [
        ("127.0.0.2", "127.0.0.2:8000", "127.0.0.3:8000"),
        ("0:0::1", "[::1]:8000", "[::2]:8000"),
        ("LocalHost.", "localhost.", "x"),
    ],
)
def test_the_address_that_a_server_listens_at_is_its_own(host, asked_by, not_by):
    guards = Guards(host, TOKEN)
    guards._any_address = False
    right = {"authorization": f"Bearer {TOKEN}"}
    asked(guards, host=asked_by, **right)
    with pytest.raises(Problem) as refused:
        asked(guards, host=not_by, **right)
    assert refused.value.code == "host_refused"


def test_names_by_which_a_server_on_the_network_is_asked():
    guards = Guards("0.0.0.0", TOKEN, ["Models.Example.org"])
    right = {"authorization": f"Bearer {TOKEN}"}
    for host in ("models.example.org", "models.example.org:8000", "10.0.0.7:8000", "[fe80::1]:8000", "localhost"):
        asked(guards, host=host, **right)
    for host in ("example.org", "evil.example:8000", "", "10.0.0.7.evil.example"):
        with pytest.raises(Problem) as refused:
            asked(guards, host=host, **right)
        assert refused.value.code == "host_refused"


def test_a_page_behind_https_may_ask_by_its_own_address():
    guards = Guards("0.0.0.0", TOKEN, ["models.example.org"])
    right = {"host": "models.example.org", "authorization": f"Bearer {TOKEN}"}
    asked(guards, origin="https://models.example.org", **right)
    with pytest.raises(Problem) as refused:
        asked(guards, origin="https://example.org", **right)
    assert refused.value.code == "origin_refused"


def test_the_page_and_health_need_no_token_and_all_else_does():
    guards = Guards("127.0.0.1", TOKEN)
    for path in ("/", "/page/page.js", "/v2/health/live", "/v2/health/ready"):
        asked(guards, path, host="localhost")
    for path in ("/metrics", "/v1/models", "/page", "/v2/health/live/", "//"):
        with pytest.raises(Problem) as refused:
            asked(guards, path, host="localhost")
        assert refused.value.code == "token_missing"
