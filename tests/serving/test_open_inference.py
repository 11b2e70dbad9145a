"""The Open Inference Protocol: metadata, tensors in JSON and binary as Triton's client sends them, sequences."""

import json
import struct

import numpy as np
import pytest

from serving.made_models import Lengths, Memory, Yesterday
from serving.made_server import Running

VERSION = Memory().sha256[:12]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    server = Running(tmp_path_factory.mktemp("store") / "s", [Memory(), Lengths(), Yesterday()])
    yield server
    server.stop()


def x(values, **more):
    values = np.array(values, float)
    return {"name": "x", "datatype": "FP32", "shape": list(values.shape), "data": values.tolist(), **more}


def test_metadata(running):
    assert running.asked("GET", "/v2")[1]["extensions"] == [
        "sequence",
        "sequence(string_id)",
        "binary_tensor_data",
        "gatewise_sessions",
    ]
    right = {
        "name": "memory",
        "versions": [VERSION],
        "platform": "gatewise_recurrent",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, -1, 2]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
    }
    assert running.asked("GET", "/v2/models/memory") == (200, right)
    assert running.asked("GET", f"/v2/models/memory/versions/{VERSION}") == (200, right)
    assert running.asked("GET", f"/v2/models/memory/versions/{VERSION}/ready") == (
        200,
        {"name": "memory", "ready": True},
    )
    assert running.asked("GET", "/v2/models/memory/versions/1")[1]["code"] == "version_unknown"
    assert running.asked("GET", "/v2/models/none/ready")[1]["code"] == "model_unknown"


@pytest.mark.parametrize("data", [[[[1, 2], [0, 4]], [[1, 1], [0, 0]]], [1, 2, 0, 4, 1, 1, 0, 0]])
def test_a_batch_nested_or_flat(running, data):
    body = {"id": "r-7", "inputs": [x(np.zeros((2, 2, 2)), data=data)]}
    for path in ("/v2/models/memory/infer", f"/v2/models/memory/versions/{VERSION}/infer"):
        assert running.asked("POST", path, body) == (
            200,
            {
                "model_name": "memory",
                "model_version": VERSION,
                "id": "r-7",
                "outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 1], "data": [5.5, 1.0]}],
            },
        )


def test_only_the_outputs_that_are_asked_for(running):
    body = {
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["longer"]}],
        "outputs": [{"name": "label"}],
    }
    said = running.asked("POST", "/v2/models/lengths/infer", body)[1]
    assert said["outputs"] == [{"name": "label", "datatype": "BYTES", "shape": [1], "data": ["long"]}]
    assert "id" not in said


def binary(head, *parts):
    said = json.dumps(head).encode()
    headers = {"Inference-Header-Content-Length": str(len(said)), "Content-Type": "application/octet-stream"}
    return said + b"".join(parts), headers


def test_binary_numbers_and_texts_there_and_back(running):
    values = np.array([[[1, 2], [0, 4]]], "<f4").tobytes()
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2, 2], "parameters": {"binary_data_size": len(values)}}
    body, headers = binary({"inputs": [tensor], "parameters": {"binary_data_output": True}}, values)
    status, told, said = running.ask("POST", "/v2/models/memory/infer", body, headers)
    at = int(told["inference-header-content-length"])
    assert (status, told["content-type"]) == (200, "application/octet-stream")
    assert json.loads(said[:at])["outputs"] == [
        {"name": "y", "datatype": "FP32", "shape": [1, 1], "parameters": {"binary_data_size": 4}}
    ]
    assert said[at:] == struct.pack("<f", 5.5)
    texts = b"".join(struct.pack("<I", len(text)) + text for text in (b"no", "längere".encode()))
    tensor = {"name": "text", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(texts)}}
    outputs = [{"name": "label", "parameters": {"binary_data": True}}, {"name": "probability"}]
    body, headers = binary({"inputs": [tensor], "outputs": outputs}, texts)
    _, told, said = running.ask("POST", "/v2/models/lengths/infer", body, headers)
    at = int(told["inference-header-content-length"])
    assert said[at:] == b"\x05\x00\x00\x00short\x04\x00\x00\x00long"
    assert json.loads(said[:at])["outputs"][1]["data"] == [pytest.approx(0.2), pytest.approx(0.7)]


def test_json_without_a_type_as_tritonclient_sends_it(running):
    status, said = running.asked("POST", "/v2/models/memory/infer", {"inputs": [x([[[1, 2]]])]}, {"Content-Type": None})
    assert (status, said["outputs"][0]["data"]) == (200, [3.0])


