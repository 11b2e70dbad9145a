"""The unmodified ``tritonclient`` against ``gatewise serve``: batches, texts, forecasts, sequences, refusals.

``GATEWISE_TRITON_PYTHON=… python tests/campaigns/triton_client.py`` serves three models and lets that Python, which has
``tritonclient[http]`` and need not have gatewise, ask them; what holds is kept in results/triton_client.json.
"""

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

CHECKS = {}
TYPES = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "BYTES": object}
VALUES = [0.5, -0.25, 1.0, 0.125]


def check(sentence):
    """Make a function a check."""

    def kept(function):
        CHECKS[sentence] = function
        return function

    return kept


class Asking:
    """A client of tritonclient, and what makes its tensors."""

    def __init__(self, port):
        import tritonclient.http as http
        from tritonclient.utils import InferenceServerException

        self.http, self.error = http, InferenceServerException
        self.client = http.InferenceServerClient(f"127.0.0.1:{port}")

    def tensor(self, name, datatype, values, binary=True):
        """Return an input with values."""
        array = np.array(values, TYPES[datatype])
        found = self.http.InferInput(name, list(array.shape), datatype)
        found.set_data_from_numpy(array, binary_data=binary)
        return found

    def steps(self, values, binary=True):
        """Return the input of the network: one sequence."""
        return self.tensor("x", "FP32", np.reshape(values, (1, -1, 1)), binary)

    def infer(self, model, tensor, output="y", **more):
        """Ask, and return one output as an array."""
        return self.client.infer(model, [tensor], **more).as_numpy(output)

    def whole(self):
        """Return what the network says of all values at once, ``(time,)``."""
        return self.infer("lstm", self.steps(VALUES)).reshape(-1)

    def refused(self, call, status, word):
        """Check that a call is refused with a status, in a sentence with a word."""
        found = None
        try:
            call()
        except self.error as error:
            found = error
        assert found is not None, "not refused"
        assert found.status() == status, (found.status(), found.message())
        assert word in found.message(), found.message()


@check("live, ready, the model ready, another one not")
def _(of):
    assert of.client.is_server_live()
    assert of.client.is_server_ready()
    assert of.client.is_model_ready("lstm")
    assert not of.client.is_model_ready("none")


@check("metadata of the server and of each model")
def _(of):
    told = of.client.get_server_metadata()
    assert told["name"] == "gatewise"
    assert {"binary_tensor_data", "sequence"} <= set(told["extensions"])
    for model, first in (("lstm", "x"), ("sales", "horizon"), ("moods", "text")):
        assert of.client.get_model_metadata(model)["inputs"][0]["name"] == first


@check("a version by its name")
def _(of):
    version = of.client.get_model_metadata("lstm")["versions"][0]
    assert of.client.is_model_ready("lstm", version)
    np.testing.assert_array_equal(of.infer("lstm", of.steps(VALUES), model_version=version).reshape(-1), of.whole())


@check("binary and JSON are the same numbers")
def _(of):
    output = of.http.InferRequestedOutput("y", binary_data=False)
    said = of.infer("lstm", of.steps(VALUES, binary=False), outputs=[output])
    np.testing.assert_array_equal(said.reshape(-1), of.whole())


@check("a batch of sequences is each of them alone")
def _(of):
    both = of.tensor("x", "FP32", [[[one] for one in VALUES], [[-one] for one in VALUES]])
    said = of.infer("lstm", both)
    np.testing.assert_allclose(said[0, :, 0], of.whole(), rtol=1e-5, atol=1e-7)


@check("the id of a request comes back")
def _(of):
    said = of.client.infer("lstm", [of.steps(VALUES)], request_id="r-7").get_response()
    assert said["id"] == "r-7"


@check("requests that are under way together")
def _(of):
    with of.http.InferenceServerClient(of.client._parsed_url.netloc, concurrency=4) as client:
        waiting = [client.async_infer("lstm", [of.steps(VALUES)]) for _ in range(16)]
        for one in waiting:
            np.testing.assert_array_equal(one.get_result().as_numpy("y").reshape(-1), of.whole())


@check("texts to a classifier, binary and as JSON")
def _(of):
    for binary in (True, False):
        output = of.http.InferRequestedOutput("label", binary_data=binary)
        said = of.infer("moods", of.tensor("text", "BYTES", ["good fun", "so bad"], binary), "label", outputs=[output])
        assert [str(one, "utf-8") if isinstance(one, bytes) else one for one in said] == ["pos", "neg"]


@check("a horizon to a forecaster")
def _(of):
    assert of.infer("sales", of.tensor("horizon", "INT64", [2]), "gatewise").shape == (2,)


@check("a sequence of a network says what the whole sequence says")
def _(of):
    said = [
        of.infer(
            "lstm", of.steps([value]), sequence_id=71, sequence_start=place == 0, sequence_end=place == len(VALUES) - 1
        ).item()
        for place, value in enumerate(VALUES)
    ]
    np.testing.assert_array_equal(np.array(said, np.float32), of.whole())


@check("a sequence that has a name, several steps in a request")
def _(of):
    first = of.infer("lstm", of.steps(VALUES[:3]), sequence_id="named", sequence_start=True)
    last = of.infer("lstm", of.steps(VALUES[3:]), sequence_id="named", sequence_end=True)
    np.testing.assert_array_equal(np.concatenate([first, last], axis=1).reshape(-1), of.whole())


