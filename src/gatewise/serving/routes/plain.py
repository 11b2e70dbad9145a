"""``/predict``: a batch as plain JSON or as CSV, and the answer in the same form."""

import numpy as np

from gatewise.serving.http.answers import Answer, Incoming, as_json, is_type
from gatewise.serving.routes.csv_tables import as_csv, of_csv
from gatewise.serving.routes.open_inference import BYTES_OF_A_NUMBER, version_of
from gatewise.serving.routes.tensors import read_nested
from gatewise.serving.service import Service
from gatewise.serving.sessions.bodies import fields_of
from gatewise.serving.terms.contract import Asked
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem, shown

CSV = b"text/csv"
_FEW = 2048


async def predict(service: Service, name: str, request: Incoming) -> Answer:
    """Answer a batch."""
    model = service.asked(name)
    table = is_type(request.header(b"content-type"), CSV)
    inputs = await service.calls.sized(
        len(request.body),
        lambda: (
            of_csv(request.body, model, service.limits.values) if table else _of_json(request, model, service.limits)
        ),
    )
    if model.quick and sum(values.size for values in inputs.values()) <= _FEW:
        outputs = model.predict(inputs)
    else:
        outputs = await service.calls.beside(lambda: model.predict(inputs))
    for values in outputs.values():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise Problem("state_not_finite", "The model's output is not finite; nothing was changed.")
    size = BYTES_OF_A_NUMBER * sum(values.size for values in outputs.values())
    return await service.calls.sized(size, lambda: _answer(model, outputs, table))


def _answer(model: Asked, outputs: dict[str, np.ndarray], table: bool) -> Answer:
    if table:
        return Answer(as_csv(outputs), 200, CSV + b"; charset=utf-8")
    said = {output.name: outputs[output.name].tolist() for output in model.outputs}
    return as_json({"model": model.name, "model_version": version_of(model), "outputs": said})


def _of_json(request: Incoming, model: Asked, limits: Limits) -> dict[str, np.ndarray]:
    given = fields_of(request.json(limits), {"inputs"})
    if "inputs" not in given:
        raise Problem("field_missing", "The body has no inputs.", field="inputs")
    inputs, several = given["inputs"], type(given["inputs"]) is dict
    if not several and len(model.inputs) > 1:
        names = ", ".join(tensor.name for tensor in model.inputs)
        raise Problem("field_wrong", f"inputs should be an object with {names}.", field="inputs")
    wanted = {tensor.name: tensor for tensor in model.inputs}
    found = {}
    for name, value in inputs.items() if several else [(model.inputs[0].name, inputs)]:
        field = f"inputs.{shown(name)[1:-1]}" if several else "inputs"
        if name not in wanted:
            raise Problem(
                "field_unknown", f"{field} is no input of the model, which takes {', '.join(wanted)}.", field=field
            )
        if type(value) is not list:
            raise Problem("field_wrong", f"{field} should be a list.", field=field)
        found[name] = read_nested(value, wanted[name], field)
    for name in wanted:
        if name not in found:
            raise Problem("field_missing", f"The input {name!r} is missing.", field="inputs")
    return found
