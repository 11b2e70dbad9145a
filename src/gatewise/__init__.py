"""gatewise: recurrent networks for forecasting and text, on the machine you have.

The rooms, from the front door down: `gatewise.cli` (the command line), `gatewise.serving` (models and
sessions over HTTP), `gatewise.report` (results to HTML),
`gatewise.inspection` (gates, memory and reasons of a network on one sequence),
`gatewise.forecasting` and `gatewise.classification` (the two products), `gatewise.recipes` (the classic recipes by name),
`gatewise.training` (the compiled training program and its doors),
`gatewise.recurrent` (recurrent layers and their state; its layers as `gatewise.layers`), `gatewise.stepping` (steps of a
saved network, without Keras), `gatewise.datasets` (data that
ships, labelled texts, windows), `gatewise.tables` (files and frames to series), `gatewise.evaluation`
(errors of forecasts, baselines, intervals), `gatewise.artifact` (model files), `gatewise.backend` and `gatewise.errors`.

Importing gatewise is cheap: a name is loaded when it is first used. Import it before Keras; it puts Keras on JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

from gatewise import backend as _backend
from gatewise.version import __version__ as __version__

_backend.choose()

_DOORS = {
    "Calibration": "gatewise.classification",
    "Ensemble": "gatewise.training.members",
    "Forecaster": "gatewise.forecasting.forecaster",
    "History": "gatewise.training.history",
    "Lengths": "gatewise.training.lengths",
    "Linear": "gatewise.classification",
    "LocalNetworks": "gatewise.forecasting.networks.local_networks",
    "LocalView": "gatewise.forecasting.networks.views",
    "Network": "gatewise.classification",
    "SequenceNetworks": "gatewise.forecasting.networks.sequence_networks",
    "SharedNetworks": "gatewise.forecasting.networks.shared_networks",
    "Stream": "gatewise.training.stream",
    "TextClassifier": "gatewise.classification",
    "Validation": "gatewise.classification",
    "accelerate": "gatewise.recurrent",
    "backtest": "gatewise.forecasting.backtest",
    "baselines": "gatewise.baselines",
    "datasets": "gatewise.datasets",
    "errors": "gatewise.errors",
    "evaluate": "gatewise.training.predict",
    "fit": "gatewise.training.fit",
    "fit_ensemble": "gatewise.training.ensemble",
    "forecast": "gatewise.forecasting.engines.door",
    "from_keras": "gatewise.training.saving",
    "initialize": "gatewise.training.initial",
    "inspect": "gatewise.inspection",
    "layers": "gatewise.layers",
    "load": "gatewise.training.saving",
    "losses": "gatewise.losses",
    "member_seed": "gatewise.training.initial",
    "metrics": "gatewise.metrics",
    "predict": "gatewise.training.predict",
    "read_corpus": "gatewise.datasets",
    "read_series": "gatewise.tables",
    "recipe": "gatewise.recipes",
    "reset_states": "gatewise.recurrent",
    "save": "gatewise.training.saving",
    "show_backend": "gatewise.recurrent",
    "stream": "gatewise.training.stream",
    "to_keras": "gatewise.training.saving",
    "windows": "gatewise.datasets.windows",
}

__all__ = ["__version__", *_DOORS]  # noqa: PLE0604

if TYPE_CHECKING:
    from gatewise import baselines as baselines
    from gatewise import datasets as datasets
    from gatewise import errors as errors
    from gatewise import layers as layers
    from gatewise import losses as losses
    from gatewise import metrics as metrics
    from gatewise.classification import Calibration as Calibration
    from gatewise.classification import Linear as Linear
    from gatewise.classification import Network as Network
    from gatewise.classification import TextClassifier as TextClassifier
    from gatewise.classification import Validation as Validation
    from gatewise.datasets import read_corpus as read_corpus
    from gatewise.datasets.windows import windows as windows
    from gatewise.forecasting.backtest import backtest as backtest
    from gatewise.forecasting.engines.door import forecast as forecast
    from gatewise.forecasting.forecaster import Forecaster as Forecaster
    from gatewise.forecasting.networks.local_networks import LocalNetworks as LocalNetworks
    from gatewise.forecasting.networks.sequence_networks import SequenceNetworks as SequenceNetworks
    from gatewise.forecasting.networks.shared_networks import SharedNetworks as SharedNetworks
    from gatewise.forecasting.networks.views import LocalView as LocalView
    from gatewise.inspection import inspect as inspect
    from gatewise.recipes import recipe as recipe
    from gatewise.recurrent import accelerate as accelerate
    from gatewise.recurrent import reset_states as reset_states
    from gatewise.recurrent import show_backend as show_backend
    from gatewise.tables import read_series as read_series
    from gatewise.training.ensemble import fit_ensemble as fit_ensemble
    from gatewise.training.fit import fit as fit
    from gatewise.training.history import History as History
    from gatewise.training.initial import initialize as initialize
    from gatewise.training.initial import member_seed as member_seed
    from gatewise.training.lengths import Lengths as Lengths
    from gatewise.training.members import Ensemble as Ensemble
    from gatewise.training.predict import evaluate as evaluate
    from gatewise.training.predict import predict as predict
    from gatewise.training.saving import from_keras as from_keras
    from gatewise.training.saving import load as load
    from gatewise.training.saving import save as save
    from gatewise.training.saving import to_keras as to_keras
    from gatewise.training.stream import Stream as Stream
    from gatewise.training.stream import stream as stream


def __getattr__(name: str) -> Any:
    room = _DOORS.get(name)
    if room is None:
        raise AttributeError(f"module 'gatewise' has no attribute {name!r}")
    module = importlib.import_module(room)
    value = module if room == f"gatewise.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