@check("a sequence that has not begun is refused, 404")
def _(of):
    of.refused(lambda: of.infer("lstm", of.steps([1]), sequence_id=72), "404", "no session")


@check("each numbered request of a sequence is applied once, also the first and the last, also after the end")
def _(of):
    def numbered(seq, **more):
        return of.infer(
            "lstm", of.steps([VALUES[seq - 1]]), sequence_id=73, parameters={"sequence_seq": seq}, **more
        ).item()

    first = [numbered(1, sequence_start=True) for _ in range(2)]
    second = [numbered(2) for _ in range(3)]
    again = numbered(1, sequence_start=True)
    last = [numbered(3, sequence_end=True) for _ in range(3)]
    assert {*first, again} == {of.whole()[0]}
    assert (set(second), set(last)) == ({of.whole()[1]}, {of.whole()[2]})
    of.refused(lambda: numbered(1, sequence_start=True), "410", "deleted")
    of.refused(lambda: numbered(2), "410", "deleted")


@check("a sequence of a forecaster is told of values, and says what it forecast for each")
def _(of):
    said = [
        of.infer("sales", of.tensor("x", "FP64", [[[value]]]), sequence_id=74, sequence_start=place == 0).item()
        for place, value in enumerate((5.0, 6.0))
    ]
    (forecast,) = of.infer("sales", of.tensor("horizon", "INT64", [1]), "gatewise")
    assert said[0] == forecast
    assert said[1] != forecast


@check("a horizon with a sequence is refused, and no sequence begins")
def _(of):
    horizon = of.tensor("horizon", "INT64", [1])
    of.refused(lambda: of.infer("sales", horizon, sequence_id=75, sequence_start=True), "422", "takes x")
    of.refused(lambda: of.infer("sales", of.tensor("x", "FP64", [[[1.0]]]), sequence_id=75), "404", "no session")


@check("an unknown model, another type, another shape, another name: refused in a sentence")
def _(of):
    of.refused(lambda: of.infer("none", of.steps([1])), "404", "No model")
    of.refused(lambda: of.infer("lstm", of.tensor("x", "FP64", [[[1.0]]])), "422", "FP32")
    of.refused(lambda: of.infer("lstm", of.tensor("x", "FP32", [[1.0]])), "422", "takes [-1, -1, 1]")
    of.refused(lambda: of.infer("lstm", of.tensor("z", "FP32", [[[1.0]]])), "422", "takes x")


@check("numbers that are not finite are refused, binary too")
def _(of):
    of.refused(lambda: of.infer("lstm", of.steps([1, np.nan])), "422", "inputs[0].data[1]")


@check("a body that is packed is refused, 415")
def _(of):
    of.refused(lambda: of.client.infer("lstm", [of.steps([1])], request_compression_algorithm="gzip"), "415", "gzip")


@check("what is Triton's alone is refused, 404")
def _(of):
    of.refused(of.client.get_model_repository_index, "404", "nothing at this path")
    of.refused(lambda: of.client.get_model_config("lstm"), "404", "nothing at this path")


def asked(port):
    """Run all checks; return what holds and why the rest does not."""
    of, held, failed = Asking(port), [], {}
    for sentence, function in CHECKS.items():
        try:
            function(of)
        except Exception as error:
            failed[sentence] = f"{type(error).__name__}: {error}"[:300]
        else:
            held.append(sentence)
    version = importlib.metadata.version("tritonclient")
    return {"tritonclient": version, "checks": len(CHECKS), "held": len(held), "failed_checks": failed}


def made_models(folder):
    """Save a network, a forecaster and a classifier; return their folders."""
    from served import save_network

    import gatewise as gw

    models = {name: Path(folder) / name for name in ("lstm", "sales", "moods")}
    save_network(models["lstm"])
    gw.Forecaster(horizon=2, network=[], baselines=["Naive", "Drift"]).fit([1.0, 3, 2, 4, 3, 5, 4, 6]).save(
        models["sales"]
    )
    texts = ["a good film", "good fun", "so good", "a bad film", "bad taste", "so bad"] * 4
    gw.TextClassifier(network=()).fit(texts, ["pos", "pos", "pos", "neg", "neg", "neg"] * 4).save(models["moods"])
    return models


def main():
    """Serve, let the other Python ask, and keep what holds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, help="ask a server at this port, and print what holds")
    given = parser.parse_args()
    if given.port is not None:
        print(json.dumps(asked(given.port)))
        return
    from recorded import record
    from served import Served

    python = os.environ.get("GATEWISE_TRITON_PYTHON") or sys.exit(
        "GATEWISE_TRITON_PYTHON: a Python with tritonclient[http]"
    )
    with tempfile.TemporaryDirectory() as folder:
        server = Served(made_models(folder), Path(folder) / "data")
        try:
            done = subprocess.run([python, __file__, "--port", str(server.port)], stdout=subprocess.PIPE, check=True)
        finally:
            server.stop()
    found = json.loads(done.stdout)
    for sentence, why in found["failed_checks"].items():
        print(f"fails: {sentence} ({why})", file=sys.stderr)
    record("triton_client", found, keep=not found["failed_checks"])
    raise SystemExit(bool(found["failed_checks"]))


if __name__ == "__main__":
    main()
