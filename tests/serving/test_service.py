"""The application around the made models: what is served, and the shape of errors."""

import asyncio

import httpx
import pytest

from gatewise.errors import UsageError
from gatewise.serving.app import make_app
from gatewise.serving.service import Service
from serving.made_models import Lengths, Memory


def asked(method, path):
    """Return what the application answers."""

    async def ask():
        app = make_app(Service([Memory(), Lengths()]))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.request(method, path)

    return asyncio.run(ask())


def test_models_are_listed():
    found = asked("GET", "/v1/models").json()["models"]
    assert [(model["name"], model["kind"], len(model["sha256"])) for model in found] == [
        ("memory", "recurrent", 64),
        ("lengths", "classifier", 64),
    ]


@pytest.mark.parametrize(("method", "path", "code"), [("GET", "/v3", 404), ("DELETE", "/v1/models", 405)])
def test_errors_of_routing_have_the_one_shape(method, path, code):
    answer = asked(method, path)
    assert answer.status_code == code
    assert answer.json().keys() == {"error", "code", "remedy", "request_id"}


def test_two_models_of_one_name_are_refused():
    with pytest.raises(UsageError, match=r"Two models are called 'memory': give one of them another name."):
        Service([Memory(), Memory()])
