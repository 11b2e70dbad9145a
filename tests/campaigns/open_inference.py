"""Does a server keep the Open Inference Protocol, version 2? Checks over HTTP, against any server that claims so.

``python tests/campaigns/open_inference.py http://127.0.0.1:8080 MODEL [--version V]``

The model is asked with what its own metadata say it takes: numbers, or texts for BYTES; unknown dimensions are 1, or `--size`.
Each check is a sentence of the protocol, or what a caller may expect of any server that reads JSON from strangers: bad
requests are answered by 4xx with ``{"error": …}``, no inside is shown, and the server is as well afterwards as before. Only
Python's own library is needed.
"""

import argparse
import copy
import http.client
import json
import math
import sys
import threading
import urllib.parse
from pathlib import Path

from open_inference_bad_requests import BAD, BAD_BYTES, with_input

KINDS = {
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "FP32",
    "FP64",
    "BYTES",
}


class Answer:
    """What came back."""

    def __init__(self, status, headers, content):
        self.status, self.headers, self.content = status, headers, content

    @property
    def json(self):
        """The body, strictly read."""
        return json.loads(self.content, parse_constant=lambda name: _fail(f"{name} is no JSON"))


def _fail(why):
    raise AssertionError(why)


class Protocol:
    """A server and a model, and the questions to them.

    Args:
        url: Of the server.
        model: Its name.
        version: A version that it has, where it has any.
        size: What unknown dimensions are.
    """

    def __init__(self, url, model, version=None, size=1):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.model, self.version, self.size = (
            parts.hostname,
            parts.port or 80,
            model,
            version,
            size,
        )
        self.connection = None

    def ask(self, method, path, body=None, headers=None, fresh=False):
        """Ask, on the connection that is open or on one of its own."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        told = {"Content-Type": "application/json"} if content is not None else {}
        connection = None if fresh else self.connection
        for _ in range(2):
            connection = connection or http.client.HTTPConnection(self.host, self.port, timeout=30)
            try:
                connection.request(method, path, content, {**told, **(headers or {})})
                got = connection.getresponse()
                answer = Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
                break
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                if fresh or connection is not self.connection:
                    raise
                connection = self.connection = None
        if fresh:
            connection.close()
        else:
            self.connection = connection
        return answer

    def told(self):
        """Return the metadata of the model."""
        return self.ask("GET", f"/v2/models/{self.model}").json

    def request(self):
        """Return a request that the model can answer."""
        inputs = []
        for tensor in self.told()["inputs"]:
            shape = [self.size if size < 0 else size for size in tensor["shape"]]
            kind, count = tensor["datatype"], math.prod(shape)
            value = {"BYTES": "a text", "BOOL": True}.get(kind, 0.5 if kind.startswith("FP") else 1)
            inputs.append({"name": tensor["name"], "shape": shape, "datatype": kind, "data": [value] * count})
        return {"inputs": inputs}

    def infer(self, body, path=None, **options):
        """Ask the model."""
        return self.ask("POST", path or f"/v2/models/{self.model}/infer", body, **options)

    def answered(self, body, **options):
        """Ask the model what it has to answer, and return that."""
        answer = self.infer(body, **options)
        assert answer.status == 200, f"{answer.status}: {answer.content[:200]!r}"
        return answer.json

    def refused(self, answer, *statuses):
        """Check that an answer is a refusal in the protocol's form."""
        wanted = statuses or tuple(range(400, 500))
        assert answer.status in wanted, (
            f"{answer.status} and not {' or '.join(map(str, wanted[:3]))}: {answer.content[:200]!r}"
        )
        said = answer.json
        assert isinstance(said, dict), f"{said!r} is no object"
        assert isinstance(said.get("error"), str), f"no error in {said!r}"
        assert said["error"].strip(), "an empty error"
        assert b"Traceback" not in answer.content, "shows a traceback"


CHECKS = {}


def check(sentence):
    """Make a function a check."""

    def kept(function):
        CHECKS[sentence] = function
        return function

    return kept


def fits(said, protocol):
    """Check the form of an answer to an inference."""
    assert said["model_name"] == protocol.model
    assert isinstance(said["outputs"], list)
    assert said["outputs"]
    for output in said["outputs"]:
        assert output["datatype"] in KINDS, output["datatype"]
        assert all(isinstance(size, int) and size >= 0 for size in output["shape"])
        assert len(flat(output["data"])) == math.prod(output["shape"])


def flat(data):
    """Return nested data flat."""
    return [value for part in data for value in flat(part)] if isinstance(data, list) else [data]


def nested(data, shape):
    """Return flat data nested as its shape is."""
    for size in reversed(shape[1:]):
        data = [data[place : place + size] for place in range(0, len(data), size)]
    return data


