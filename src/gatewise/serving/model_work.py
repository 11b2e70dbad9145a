"""What a worker does with saved models: describe, predict, step a forecaster, explain, look inside.

A model is named by its folder and the SHA-256 of its manifest. It is loaded once; a folder that has been replaced since the
server read it is refused, as sessions and clients rely on what it was.
"""

import copy
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gatewise.artifact import read_identity
from gatewise.errors import DataError, UsageError

Asked = Mapping[str, Any]

_MODELS: dict[tuple[str, str], Any] = {}
# Forecasters that have read the values of a session, the last used ones: the next step of the session begins there.
_READ: OrderedDict[Any, Any] = OrderedDict()
_MOST_READ = 64
_LEVELS = (80.0, 95.0)
_DATATYPES = {
    "float32": "FP32",
    "float64": "FP64",
    "float16": "FP16",
    "int32": "INT32",
    "int64": "INT64",
    "bool": "BOOL",
}


def loaded(asked: Asked) -> Any:
    """Return a model.

    Args:
        asked: Its ``folder`` and ``sha256``.

    Raises:
        UsageError: The folder holds another model by now.
        ModelFileError: It is damaged.
    """
    key = asked["folder"], asked["sha256"]
    if key not in _MODELS:
        kind, before = read_identity(key[0])
        model = _load(kind, key[0])
        if {before, read_identity(key[0])[1]} != {key[1]}:
            raise UsageError(
                "The folder of this model has been replaced since the server began: start the server again to serve what it "
                "holds now."
            )
        _MODELS[key] = model
    return _MODELS[key]


def _load(kind: str, folder: str) -> Any:
    if kind == "forecaster":
        from gatewise.forecasting.forecaster import Forecaster

        return Forecaster.load(folder)
    if kind == "text-classifier":
        from gatewise.classification import TextClassifier

        return TextClassifier.load(folder)
    from gatewise.training.saving import load

    return load(folder)


def describe(asked: Asked) -> dict[str, Any]:
    """Return the inputs and outputs of a model as ``[name, datatype, shape]``, and of a forecaster what it can be told."""
    from gatewise.classification import TextClassifier
    from gatewise.forecasting.forecaster import Forecaster

    model = loaded(asked)
    if isinstance(model, Forecaster):
        return _described_forecaster(model)
    if isinstance(model, TextClassifier):
        chances = [[_chance(name), "FP64", [-1]] for name in model.classes_.tolist()]
        return {"inputs": [["text", "BYTES", [-1]]], "outputs": [["label", "BYTES", [-1]], *chances]}
    return _described_network(_network(model))


def predict(asked: Asked) -> dict[str, Any]:
    """Return all outputs by name as ``[shape, values]``, from ``inputs`` likewise."""
    from gatewise.classification import TextClassifier
    from gatewise.forecasting.forecaster import Forecaster

    model, inputs = loaded(asked), asked["inputs"]
    if isinstance(model, Forecaster):
        (horizon,) = inputs["horizon"][1]
        columns = _columns(model.predict(horizon=int(horizon), level=_LEVELS))
        return {name: [[len(column)], column] for name, column in columns.items()}
    if isinstance(model, TextClassifier):
        return _classified(model, inputs["text"][1])
    return _of_network(model, {name: np.array(values).reshape(shape) for name, (shape, values) in inputs.items()})


# -- networks -----------------------------------------------------------------------------------------------------------


def _network(model: Any) -> Any:
    """Return the Keras model behind what was loaded: itself, or what an ensemble has many of."""
    return getattr(model, "model", model)


def _described_network(network: Any) -> dict[str, Any]:
    def tensors(of: Any, names: list[str]) -> list[Any]:
        return [
            [name, _datatype(one), [-1, *(-1 if axis is None else axis for axis in one.shape[1:])]]
            for name, one in zip(names, of, strict=True)
        ]

    inputs = getattr(network, "inputs", None)
    if not inputs:
        raise UsageError(
            f"The model {network.name!r} is of a class of its own, whose inputs cannot be told: serve a Sequential or "
            "functional one."
        )
    return {
        "inputs": tensors(inputs, _input_names(network)),
        "outputs": tensors(network.outputs, _output_names(network)),
    }


