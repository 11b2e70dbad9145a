"""Recurrent networks as estimators of scikit-learn: a row is a window, its columns are time steps.

For grid searches, pipelines and cross-validation over windows such as `gatewise.windows` makes them. scikit-learn is not
installed with gatewise: ``pip install scikit-learn``. `gatewise.TextClassifier` has scikit-learn's conventions itself.
"""

from typing import Any

import numpy as np
from jaxtyping import Float64

from gatewise.backend import import_keras
from gatewise.errors import EnvironmentFault, UsageError
from gatewise.training.fit import fit
from gatewise.training.initial import initialize
from gatewise.training.predict import predict

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise EnvironmentFault("gatewise.sklearn is for scikit-learn: install it with pip install scikit-learn.") from error

_CELLS = {"lstm": "LSTM", "gru": "GRU", "rnn": "SimpleRNN"}
# Rows that are predicted at a time, always so many: what is predicted for a row must not depend on how many others are asked
# about, to the last bit, and a sum of products of another shape may be added up in another order.
_ROWS = 64


class _Recurrent(BaseEstimator):
    """What both estimators share: one recurrent layer and a dense one, on columns with mean 0 and deviation 1."""

    def __init__(
        self,
        cell: str = "lstm",
        units: int = 8,
        *,
        steps: int | None = None,
        epochs: int = 40,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        random_state: Any = None,
    ) -> None:
        self.cell = cell
        self.units = units
        self.steps = steps
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def _train(self, x: Float64[np.ndarray, "samples columns"], y: np.ndarray, outputs: int, loss: str) -> None:
        """Fit a network of its own to scaled columns and targets."""
        if self.cell not in _CELLS:
            raise UsageError(f"cell is {self.cell!r}: choose one of 'lstm', 'gru', 'rnn'.")
        steps = x.shape[1] if self.steps is None else self.steps
        if steps < 1 or x.shape[1] % steps:
            raise UsageError(f"steps is {steps}, and {x.shape[1]} columns cannot be cut into so many: give a divisor.")
        self.mean_, self.scale_ = _mean_and_scale(x)
        self._network = _network(self.cell, self.units, (steps, x.shape[1] // steps), outputs)
        keras = import_keras()
        self._network.compile(keras.optimizers.Adam(self.learning_rate), loss)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        initialize(self._network, seed)
        batch_size = min(self.batch_size, len(x))
        fit(self._network, self._scaled(x), y, batch_size=batch_size, epochs=self.epochs, seed=seed, verbose=0)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        """Return rows as the network reads them, ``(samples, time, features)``."""
        return ((x - self.mean_) / self.scale_).astype("float32").reshape(len(x), *self._network.input_shape[1:])

    def _asked(self, x: Any) -> Float64[np.ndarray, "samples outputs"]:
        """Return what the network says to each row."""
        check_is_fitted(self)
        rows = self._scaled(validate_data(self, x, reset=False, dtype=np.float64))
        more = -len(rows) % _ROWS
        padded = np.concatenate([rows, np.zeros((more, *rows.shape[1:]), rows.dtype)])
        said: np.ndarray = predict(self._network, padded, batch_size=_ROWS)
        return said[: len(rows)].astype(np.float64)

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the network itself, and what makes it again: pickles hold arrays."""
        state = dict(super().__getstate__())
        network = state.pop("_network", None)
        if network is not None:
            shape = network.input_shape[1:], network.output_shape[1]
            state["_arrays"] = (*shape, network.layers[-2].units, [np.array(one) for one in network.get_weights()])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        arrays = state.pop("_arrays", None)
        super().__setstate__(state)
        if arrays is not None:
            shape, outputs, units, weights = arrays
            self._network = _network(self.cell, units, shape, outputs)
            self._network.set_weights(weights)


class RecurrentRegressor(RegressorMixin, _Recurrent):
    """A recurrent network that predicts one number for a window.

    Args:
        cell: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        units: Of the recurrent layer.
        steps: Into how many time steps the columns are cut, the features of a step beside each other; None takes each
            column for a step with one feature.
        epochs: How often the training goes over the rows.
        batch_size: Rows of a step of training.
        learning_rate: Of Adam.
        random_state: An int gives the same network again; None another one each time.

    Example:
        >>> import numpy as np, gatewise as gw
        >>> from gatewise.sklearn import RecurrentRegressor
        >>> x, y = gw.windows(np.sin(np.arange(120) / 4), look_back=6)
        >>> model = RecurrentRegressor(units=4, random_state=0).fit(x[:80, :, 0], y[:80, 0])
        >>> bool(model.score(x[80:, :, 0], y[80:, 0]) > 0.9)
        True
    """

    def fit(self, X: Any, y: Any) -> "RecurrentRegressor":
        """Learn from windows ``(samples, columns)`` and the number that belongs to each."""
        x, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        y = column_or_1d(y, warn=True).astype(np.float64)
        mean, scale = _mean_and_scale(y[:, None])
        self.target_mean_, self.target_scale_ = float(mean[0]), float(scale[0])
        scaled = (y[:, None] - mean) / scale
        self._train(x, scaled.astype("float32"), 1, "mse")
        return self

    def predict(self, X: Any) -> Float64[np.ndarray, " samples"]:
        """Return a number for each window."""
        said: np.ndarray = self._asked(X)[:, 0] * self.target_scale_ + self.target_mean_
        return said


class RecurrentClassifier(ClassifierMixin, _Recurrent):
    """A recurrent network that predicts the class of a window; arguments as `RecurrentRegressor`."""

    def fit(self, X: Any, y: Any) -> "RecurrentClassifier":
        """Learn from windows ``(samples, columns)`` and the class of each."""
        x, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise UsageError(
                f"All {len(y)} windows are of one class, {str(self.classes_[0])!r}: give at least two classes."
            )
        self._train(x, numbers, len(self.classes_), "sparse_categorical_crossentropy")
        return self

    def predict_proba(self, X: Any) -> Float64[np.ndarray, "samples classes"]:
        """Return the probability of each class for each window."""
        said = self._asked(X)
        return said / said.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest class of each window."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        chosen: np.ndarray = self.classes_[likeliest]
        return chosen


def _network(cell: str, units: int, shape: tuple[int, int], outputs: int) -> Any:
    layers = import_keras().layers
    recurrent = getattr(layers, _CELLS[cell])(units)
    dense = layers.Dense(outputs, activation="softmax" if outputs > 1 else None)
    return import_keras().Sequential([import_keras().Input(shape), recurrent, dense])


def _mean_and_scale(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the deviation of columns; 1 where a column does not move."""
    scale = columns.std(axis=0)
    return columns.mean(axis=0), np.where(scale > 0, scale, 1.0)