@pytest.mark.parametrize(
    ("size", "data", "length", "status", "code"),
    [
        (8, b"\0" * 7, None, 422, "shape_wrong"),
        (8, b"\0" * 9, None, 422, "shape_wrong"),
        (7, b"\0" * 7, None, 422, "shape_wrong"),
        (-1, b"", None, 422, "shape_wrong"),
        (8, b"\0\0\x80\x7f" * 2, None, 422, "number_not_finite"),
        (8, b"\0" * 8, "99999", 400, "bad_request"),
        (8, b"\0" * 8, "-1", 400, "bad_request"),
        (8, b"\0" * 8, "3", 400, "bad_json"),
    ],
)
def test_binary_that_does_not_fit(running, size, data, length, status, code):
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1, 2], "parameters": {"binary_data_size": size}}
    body, headers = binary({"inputs": [tensor]}, data)
    if length is not None:
        headers["Inference-Header-Content-Length"] = length
    found, said = running.asked("POST", "/v2/models/memory/infer", body, headers)
    assert (found, said["code"]) == (status, code)


def step(running, values, **parameters):
    return running.asked("POST", "/v2/models/memory/infer", {"inputs": [x([[values]])], "parameters": parameters})


def test_a_sequence_is_a_session(running):
    assert step(running, [0, 1], sequence_id=77)[1]["code"] == "session_unknown"
    said = [
        step(running, [k, 1], sequence_id=77, sequence_start=k == 0, sequence_end=k == 2)[1]["outputs"][0]["data"]
        for k in range(3)
    ]
    assert said == [[1.0], [2.5], [4.25]]
    assert step(running, [0, 1], sequence_id=77)[1]["code"] == "session_deleted"
    assert step(running, [5, 1], sequence_id=77, sequence_start=True)[1]["outputs"][0]["data"] == [6.0]
    status, refused = step(running, [5, 1], sequence_id=77, sequence_start=True)
    assert (status, refused["code"]) == (409, "session_exists")
    assert step(running, [1, 1], sequence_id=77, sequence_start=True, sequence_restart=True)[1]["outputs"][0][
        "data"
    ] == [2.0]
    assert running.asked("GET", f"/v1/sessions/{VERSION}.77")[1]["seq"] == 1


def test_a_numbered_step_of_a_sequence_is_taken_once(running):
    first = step(running, [1, 2], sequence_id="named", sequence_start=True)
    for _ in range(3):
        assert step(running, [0, 4], sequence_id="named", sequence_seq=2)[1]["outputs"][0]["data"] == [5.5]
    assert running.asked("GET", "/v1/sessions/named")[1]["seq"] == 2
    assert step(running, [0, 4], sequence_id="named", sequence_seq=4)[1]["detail"] == {"expected": 3}
    assert first[0] == 200
    assert step(running, [0, 4], sequence_id="named", sequence_seq=4)[1]["field"] == "parameters.sequence_seq"
    for rows in (0, 1001):
        body = {"inputs": [x(np.zeros((1, rows, 2)))], "parameters": {"sequence_id": "named"}}
        status, said = running.asked("POST", "/v2/models/memory/infer", body)
        assert (status, said["code"], said["field"]) == (422, "shape_wrong", "inputs[0].shape")
        assert said["error"] == f"A request of a sequence has 1 to 1000 steps, and this one has {rows}."


@pytest.mark.parametrize("sequence", ["../x", -1, 2**64, 1.5, None, True, [1]])
def test_names_of_sequences_that_are_none(running, sequence):
    status, said = step(running, [1, 2], sequence_id=sequence, sequence_start=True)
    assert (status, said["code"], said["field"]) == (422, "field_wrong", "parameters.sequence_id")


def test_a_model_without_state_has_no_sequences(running):
    body = {
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}],
        "parameters": {"sequence_id": 1, "sequence_start": True},
    }
    assert running.asked("POST", "/v2/models/lengths/infer", body)[1]["code"] == "not_stateful"


def told(running, values, **parameters):
    values = np.array(values, float).reshape(1, -1, 1)
    return running.asked("POST", "/v2/models/yesterday/infer", {"inputs": [fp64(values)], "parameters": parameters})


def fp64(values):
    return {"name": "x", "datatype": "FP64", "shape": list(values.shape), "data": values.tolist()}


