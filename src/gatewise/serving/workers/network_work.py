"""What a worker does with networks that need Keras."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gatewise.errors import UsageError

_DATATYPES = {
    "float32": "FP32",
    "float64": "FP64",
    "float16": "FP16",
    "int32": "INT32",
    "int64": "INT64",
    "bool": "BOOL",
}
_NUMPY = {datatype: name for name, datatype in _DATATYPES.items()}


def network_of(model: Any) -> Any:
    """Return the Keras model behind what was loaded: itself, or what an ensemble has many of."""
    return getattr(model, "model", model)


def described(network: Any) -> dict[str, Any]:
    """Return the inputs and outputs of a network."""

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


def sequence(rows: list[Any]) -> np.ndarray:
    """Return observations as an array, ``(time, features)`` or ``(time,)``."""
    sizes = {len(row) if isinstance(row, list) else 0 for row in rows}
    if len(sizes) > 1:
        raise UsageError(f"The rows have {min(sizes) or 1} and {max(sizes)} numbers: give as many in each.")
    found = np.array(rows, np.float64)
    return found.astype(np.int64) if found.ndim == 1 and (found == np.floor(found)).all() else found


def predicted(model: Any, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what a network says; an ensemble the mean of its members. Each call begins at a state of zero."""
    from gatewise.backend import import_keras
    from gatewise.recurrent import is_stateful, reset_states
    from gatewise.training.predict import predict as run

    tree, network = import_keras().tree, network_of(model)
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
