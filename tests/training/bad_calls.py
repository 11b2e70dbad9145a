"""Networks, data and things that are no data, for the tests of what is refused and in which words."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from gatewise.backend import import_keras
from gatewise.errors import GatewiseError

keras = import_keras()
layers = keras.layers

X = np.linspace(0, 1, 40 * 3, dtype="float32").reshape(40, 3, 1)
Y = X[:, -1]
LABELS = np.arange(40) % 3
BOTH = {"left": X, "right": np.ones((40, 2), "float32")}
TARGETS = {"one": Y, "two": np.ones((40, 2), "float32")}
SPARSE = "sparse_categorical_crossentropy"


class Bad(NamedTuple):
    """A call that cannot be meant, and the answer to it."""

    what: str
    call: Callable[[], Any]
    error: type[GatewiseError]
    sentence: str


def refusals(table: list[Bad]) -> Any:
    """Return the parameters of a test that goes over a table."""
    assert len({bad.what for bad in table}) == len(table)
    return pytest.mark.parametrize("bad", [pytest.param(bad, id=bad.what.replace(" ", "-")) for bad in table])


def assert_refused(bad: Bad) -> None:
    with pytest.raises(bad.error) as caught:
        bad.call()
    assert type(caught.value) is bad.error
    assert str(caught.value) == bad.sentence


def changed(array: np.ndarray, *changes: tuple[Any, Any], kind: str | None = None) -> np.ndarray:
    """Return a copy with other values at some places, perhaps of another type."""
    copy = np.array(array, dtype=kind or array.dtype)
    for place, value in changes:
        copy[place] = value
    return copy


def net(units: int = 1, loss: Any = "mse", optimizer: Any = "sgd", **options: Any) -> Any:
    model = keras.Sequential(
        [keras.Input((3, 1), name="in"), layers.LSTM(2, name="lstm"), layers.Dense(units, name="out")], name="net"
    )
    if loss is not None:
        model.compile(optimizer, loss, **options)
    return model


def unbuilt() -> Any:
    return keras.Sequential([layers.LSTM(2)], name="net")


def stateful(batch: int = 4) -> Any:
    model = keras.Sequential(
        [keras.Input(batch_shape=(batch, 3, 1)), layers.LSTM(2, stateful=True, name="lstm"), layers.Dense(1)],
        name="carrier",
    )
    model.compile("sgd", "mse")
    return model


def two_inputs(batch: int | None = None) -> Any:
    left = keras.Input(batch_shape=(batch, 3, 1), name="left")
    right = keras.Input(batch_shape=(batch, 2), name="right")
    both = layers.Concatenate(name="both")([layers.LSTM(2, stateful=batch is not None, name="lstm")(left), right])
    outputs = {"one": layers.Dense(1, name="one")(both), "two": layers.Dense(2, name="two")(both)}
    model = keras.Model({"left": left, "right": right}, outputs, name="two")
    model.compile("sgd", {"one": "mse", "two": "mse"})
    return model


def tagger() -> Any:
    """Return a model that says a class of every time step."""
    model = keras.Sequential([keras.Input((3, 1)), layers.LSTM(2, return_sequences=True), layers.Dense(4)], name="net")
    model.compile("sgd", SPARSE)
    return model


def reader() -> Any:
    model = keras.Sequential([keras.Input((3,)), layers.Embedding(5, 2, name="words"), layers.LSTM(2)], name="reader")
    model.compile("sgd", "mse")
    return model


class Own(keras.Model):
    """A subclassed model, which declares neither inputs nor outputs."""

    def __init__(self, units: int = 3, loss: Any = SPARSE, nested: bool = False) -> None:
        super().__init__(name="own")
        self.recurrent, self.dense, self.nested = layers.LSTM(2, name="lstm"), layers.Dense(units), nested
        self(X[:2])
        self.compile("sgd", loss)

    def call(self, x: Any) -> Any:
        outputs = self.dense(self.recurrent(x))
        return {"a": outputs, "b": outputs[:, :1]} if self.nested else outputs


class Carrier(keras.Model):
    """A subclassed model that carries a state for four rows."""

    def __init__(self) -> None:
        super().__init__(name="own")
        self.recurrent, self.dense = layers.LSTM(2, stateful=True), layers.Dense(3)
        self(X[:4])
        self.compile("sgd", SPARSE)

    def call(self, x: Any) -> Any:
        return self.dense(self.recurrent(x))


class OwnTrainStep(keras.Sequential):
    def train_step(self, *arguments: Any) -> Any:
        return super().train_step(*arguments)


class OwnTestStep(keras.Sequential):
    def test_step(self, *arguments: Any) -> Any:
        return super().test_step(*arguments)


def dense(kind: type = keras.Sequential) -> Any:
    model = kind([keras.Input((3, 1)), layers.Dense(1)], name="dense")
    model.compile("sgd", "mse")
    return model


def frozen_later() -> Any:
    model = net()
    model.optimizer.build(model.trainable_variables)
    model.layers[0].trainable = False
    return model


def stateful_without_state() -> Any:
    model = net()
    model.layers[0].stateful = True
    return model


def backwards() -> Any:
    return keras.Sequential([keras.Input((3, 1)), layers.GRU(2, go_backwards=True, name="gru")], name="net")


# -- things that are no arrays


def generator() -> Iterator[Any]:
    yield X, Y


class Batches(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        return X, Y


class MapDataset:
    """Called as those of TensorFlow are."""


class DataLoader:
    """Called as PyTorch's is."""


class Thing:
    """Nothing that NumPy knows."""


class Broken:
    """Says that it is an array, and is none."""

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise ValueError("out of reach\nfor good")


class Sparse:
    """Has what SciPy's sparse matrices have."""

    nnz = 3

    def toarray(self) -> np.ndarray:
        return X


class Table:
    """Has what tables of pandas have."""

    columns = ("a", "b")
    dtypes: ClassVar = {"a": np.dtype("float64"), "b": np.dtype("O")}

    def to_numpy(self, **_: Any) -> np.ndarray:
        return np.asarray(self)

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        return np.array([[1.0, "x"]], dtype=object)