@check("the server is live")
def _(of):
    assert of.ask("GET", "/v2/health/live").status == 200


@check("the server is ready")
def _(of):
    assert of.ask("GET", "/v2/health/ready").status == 200


@check("the model is ready")
def _(of):
    assert of.ask("GET", f"/v2/models/{of.model}/ready").status == 200


@check("an unknown model is not ready")
def _(of):
    assert 400 <= of.ask("GET", "/v2/models/no-such-model/ready").status < 500


for name, kind in {"name": str, "version": str, "extensions": list}.items():

    @check(f"the server's metadata have {name!r}")
    def _(of, name=name, kind=kind):
        answer = of.ask("GET", "/v2")
        assert answer.status == 200
        assert isinstance(answer.json[name], kind)


@check("the server's extensions are names")
def _(of):
    assert all(isinstance(one, str) for one in of.ask("GET", "/v2").json["extensions"])


for name, kind in {"name": str, "platform": str, "inputs": list, "outputs": list}.items():

    @check(f"the model's metadata have {name!r}")
    def _(of, name=name, kind=kind):
        assert isinstance(of.told()[name], kind)


@check("the model's metadata have its name")
def _(of):
    assert of.told()["name"] == of.model


@check("the versions of a model are names")
def _(of):
    assert all(isinstance(one, str) for one in of.told().get("versions", []))


for which in ("inputs", "outputs"):

    @check(f"the model's {which} have a name, a datatype of the protocol and a shape")
    def _(of, which=which):
        tensors = of.told()[which]
        assert tensors, f"no {which}"
        for tensor in tensors:
            assert isinstance(tensor["name"], str)
            assert tensor["datatype"] in KINDS
            assert all(isinstance(size, int) and size >= -1 for size in tensor["shape"])


for path in ("/v2", "/v2/models/{}"):

    @check(f"{path.format('MODEL')} is answered as JSON")
    def _(of, path=path):
        assert of.ask("GET", path.format(of.model)).headers["content-type"].startswith("application/json")


@check("an inference is answered")
def _(of):
    fits(of.answered(of.request()), of)


@check("an inference is answered as JSON")
def _(of):
    assert of.infer(of.request()).headers["content-type"].startswith("application/json")


@check("the outputs are those of the metadata")
def _(of):
    names = {output["name"] for output in of.told()["outputs"]}
    assert {output["name"] for output in of.answered(of.request())["outputs"]} <= names


@check("the datatypes of the outputs are those of the metadata")
def _(of):
    kinds = {output["name"]: output["datatype"] for output in of.told()["outputs"]}
    assert all(kinds[output["name"]] == output["datatype"] for output in of.answered(of.request())["outputs"])


@check("the shapes of the outputs are those of the metadata")
def _(of):
    shapes = {output["name"]: output["shape"] for output in of.told()["outputs"]}
    for output in of.answered(of.request())["outputs"]:
        wanted = shapes[output["name"]]
        assert len(wanted) == len(output["shape"]), f"{output['shape']} and not {wanted}"
        assert all(size in (-1, got) for size, got in zip(wanted, output["shape"], strict=True))


@check("data may be nested as the shape is")
def _(of):
    body = of.request()
    plain = of.answered(body)["outputs"]
    for tensor in body["inputs"]:
        tensor["data"] = nested(tensor["data"], tensor["shape"])
    assert of.answered(body)["outputs"] == plain


for given in ("1", "", "ä ✓ id", "x" * 200):

    @check(f"the id {given[:10]!r} comes back")
    def _(of, given=given):
        assert of.answered({**of.request(), "id": given})["id"] == given


@check("without an id an inference is answered")
def _(of):
    assert isinstance(of.answered(of.request()).get("id", ""), str)


@check("an output can be asked for by name")
def _(of):
    name = of.told()["outputs"][0]["name"]
    said = of.answered({**of.request(), "outputs": [{"name": name}]})
    assert [output["name"] for output in said["outputs"]] == [name]


@check("parameters of a request are taken")
def _(of):
    of.answered({**of.request(), "parameters": {"priority": 1, "note": "a", "flag": True}})


@check("parameters of an input are taken")
def _(of):
    body = of.request()
    body["inputs"][0]["parameters"] = {"note": "a"}
    of.answered(body)


@check("the same request has the same answer")
def _(of):
    assert of.answered(of.request())["outputs"] == of.answered(of.request())["outputs"]


@check("a connection takes several requests")
def _(of):
    for _ in range(3):
        of.answered(of.request())


@check("a connection takes a request after a bad one")
def _(of):
    of.infer({"inputs": []})
    of.answered(of.request())