def _datatype(tensor: Any) -> str:
    if str(tensor.dtype) not in _DATATYPES:
        raise UsageError(f"The tensor {tensor.name!r} has the type {tensor.dtype}, which cannot be served.")
    return _DATATYPES[str(tensor.dtype)]


def _input_names(network: Any) -> list[str]:
    return ["x"] if len(network.inputs) == 1 else [str(one.name) for one in network.inputs]


def _output_names(network: Any) -> list[str]:
    return ["y"] if len(network.outputs) == 1 else [str(one) for one in network.output_names]


def _of_network(model: Any, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what a network says; an ensemble the mean of its members. Each call begins at a state of zero."""
    from gatewise.backend import import_keras
    from gatewise.recurrent import is_stateful, reset_states
    from gatewise.training.predict import predict as run

    tree, network = import_keras().tree, _network(model)
    types = [_NUMPY[_datatype(one)] for one in network.inputs]
    given = [inputs[name].astype(kind) for name, kind in zip(_input_names(network), types, strict=True)]
    rows = len(given[0])
    if is_stateful(network):
        # A batch of another size has a state of its own; rows of a batch do not know each other.
        reset_states(network)
    size = rows if is_stateful(network) else None
    x = tree.pack_sequence_as(network._inputs_struct if hasattr(network, "_inputs_struct") else given, given)
    x = given[0] if len(given) == 1 else x
    if network is model:
        outputs = tree.flatten(run(model, x, size, 0))
    else:
        model.reset_states()
        outputs = [np.mean(one, axis=0) for one in tree.flatten(model.predict(x, size, 0))]
    return {
        name: [list(one.shape), np.asarray(one).ravel().tolist()]
        for name, one in zip(_output_names(network), outputs, strict=True)
    }


_NUMPY = {datatype: name for name, datatype in _DATATYPES.items()}


# -- classifiers --------------------------------------------------------------------------------------------------------


def _chance(name: Any) -> str:
    """Return what the probability of a class is called, as in the tables of ``gatewise predict``."""
    return f"p({name})"


def _classified(classifier: Any, texts: list[str]) -> dict[str, Any]:
    empty = [place for place, text in enumerate(texts) if not text.strip()]
    if empty:
        raise DataError(f"The text at index {empty[0]} is empty: leave it out.")
    chances = classifier.predict_proba(texts)
    given = classifier.decide(chances)
    if classifier.multi_label_:
        names = np.array([str(name) for name in classifier.classes_.tolist()], object)
        labels = ["|".join(names[row]) for row in given]
    else:
        labels = [str(name) for name in given.tolist()]
    columns = {_chance(name): chances[:, place].tolist() for place, name in enumerate(classifier.classes_.tolist())}
    return {name: [[len(column)], column] for name, column in {"label": labels, **columns}.items()}


def explain(asked: Asked) -> dict[str, Any]:
    """Return what each token of a ``text`` adds to the log-odds of a class: ``label``, or where it is None the likeliest."""
    classifier = loaded(asked)
    label = asked.get("label")
    if label is not None:
        # The page knows classes by what they are called.
        by_name = {str(one): one for one in classifier.classes_.tolist()}
        label = by_name.get(label, label)
    answer: dict[str, Any] = classifier.explain(asked["text"], label).to_json()
    answer["class"] = str(answer["class"])
    answer["probabilities"] = {str(name): share for name, share in answer["probabilities"].items()}
    return answer


def inspect(asked: Asked) -> dict[str, Any]:
    """Return the page on what a classifier's network does with a ``text``, or a forecaster's with a ``series``."""
    from gatewise.classification import TextClassifier
    from gatewise.forecasting.forecaster import Forecaster
    from gatewise.inspection import inspect as look
    from gatewise.report.inspection_page import inspection_page

    model = loaded(asked)
    if isinstance(model, TextClassifier):
        if not asked.get("text"):
            raise UsageError("A classifier's network is looked into while it reads a text: give one.")
        return {"page": inspection_page([look(model, asked["text"])])}
    if isinstance(model, Forecaster):
        return {"page": inspection_page([look(model, _series_name(model, asked.get("series")))])}
    raise UsageError("Of a network alone it is not known what its numbers mean: use gatewise inspect.")


# -- forecasters --------------------------------------------------------------------------------------------------------


def _described_forecaster(forecaster: Any) -> dict[str, Any]:
    from gatewise.forecasting.frames import bounds_names

    table = forecaster.fitted.table
    if not table.future.names:
        # Its networks are compiled now, and not while somebody waits for the first answer.
        forecaster.predict(horizon=1, level=())
    numbers = [[name, "FP64", [-1]] for name in bounds_names("gatewise", _LEVELS)]
    return {
        "inputs": [["horizon", "INT64", [1]]],
        "outputs": [["unique_id", "BYTES", [-1]], ["ds", "BYTES", [-1]], *numbers],
        "horizon": forecaster.plan.horizon,
        "series": len(table),
        "first": str(table.ids[0]),
        "covariates": [*table.past.names, *table.future.names],
    }


def steps(asked: Asked) -> dict[str, Any]:
    """Return what a forecaster said of each of ``rows`` before it was told the value, after the ``values`` told before.

    Each is the first step of the forecast of ``Forecaster.load(folder).update(values so far)``.
    """
    forecaster, place, values = loaded(asked), _place(asked), list(asked["values"])
    said = []
    for value in asked["rows"]:
        frame = _told(asked, forecaster, place, values).predict(horizon=1, level=())
        said.append(float(frame["gatewise"].iloc[place]))
        values.append(value)
    return {"said": said}


def forecast(asked: Asked) -> dict[str, Any]:
    """Return the forecast of one series after the ``values`` told so far, by the names of its columns."""
    forecaster, place = loaded(asked), _place(asked)
    steps = asked["horizon"]
    frame = _told(asked, forecaster, place, asked["values"]).predict(horizon=steps, level=asked["levels"])
    return _columns(frame.iloc[place * steps : (place + 1) * steps])


def find_series(asked: Asked) -> dict[str, Any]:
    """Return the name of the series that is meant; see `_place`."""
    return {"series": str(loaded(asked).fitted.table.ids[_place(asked)])}


def _place(asked: Asked) -> int:
    """Return where the series that is meant is among those of a forecaster."""
    table = loaded(asked).fitted.table
    names = [str(name) for name in table.ids.tolist()]
    if asked.get("series") is None:
        if len(names) > 1:
            raise UsageError(f"The forecaster knows {len(names):,} series, the first is {names[0]!r}: name one.")
        return 0
    if asked["series"] not in names:
        raise UsageError(f"The forecaster knows no such series; the first of {len(names):,} is {names[0]!r}.")
    return names.index(asked["series"])


def _series_name(forecaster: Any, name: str | None) -> Any:
    """Return the name of a series as its table has it, which may be a number."""
    ids = forecaster.fitted.table.ids.tolist()
    return next((one for one in ids if str(one) == name), name)


def _told(asked: Asked, forecaster: Any, place: int, values: Any) -> Any:
    """Return a forecaster that has been told of values after those it was saved with."""
    key = asked["folder"], asked["sha256"], place, np.asarray(values, np.float64).tobytes()
    if key not in _READ:
        # `update` replaces what the copy knows; the one it was copied from stays as it is.
        told = copy.copy(forecaster)
        if len(values):
            told.update(_rows(forecaster.fitted.table, place, np.asarray(values, np.float64)))
        _READ[key] = told
        while len(_READ) > _MOST_READ:
            _READ.popitem(last=False)
    _READ.move_to_end(key)
    return _READ[key]


def _rows(table: Any, place: int, values: np.ndarray) -> Any:
    """Return values as the table of the rows that follow a series."""
    return replace(
        table.select([place]),
        values=values,
        observed=np.ones(len(values), bool),
        offsets=np.array([0, len(values)], np.int64),
        starts=table.times_after(1)[place, :1],
    )


def _columns(frame: Any) -> dict[str, list[Any]]:
    """Return a forecast as lists; names and times as texts."""
    texts = {name: frame[name].astype(str).tolist() for name in ("unique_id", "ds")}
    return texts | {name: frame[name].tolist() for name in frame.columns if name not in texts}
