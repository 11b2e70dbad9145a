"""What a worker does with any saved model: describe it, predict, look inside."""

from typing import Any

import numpy as np

from gatewise.errors import UsageError
from gatewise.serving.workers import classifier_work, forecaster_work, network_work
from gatewise.serving.workers.loaded_models import Asked, loaded


def describe(asked: Asked) -> dict[str, Any]:
    """Return the inputs and outputs of a model as ``[name, datatype, shape]``, and of a forecaster what it can be told."""
    from gatewise.classification import TextClassifier
    from gatewise.forecasting.forecaster import Forecaster

    model = loaded(asked)
    if isinstance(model, Forecaster):
        return forecaster_work.described(model)
    if isinstance(model, TextClassifier):
        return classifier_work.described(model)
    return network_work.described(network_work.network_of(model))


def predict(asked: Asked) -> dict[str, Any]:
    """Return all outputs by name as ``[shape, values]``, from ``inputs`` likewise."""
    from gatewise.classification import TextClassifier
    from gatewise.forecasting.forecaster import Forecaster

    model, inputs = loaded(asked), asked["inputs"]
    if isinstance(model, Forecaster):
        (horizon,) = inputs["horizon"][1]
        return forecaster_work.predicted(model, int(horizon))
    if isinstance(model, TextClassifier):
        return classifier_work.predicted(model, inputs["text"][1])
    return network_work.predicted(
        model, {name: np.array(values).reshape(shape) for name, (shape, values) in inputs.items()}
    )


def inspect(asked: Asked) -> dict[str, Any]:
    """Return the page on a network: a classifier's at a ``text``, a forecaster's at a ``series``, or one at ``rows``."""
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
        return {"page": inspection_page([look(model, forecaster_work.series_name(model, asked.get("series")))])}
    if asked.get("rows") is None:
        raise UsageError("A network is looked into while it reads a sequence: give its observations as rows.")
    return {"page": inspection_page([look(network_work.network_of(model), network_work.sequence(asked["rows"]))])}
