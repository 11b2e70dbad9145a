"""The Open Inference Protocol, version 2: what its ``infer`` takes, with Triton's sequences on top of sessions.

Source: https://github.com/open-inference/open-inference-protocol. Triton's ``sequence_id``, ``sequence_start`` and
``sequence_end`` name a session here, which is durable; with ``sequence_seq``, the number of the step, a request that is sent
again is answered and not applied twice.
"""

import json
from typing import Any

import numpy as np

from gatewise.serving.http.answers import JSON, Answer, Incoming, as_json
from gatewise.serving.routes.tensors import read_inputs, written
from gatewise.serving.service import Service
from gatewise.serving.sessions.bodies import fields_of, session_name
from gatewise.serving.terms.contract import ServedModel, Stepped
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem, shown
from gatewise.version import __version__

EXTENSIONS = ("sequence", "sequence(string_id)", "binary_tensor_data", "gatewise_sessions")
_FIELDS = {"id", "parameters", "inputs", "outputs"}
_BINARY = b"application/octet-stream"
_HEAD = b"inference-header-content-length"
# Elements that are few enough to be answered at once; more are answered by a thread.
_FEW = 2048


def server() -> dict[str, Any]:
    """Return what the server says of itself."""
    return {"name": "gatewise", "version": __version__, "extensions": list(EXTENSIONS)}


def described(model: ServedModel) -> dict[str, Any]:
    """Return what the server says of a model."""
    return {
        "name": model.name,
        "versions": [version_of(model)],
        "platform": f"gatewise_{model.kind}",
        "inputs": [tensor._asdict() | {"shape": list(tensor.shape)} for tensor in model.inputs],
        "outputs": [tensor._asdict() | {"shape": list(tensor.shape)} for tensor in model.outputs],
    }


def version_of(model: ServedModel) -> str:
    """Return a model's version: the beginning of its hash."""
    return model.sha256[:12]


def model_of(service: Service, name: str, version: str | None) -> ServedModel:
    """Return a model by its name and version; an empty version is any."""
    model = service.model(name)
    if version and version != version_of(model):
        raise Problem("version_unknown", f"The model {name} has the version {version_of(model)}, not {shown(version)}.")
    return model


async def infer(service: Service, name: str, version: str | None, request: Incoming) -> Answer:
    """Answer a request for inference."""
    model = model_of(service, name, version)
    given, binary = _parts(request, service.limits)
    fields_of(given, _FIELDS)
    parameters = given.get("parameters", {})
    if type(parameters) is not dict:
        raise Problem("field_wrong", "parameters should be an object.", field="parameters")
    told = given.get("id")
    if told is not None and type(told) is not str:
        raise Problem("field_wrong", "id should be a text.", field="id")
    wanted = _wanted(given.get("outputs"), model, parameters.get("binary_data_output") is True)
    inputs = read_inputs(given.get("inputs"), binary, model.inputs)
    sequence = parameters.get("sequence_id", 0)
    if sequence in (0, "") and type(sequence) in (int, str):
        outputs = await _predicted(service, name, inputs)
    else:
        outputs = await _stepped(service, service.stepped(name), inputs, parameters)
    said: dict[str, Any] = {"model_name": model.name, "model_version": version_of(model)}
    if told is not None:
        said["id"] = told
    return _answer(said, outputs, wanted, model)


def _parts(request: Incoming, limits: Limits) -> tuple[Any, bytes]:
    """Return the JSON of a request, and the binary data behind it."""
    length = request.header(_HEAD)
    if length is None and request.header(b"content-type") is not None:
        return request.json(limits), b""
    if length is None:
        # As tritonclient sends JSON. No page of another origin gets this far: its browser sends Origin with a POST.
        length = b"%d" % len(request.body)
    if not length.isdigit() or int(length) > len(request.body):
        raise Problem("bad_request", "Inference-Header-Content-Length is not the length of the JSON in the body.")
    head = Incoming(request.body[: int(length)], ((b"content-type", JSON),))
    return head.json(limits), request.body[int(length) :]


