"""The Open Inference Protocol, version 2: what its ``infer`` takes, with Triton's sequences on top of sessions.

Source: https://github.com/open-inference/open-inference-protocol. A request with Triton's ``sequence_id`` is a step of a
session: it takes `Stepped.step_input` and says `Stepped.step_output`, which of a forecaster are others than a batch's.
"""

from typing import Any

import numpy as np

from gatewise.serving.http.answers import JSON, Answer, Incoming, as_json
from gatewise.serving.routes.tensors import TYPES, read_inputs, written
from gatewise.serving.service import Service
from gatewise.serving.sessions.bodies import fields_of, session_name, whole
from gatewise.serving.sessions.sequences import SequenceStep, take
from gatewise.serving.terms.contract import ServedModel, Stepped, Tensor
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem, shown
from gatewise.version import __version__

EXTENSIONS = ("sequence", "sequence(string_id)", "binary_tensor_data", "gatewise_sessions")
_FIELDS = {"id", "parameters", "inputs", "outputs"}
_BINARY = b"application/octet-stream"
_HEAD = b"inference-header-content-length"
# Elements that are few enough to be answered at once; more are answered by a thread.
_FEW = 2048
# As JSON has it, about.
BYTES_OF_A_NUMBER = 20
_MOST_DIGITS = 12


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
    size = len(request.body)
    given, binary = await service.calls.sized(size, lambda: _parts(request, service.limits))
    fields_of(given, _FIELDS)
    parameters = given.get("parameters", {})
    if type(parameters) is not dict:
        raise Problem("field_wrong", "parameters should be an object.", field="parameters")
    told = given.get("id")
    if told is not None and type(told) is not str:
        raise Problem("field_wrong", "id should be a text.", field="id")
    sequence = parameters.get("sequence_id", 0)
    stepped = None if sequence in (0, "") and type(sequence) in (int, str) else service.stepped(name)
    takes, says = (model.inputs, model.outputs) if stepped is None else ((stepped.step_input,), (stepped.step_output,))
    wanted = _wanted(given.get("outputs"), says, parameters.get("binary_data_output") is True)
    inputs = await service.calls.sized(size, lambda: read_inputs(given.get("inputs"), binary, takes))
    if stepped is None:
        outputs = await _predicted(service, name, inputs)
    else:
        outputs = await _stepped(service, stepped, inputs, parameters)
    said: dict[str, Any] = {"model_name": model.name, "model_version": version_of(model)}
    if told is not None:
        said["id"] = told
    size = BYTES_OF_A_NUMBER * sum(values.size for values in outputs.values())
    return await service.calls.sized(size, lambda: _answer(said, outputs, wanted, says))


def _parts(request: Incoming, limits: Limits) -> tuple[Any, bytes]:
    """Return the JSON of a request, and the binary data behind it."""
    length = request.header(_HEAD)
    if length is None and request.header(b"content-type") is not None:
        return request.json(limits), b""
    if length is None:
        # As tritonclient sends JSON. No page of another origin gets this far: its browser sends Origin with a POST.
        length = b"%d" % len(request.body)
    if not length.isdigit() or len(length) > _MOST_DIGITS or int(length) > len(request.body):
        raise Problem("bad_request", "Inference-Header-Content-Length is not the length of the JSON in the body.")
    head = Incoming(request.body[: int(length)], ((b"content-type", JSON),))
    return head.json(limits), request.body[int(length) :]


def _wanted(given: Any, says: tuple[Tensor, ...], binary: bool) -> dict[str, bool]:
    """Return the names of the outputs that are asked for, and whether each is to be binary."""
    if given is None:
        return {tensor.name: binary for tensor in says}
    if type(given) is not list:
        raise Problem("field_wrong", "outputs should be a list.", field="outputs")
    names = {tensor.name for tensor in says}
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
    """Take a sequence's next step."""
    start, end, restart = (_flag(parameters, f"sequence_{which}") for which in ("start", "end", "restart"))
    name, seq = _session(model, parameters["sequence_id"]), parameters.get("sequence_seq")
    if seq is not None:
        whole(seq, "parameters.sequence_seq", 1, 2**63 - 1)
    rows = inputs[model.step_input.name].reshape(-1, model.features).astype(np.float64).tolist()
    said = await take(service.sessions, model, SequenceStep(name, rows, seq, start, end, restart))
    output = model.step_output
    values = np.array(said if len(output.shape) == 3 else said[-1:], TYPES[output.datatype])
    return {output.name: values.reshape(1, *values.shape) if len(output.shape) == 3 else values}


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


def _answer(
    said: dict[str, Any], outputs: dict[str, np.ndarray], wanted: dict[str, bool], says: tuple[Tensor, ...]
) -> Answer:
    tensors = {tensor.name: tensor for tensor in says}
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
