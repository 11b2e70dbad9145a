"""gatewise's server keeps the Open Inference Protocol: every check of the suite, over HTTP."""

import open_inference
import pytest

from serving.made_models import Lengths, Memory
from serving.made_server import Running


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("protocol") / "s", [Memory(), Lengths()])
    yield running
    running.stop()


def test_there_are_enough_checks():
    assert len(open_inference.CHECKS) >= 60


@pytest.mark.parametrize("model", ["memory", "lengths"])
@pytest.mark.parametrize("sentence", open_inference.CHECKS)
def test_the_protocol_is_kept(running, model, sentence):
    open_inference.CHECKS[sentence](open_inference.Protocol(f"http://127.0.0.1:{running.port}", model, size=2))


def test_the_suite_finds_a_server_that_does_not_keep_it(running):
    protocol = open_inference.Protocol(f"http://127.0.0.1:{running.port}", "memory")
    held, failed = open_inference.run(protocol)
    assert (len(held), failed) == (len(open_inference.CHECKS), {})
    protocol.model = "no-such-model"
    held, failed = open_inference.run(protocol)
    assert len(failed) > 40
    assert "the server is live" in held
