"""The models that a worker has loaded.

A model is named by its folder and the SHA-256 of its manifest. It is loaded once; a folder that has been replaced since the
server read it is refused, as sessions and clients rely on what it was.
"""

from collections.abc import Mapping
from typing import Any

from gatewise.artifact import read_identity
from gatewise.errors import UsageError

Asked = Mapping[str, Any]

_MODELS: dict[tuple[str, str], Any] = {}


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