@check("a body may come in chunks")
def _(of):
    connection = http.client.HTTPConnection(of.host, of.port, timeout=30)
    content = json.dumps(of.request()).encode()
    told = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    connection.request(
        "POST", f"/v2/models/{of.model}/infer", iter([content[:10], content[10:]]), told, encode_chunked=True
    )
    assert connection.getresponse().status == 200
    connection.close()


@check("eight callers at once each have their own answer")
def _(of):
    body, right, found = of.request(), of.answered(of.request())["outputs"], {}

    def call(number):
        found[number] = of.infer({**body, "id": f"n{number}"}, fresh=True).json

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: said["id"] for number, said in found.items()} == {number: f"n{number}" for number in range(8)}
    assert all(said["outputs"] == right for said in found.values())


for path in ("", "/ready"):

    @check(f"/v2/models/MODEL/versions/VERSION{path} is answered")
    def _(of, path=path):
        assert of.ask("GET", f"/v2/models/{of.model}/versions/{version_of(of)}{path}").status == 200

    @check(f"an unknown version is refused at /v2/models/MODEL/versions/VERSION{path}")
    def _(of, path=path):
        of.refused(of.ask("GET", f"/v2/models/{of.model}/versions/no-such-version{path}"))


def version_of(of):
    """Return a version of the model."""
    version = of.version or next(iter(of.told().get("versions", [])), None)
    assert version, "the model has no version"
    return version


@check("a version answers an inference, and says which it is")
def _(of):
    path = f"/v2/models/{of.model}/versions/{version_of(of)}/infer"
    said = of.answered(of.request(), path=path)
    assert said.get("model_version", version_of(of)) == version_of(of)


@check("an unknown version is refused an inference")
def _(of):
    of.refused(of.infer(of.request(), path=f"/v2/models/{of.model}/versions/no-such-version/infer"))


@check("an unknown model is refused, 404")
def _(of):
    of.refused(of.ask("GET", "/v2/models/no-such-model"), 404)


@check("an unknown model is refused an inference, 404")
def _(of):
    of.refused(of.infer(of.request(), path="/v2/models/no-such-model/infer"), 404)


for method, path in (
    ("GET", "/v2/models/{}/infer"),
    ("POST", "/v2/models/{}"),
    ("POST", "/v2/health/live"),
    ("DELETE", "/v2"),
):

    @check(f"{method} {path.format('MODEL')} is refused, 405")
    def _(of, method=method, path=path):
        answer = of.ask(method, path.format(of.model), b"{}" if method == "POST" else None)
        assert answer.status == 405, answer.status


for what, change in BAD.items():

    @check(f"{what}: refused with an error")
    def _(of, change=change):
        of.refused(of.infer(change(copy.deepcopy(of.request()))))


for what, content in BAD_BYTES.items():

    @check(f"{what}: refused with an error")
    def _(of, content=content):
        of.refused(of.infer(content))


@check("NaN among the data: refused, for it is no JSON")
def _(of):
    content = json.dumps(of.request())
    numbers = with_input(data=lambda one: [float("nan"), *one["data"][1:]])(of.request())
    assert content != json.dumps(numbers)
    of.refused(of.infer(json.dumps(numbers).encode()))


@check("after all of that the server is live and ready, and answers as before")
def _(of):
    assert of.ask("GET", "/v2/health/live").status == 200
    assert of.ask("GET", "/v2/health/ready").status == 200
    fits(of.answered(of.request()), of)


def run(of):
    """Run all checks; return those that hold, and why the others do not."""
    held, failed = [], {}
    for sentence, function in CHECKS.items():
        try:
            function(of)
        except Exception as error:
            failed[sentence] = f"{type(error).__name__}: {error}"[:300]
            # What was left unread would be the next one's answer.
            of.connection = None
        else:
            held.append(sentence)
    return held, failed


def main():
    """Run all checks against a server, and print what holds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("model")
    parser.add_argument("--version")
    parser.add_argument("--size", type=int, default=1, help="what unknown dimensions are")
    parser.add_argument("--record", metavar="NAME", help="keep the result under this name")
    parser.add_argument("--server", default="", help="what the server is, for the result")
    given = parser.parse_args()
    held, failed = run(Protocol(given.url, given.model, given.version, given.size))
    for sentence, why in failed.items():
        print(f"fails: {sentence} ({why})", file=sys.stderr)
    if given.record:
        sys.path.insert(0, str(Path(__file__).parent))
        from recorded import record

        record(
            given.record,
            {"server": given.server, "checks": len(CHECKS), "held": len(held), "failed_checks": list(failed)},
        )
    print(f"{len(held)} of {len(CHECKS)} checks hold")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
