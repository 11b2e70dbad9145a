"""``/predict``: a batch as plain JSON or as CSV, and the answer in the same form."""

import csv
import io
from typing import Any

import numpy as np

from gatewise.serving.http.answers import Answer, Incoming, as_json, is_type
from gatewise.serving.routes.open_inference import version_of
from gatewise.serving.routes.tensors import read_inputs
from gatewise.serving.service import Service
from gatewise.serving.sessions.bodies import fields_of
from gatewise.serving.terms.contract import Asked, Tensor
from gatewise.serving.terms.problems import Problem, shown

CSV = b"text/csv"
# What a spreadsheet would take for a formula when it stands at the beginning of a cell.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_FEW = 2048


async def predict(service: Service, name: str, request: Incoming) -> Answer:
    """Answer a batch."""
    model = service.asked(name)
    as_csv = is_type(request.header(b"content-type"), CSV)
    inputs = _of_csv(request.body, model) if as_csv else _of_json(request.json(service.limits), model)
    if model.quick and sum(values.size for values in inputs.values()) <= _FEW:
        outputs = model.predict(inputs)
    else:
        outputs = await service.calls.beside(lambda: model.predict(inputs))
    for values in outputs.values():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise Problem("state_not_finite", "The model's output is not finite; nothing was changed.")
    if as_csv:
        return Answer(_as_csv(outputs), 200, CSV + b"; charset=utf-8")
    said = {output.name: outputs[output.name].tolist() for output in model.outputs}
    return as_json({"model": model.name, "model_version": version_of(model), "outputs": said})


def _of_json(body: Any, model: Asked) -> dict[str, np.ndarray]:
    given = fields_of(body, {"inputs"})
    if "inputs" not in given:
        raise Problem("field_missing", "The body has no inputs.", field="inputs")
    inputs = given["inputs"]
    if type(inputs) is not dict:
        if len(model.inputs) > 1:
            names = ", ".join(tensor.name for tensor in model.inputs)
            raise Problem("field_wrong", f"inputs should be an object with {names}.", field="inputs")
        inputs = {model.inputs[0].name: inputs}
    types = {tensor.name: tensor.datatype for tensor in model.inputs}
    tensors = []
    for name, value in inputs.items():
        if type(value) is not list:
            raise Problem("field_wrong", f"inputs.{name} should be a list.", field=f"inputs.{shown(name)[1:-1]}")
        tensors.append({"name": name, "datatype": types.get(name), "shape": _shape_of(value), "data": value})
    return read_inputs(tensors, b"", model.inputs)


def _shape_of(value: Any) -> list[int]:
    """Return the shape that nested lists have by their first entries; that all have it is checked with the values."""
    shape: list[int] = []
    while type(value) is list:
        shape.append(len(value))
        value = value[0] if value else None
    return shape


def _of_csv(body: bytes, model: Asked) -> dict[str, np.ndarray]:
    """Return the inputs that a table holds: a column of texts, or one sequence with a row for each of its steps."""
    if len(model.inputs) != 1:
        raise Problem("type_unsupported", f"The model {model.name} has {len(model.inputs)} inputs, and CSV is for one.")
    wanted = model.inputs[0]
    header, rows = _table(body)
    if wanted.datatype == "BYTES":
        if wanted.name not in header:
            raise Problem("bad_csv", f"The table has no column {wanted.name!r}; it has {shown(', '.join(header))}.")
        at = header.index(wanted.name)
        return {wanted.name: np.array([row[at] for row in rows] or [""], object)[: len(rows)]}
    values = np.array([_numbers(row, line) for line, row in enumerate(rows, start=2)]).reshape(len(rows), len(header))
    shape = [1, *values.shape] if len(wanted.shape) == 3 else list(values.shape)
    tensor = {"name": wanted.name, "datatype": wanted.datatype, "shape": shape, "data": values.reshape(-1).tolist()}
    return read_inputs([tensor], b"", model.inputs)


def _table(body: bytes) -> tuple[list[str], list[list[str]]]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem("bad_csv", f"The table is not UTF-8 at byte {error.start}.") from None
    if "\0" in text:
        raise Problem("bad_csv", "The table holds a NUL character.")
    try:
        lines = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise Problem("bad_csv", f"The table is no CSV: {error}.") from None
    if len(lines) < 2:
        raise Problem("bad_csv", f"The table has {len(lines)} lines, and needs a header and a row.")
    header = [name.strip() for name in lines[0]]
    for line, row in enumerate(lines[1:], start=2):
        if len(row) != len(header):
            raise Problem("bad_csv", f"Row {line} has {len(row)} cells, and the header has {len(header)}.")
    return header, lines[1:]


def _numbers(row: list[str], line: int) -> list[float]:
    found = []
    for column, cell in enumerate(row, start=1):
        try:
            # Python reads 1_000, and digits of other scripts; in a table they are mistakes.
            if not cell.isascii() or "_" in cell:
                raise ValueError
            found.append(float(cell))
        except ValueError:
            raise Problem("bad_csv", f"Row {line}, column {column} is {shown(cell)}, and should be a number.") from None
    return found


def _as_csv(outputs: dict[str, np.ndarray]) -> bytes:
    columns: dict[str, list[Any]] = {}
    for name, values in outputs.items():
        table = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values.reshape(-1, 1)
        for place in range(table.shape[1]):
            columns[name if table.shape[1] == 1 else f"{name}_{place}"] = table[:, place].tolist()
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(map(_cell, columns))
    writer.writerows([_cell(value) for value in row] for row in zip(*columns.values(), strict=True))
    return file.getvalue().encode()


def _cell(value: Any) -> Any:
    if type(value) is str and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def input_columns(tensor: Tensor) -> str:
    """Return which columns a table needs, for the documentation of a model."""
    if tensor.datatype == "BYTES":
        return f"a column {tensor.name!r}"
    return f"{tensor.shape[-1]} columns of numbers, a row for each step"
