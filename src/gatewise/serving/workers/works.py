"""What a worker can be asked, by name: JSON in, JSON out. Loaded in the worker only."""

from collections.abc import Callable
from typing import Any

from gatewise.serving.workers import classifier_work, forecaster_work, model_work, table_work

Work = Callable[[Any, Callable[[float, str], None]], dict[str, Any]]


def _at_once(work: Callable[[Any], dict[str, Any]]) -> Work:
    """Return a work that says nothing before it is done."""
    return lambda asked, progress: work(asked)


WORKS: dict[str, Work] = {
    "model.describe": _at_once(model_work.describe),
    "model.predict": _at_once(model_work.predict),
    "model.steps": _at_once(forecaster_work.steps),
    "model.forecast": _at_once(forecaster_work.forecast),
    "model.history": _at_once(forecaster_work.history),
    "model.find_series": _at_once(forecaster_work.find_series),
    "model.explain": _at_once(classifier_work.explain),
    "model.inspect": _at_once(model_work.inspect),
    "table.read": _at_once(table_work.read),
    "table.forecast": table_work.forecast,
}
