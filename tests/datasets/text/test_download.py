"""Downloads from a server on this machine: whole, broken off, resumed, wrong, missing."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gatewise.datasets.text import download as module
from gatewise.datasets.text.download import download
from gatewise.errors import EnvironmentFault

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Serves CONTENT; keeps the ranges that were asked for.

    Attributes:
        break_after: How many bytes each answer sends before the connection is cut; None for all.
        ranges: Whether a range is answered with that range.
        status: Another status to answer with.
    """

    def __init__(self):
        self.break_after, self.ranges, self.status, self.content = None, True, None, CONTENT
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/reviews.tar.gz"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request):
        asked = request.headers.get("Range")
        self.asked.append(asked)
        first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.ranges else 0
        if self.status:
            return request.send_error(self.status)
        if first >= len(self.content):
            return request.send_error(416)
        body = self.content[first:]
        request.send_response(206 if asked and self.ranges else 200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: self.break_after])


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "_WAITS", (0.0, 0.0))
    server = Server()
    yield server
    server.server.shutdown()
    server.server.server_close()


def refusal(server, target, sha256=SHA256):
    with pytest.raises(EnvironmentFault) as raised:
        download(server.address, target, sha256, "do this")
    return str(raised.value)


def test_a_file_arrives_whole_and_is_not_fetched_again(server, tmp_path):
    target = tmp_path / "new" / "reviews.tar.gz"
    assert download(server.address, target, SHA256, "do this").read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["reviews.tar.gz"]
    download(server.address, target, SHA256, "do this")
    assert server.asked == [None]


def test_a_broken_connection_is_taken_up_where_it_broke(server, tmp_path):
    server.break_after = 400_000
    assert download(server.address, tmp_path / "it", SHA256, "do this").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=400000-", "bytes=800000-"]


def test_another_process_goes_on_where_one_ended(server, tmp_path):
    (tmp_path / "it.part").write_bytes(CONTENT[:1000])
    assert download(server.address, tmp_path / "it", SHA256, "do this").read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-"]


def test_a_server_without_ranges_sends_all_of_it(server, tmp_path):
    server.ranges = False
    (tmp_path / "it.part").write_bytes(b"x" * 1000)
    assert download(server.address, tmp_path / "it", SHA256, "do this").read_bytes() == CONTENT


def test_a_part_that_is_complete_needs_nothing_more(server, tmp_path):
    (tmp_path / "it.part").write_bytes(CONTENT)
    assert download(server.address, tmp_path / "it", SHA256, "do this").read_bytes() == CONTENT


def test_a_connection_that_goes_on_breaking_is_given_up_and_what_came_is_kept(server, tmp_path):
    server.break_after = 0
    (tmp_path / "it.part").write_bytes(CONTENT[:1000])
    assert refusal(server, tmp_path / "it") == (
        f"{server.address} cannot be downloaded (the connection ended after 1,000 of 1,024,000 bytes; 1,000 bytes are "
        "kept for the next attempt): do this."
    )
    assert (tmp_path / "it.part").read_bytes() == CONTENT[:1000]
    assert len(server.asked) == 3


def test_another_file_is_deleted(server, tmp_path):
    server.content = b"not the reviews"
    found = hashlib.sha256(server.content).hexdigest()
    assert refusal(server, tmp_path / "it") == (
        f"What {server.address} sent is not the file that is expected (its SHA-256 is {found} instead of {SHA256}) and "
        "was deleted: do this."
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (404, "{} answers 404 (Not Found): do this."),
        (
            503,
            "{} cannot be downloaded (it answers 503, Service Unavailable; 0 bytes are kept for the next attempt): do "
            "this.",
        ),
    ],
)
def test_an_error_of_the_server_is_told(server, tmp_path, status, sentence):
    server.status = status
    assert refusal(server, tmp_path / "it") == sentence.format(server.address)


def test_no_network_is_told(server, tmp_path):
    server.server.shutdown()
    server.server.server_close()
    assert refusal(server, tmp_path / "it") == (
        f"{server.address} cannot be downloaded ([Errno 111] Connection refused; 0 bytes are kept for the next attempt): "
        "do this."
    )


def test_a_folder_that_cannot_be_written_is_told(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    target = tmp_path / "file" / "it"
    assert refusal(server, target) == f"{target} cannot be written (File exists): do this."


def test_what_another_process_adds_while_this_one_waits_is_not_fetched_again(server, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    with open(tmp_path / "it.part", "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        thread = threading.Thread(target=download, args=(server.address, tmp_path / "it", SHA256, "do this"))
        thread.start()
        thread.join(0.3)
        other.write(CONTENT[:1000])
    thread.join()
    assert server.asked == ["bytes=1000-"]
    assert (tmp_path / "it").read_bytes() == CONTENT


def test_two_downloads_at_once_do_not_disturb_each_other(server, tmp_path):
    results = []
    threads = [
        threading.Thread(
            target=lambda: results.append(download(server.address, tmp_path / "it", SHA256, "do this").read_bytes())
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [CONTENT, CONTENT]
    assert server.asked == [None]