def test_a_sequence_of_a_forecaster_is_told_of_values(running):
    horizon = {"name": "horizon", "datatype": "INT64", "shape": [1], "data": [7]}
    for outputs in ({}, {"outputs": []}):
        body = {"inputs": [horizon], "parameters": {"sequence_id": "q", "sequence_start": True}, **outputs}
        status, said = running.asked("POST", "/v2/models/yesterday/infer", body)
        assert (status, said["code"]) == (422, "field_wrong")
        assert said["error"] == "inputs[0] is called 'horizon', and the model takes x."
        assert running.asked("GET", "/v1/sessions/q")[1]["code"] == "session_unknown"
    status, said = told(running, [3], sequence_id="q", sequence_start=True)
    assert (status, said["outputs"]) == (
        200,
        [{"name": "y", "datatype": "FP64", "shape": [1, 1, 1], "data": [10.0]}],
    )
    assert told(running, [4, 5], sequence_id="q")[1]["outputs"][0]["data"] == [3.0, 4.0]
    assert running.asked("GET", "/v1/sessions/q/history?last=4")[1]["y"] == [10.0, 3.0, 4.0, 5.0]
    assert running.asked("POST", "/v2/models/yesterday/infer", {"inputs": [horizon]})[0] == 200
    (model,) = (one for one in running.asked("GET", "/v1/models")[1]["models"] if one["name"] == "yesterday")
    assert (model["step_input"], model["step_output"]["name"]) == (
        {"name": "x", "datatype": "FP64", "shape": [1, -1, 1]},
        "y",
    )


def test_every_numbered_request_of_a_sequence_is_applied_once_however_late_it_comes(running):
    def first(**more):
        return told(running, [1], sequence_id=5, sequence_seq=1, sequence_start=True, **more)

    def last():
        return told(running, [3], sequence_id=5, sequence_seq=3, sequence_end=True)

    def history():
        name = running.asked("GET", "/v1/models")[1]["models"][2]["version"]
        return running.asked("GET", f"/v1/sessions/{name}.5/history?last=9")[1].get("y")

    def data(answer):
        return answer[0], answer[1]["outputs"][0]["data"]

    assert [data(first()) for _ in range(2)] == [(200, [10.0])] * 2
    assert data(told(running, [2], sequence_id=5, sequence_seq=2)) == (200, [1.0])
    assert data(first()) == (200, [10.0])
    assert history() == [10.0, 1.0, 2.0]
    status, said = told(running, [9], sequence_id=5, sequence_seq=1, sequence_start=True)
    assert (status, said["code"], said["field"]) == (409, "session_exists", "parameters.sequence_start")
    status, said = told(running, [9], sequence_id=5, sequence_seq=3, sequence_start=True)
    assert (status, said["code"], said["detail"]) == (409, "seq_gap", {"expected": 1})
    assert [data(last()) for _ in range(3)] == [(200, [2.0])] * 3
    for late in (first(), told(running, [2], sequence_id=5, sequence_seq=2)):
        assert (late[0], late[1]["code"]) == (410, "session_deleted")
    status, said = told(running, [4], sequence_id=5, sequence_seq=3, sequence_end=True)
    assert (status, said["code"]) == (410, "session_deleted")
    assert data(first(sequence_restart=True)) == (200, [10.0])
    assert history() == [10.0, 1.0]
    # What was kept of the sequence before it went with it.
    assert last()[1]["code"] == "seq_gap"


def test_a_sequence_of_one_request_can_be_repeated(running):
    for _ in range(2):
        status, said = told(running, [1, 2], sequence_id="all", sequence_seq=1, sequence_start=True, sequence_end=True)
        assert (status, said["outputs"][0]["data"]) == (200, [10.0, 1.0])
    assert running.asked("GET", "/v1/sessions/all")[1]["code"] == "session_deleted"


def test_a_restart_that_is_refused_leaves_the_sequence_as_it_is(running):
    told(running, [1], sequence_id="kept", sequence_start=True)
    for wrong in ({"sequence_seq": 2}, {"sequence_seq": "1"}):
        again = {"sequence_id": "kept", "sequence_start": True, "sequence_restart": True, **wrong}
        assert told(running, [5], **again)[0] in (409, 422)
    assert told(running, [1] * 1001, sequence_id="kept", sequence_start=True, sequence_restart=True)[0] == 422
    assert step(running, [1, 2], sequence_id="kept", sequence_start=True, sequence_restart=True)[1]["code"] == (
        "session_exists"
    )
    assert running.asked("GET", "/v1/sessions/kept/history?last=9")[1]["y"] == [10.0, 1.0]


def test_a_forecaster_answers_a_horizon_with_a_table(running):
    status, headers, body = running.ask("POST", "/predict/yesterday", b"horizon\n2\n", {"Content-Type": "text/csv"})
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert body == b"ds,gatewise\r\nday 0,10.0\r\nday 1,10.0\r\n"


def test_an_input_without_values_has_the_sentence_of_the_model(running):
    for shape in ([1, 0, 2], [0, 0, 2]):
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": shape, "data": []}]}
        status, said = running.asked("POST", "/v2/models/memory/infer", body)
        assert (status, said["code"], said["error"]) == (
            422,
            "data_refused",
            "The sequences have no time step: give at least one.",
        )