def _wanted(given: Any, model: ServedModel, binary: bool) -> dict[str, bool]:
    """Return the names of the outputs that are asked for, and whether each is to be binary."""
    if given is None:
        return {tensor.name: binary for tensor in model.outputs}
    if type(given) is not list:
        raise Problem("field_wrong", "outputs should be a list.", field="outputs")
    names = {tensor.name for tensor in model.outputs}
    found = {}
    for place, entry in enumerate(given):
        field = f"outputs[{place}]"
        if type(entry) is not dict or entry.get("name") not in names:
            raise Problem("field_wrong", f"{field} is none of {', '.join(sorted(names))}.", field=f"{field}.name")
        fields_of(entry, {"name", "parameters"})
        own = entry.get("parameters", {})
        if type(own) is not dict:
            raise Problem("field_wrong", f"{field}.parameters should be an object.", field=f"{field}.parameters")
        found[entry["name"]] = own.get("binary_data", binary) is True
    return found


async def _predicted(service: Service, name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    model = service.asked(name)
    if model.quick and sum(values.size for values in inputs.values()) <= _FEW:
        return model.predict(inputs)
    return await service.calls.beside(lambda: model.predict(inputs))


async def _stepped(
    service: Service, model: Stepped, inputs: dict[str, np.ndarray], parameters: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Step the session that stands for a sequence: begin it at its start, end it at its end."""
    name = _session(model, parameters["sequence_id"])
    start, end = (_flag(parameters, f"sequence_{which}") for which in ("start", "end"))
    rows = _rows(inputs, model)
    if start:
        await _started(service, model, name, _flag(parameters, "sequence_restart"))
    where = service.sessions.read(name)
    if where["model"] != model.name:
        raise Problem(
            "session_exists", f"The sequence is of the model {where['model']}.", field="parameters.sequence_id"
        )
    seq = parameters.get("sequence_seq", where["seq"] + 1)
    said = json.loads(await service.sessions.step(name, {"seq": seq, "xs": rows}))["ys"]
    if end:
        await service.sessions.delete(name)
    output = model.outputs[0]
    shape = (1, len(said), -1) if len(output.shape) == 3 else (1, -1)
    values = np.array(said if len(output.shape) == 3 else said[-1], np.float64)
    return {output.name: values.reshape(shape)}


def _session(model: Stepped, sequence: Any) -> str:
    """Return the name of the session that stands for a sequence: sequences of two models may have one number."""
    if type(sequence) is int and 0 < sequence < 2**64:
        return session_name(f"{model.sha256[:12]}.{sequence}", "parameters.sequence_id")
    return session_name(sequence, "parameters.sequence_id")


def _flag(parameters: dict[str, Any], name: str) -> bool:
    value = parameters.get(name, False)
    if type(value) is not bool:
        raise Problem(
            "field_wrong", f"{name} is {shown(value)}, and should be true or false.", field=f"parameters.{name}"
        )
    return value


def _rows(inputs: dict[str, np.ndarray], model: Stepped) -> list[Any]:
    """Return the observations of the one sequence that a request is about."""
    values = next(iter(inputs.values()))
    rows = values.reshape(-1, model.features)
    if values.ndim == 3 and values.shape[0] != 1:
        raise Problem(
            "shape_wrong", f"A sequence is stepped alone, and {values.shape[0]} came.", field="inputs[0].shape"
        )
    return rows.astype(np.float64).tolist()


async def _started(service: Service, model: Stepped, name: str, restart: bool) -> None:
    found = service.sessions.live.find(name)
    if found is not None and restart:
        await service.sessions.delete(name)
    elif found is not None and found.seq > 0 and not found.expired(service.sessions.clock.now()):
        raise Problem(
            "session_exists",
            "The sequence has begun already; end it first, or send sequence_restart.",
            field="parameters.sequence_start",
        )
    await service.sessions.create(model, {"id": name}, renew=True)


def _answer(
    said: dict[str, Any], outputs: dict[str, np.ndarray], wanted: dict[str, bool], model: ServedModel
) -> Answer:
    tensors = {tensor.name: tensor for tensor in model.outputs}
    parts = []
    described_outputs = []
    for name, binary in wanted.items():
        if outputs[name].dtype.kind == "f" and not np.isfinite(outputs[name]).all():
            raise Problem("state_not_finite", "The model's output is not finite; nothing was changed.")
        head, data = written(tensors[name], outputs[name], binary)
        described_outputs.append(head)
        parts.append(data)
    answer = as_json({**said, "outputs": described_outputs})
    if not any(wanted.values()):
        return answer
    length = ((b"inference-header-content-length", b"%d" % len(answer.body)),)
    return Answer(answer.body + b"".join(parts), 200, _BINARY, length)
