"""A recurrent network from a saved folder, and its steps as a function of the state: bytes in, bytes out."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.artifact.folder import WEIGHTS, read_folder
from gatewise.artifact.manifest import NAME, refusal, short
from gatewise.errors import DataError, ShapeError
from gatewise.stepping.keras_description import Described, chain_of
from gatewise.stepping.operations import Array, Layer
from gatewise.stepping.plan import NoChain, Plan, parts_of

_KIND = "model"
# Of a kind of layer the names of its weights, and their shapes in terms of features and units; 0 stands for features.
_COLUMNS = {"LSTM": 4, "GRU": 3, "GRU, reset before": 3, "SimpleRNN": 1}


@dataclass(frozen=True)
class StepNetwork:
    """A network that NumPy steps through.

    Attributes:
        layers: In the order in which they are run, with their weights.
        features: How many numbers it reads at a time step; 0 where it reads a number of a word.
        words: How many words it knows; 0 where it reads numbers.
        outputs: How many numbers it gives at a time step.
        time: How many time steps it was built for; None for any number.
        sequences: Whether it gives an output for every time step.
    """

    layers: tuple[Layer, ...]
    features: int
    words: int
    outputs: int
    time: int | None
    sequences: bool

    @property
    def multiplications(self) -> int:
        """How many one time step of one sequence takes in matrix products."""
        return sum(part.multiplications for part in parts_of(self.layers, self.features, 1))

    def plan(self, batch_size: int = 1) -> Plan:
        """Return the plan of a step of `batch_size` sequences side by side."""
        return Plan(parts_of(self.layers, self.features, batch_size), batch_size, self.sequences)

    def pure_steps(self) -> "PureSteps":
        """Return the steps of one sequence as a function of the state."""
        return PureSteps(self)


class PureSteps:
    """Steps of one sequence at a time, with the state handed in and out as bytes: float32, little-endian, in layer order.

    Whatever was stepped in between, the same state and the same rows give the same bits. Several threads may share it.

    Attributes:
        network: The network.
        begin: The state at the beginning: zeros.
    """

    def __init__(self, network: StepNetwork) -> None:
        self.network = network
        self._plan = network.plan()
        self.begin = bytes(4 * sum(array.size for array in self._plan.state))
        self._frame = () if network.words else (network.features,)
        self._types = "bhilqBHI" if network.words else "fd"

    def step(self, state: bytes, rows: Array) -> tuple[bytes, Array]:
        """Feed rows to a sequence.

        Args:
            state: From `begin`, or from a step before.
            rows: ``(time, features)``, finite; for a network that reads words their numbers, ``(time,)``.

        Returns:
            The state afterwards, and an output for every row, ``(time, outputs)``.

        Raises:
            ShapeError: Another number of features, no rows, or a state of another network.
            DataError: A value that is not finite in float32, or a word that the network does not know.
        """
        self._check(state)
        quick = rows.ndim == 1 + len(self._frame) and rows.shape[1:] == self._frame and rows.dtype.char in self._types
        if not quick or not len(rows):
            rows = self._checked(rows)
        done = self._plan.steps_from(state, rows)
        if done is None:
            self._checked(rows)
            raise AssertionError  # pragma: no cover: what the plan does not take is refused by name
        return done

    def output_at(self, state: bytes) -> Array:
        """Return what the network said of the last row before a state, ``(outputs,)``.

        Raises:
            ShapeError: It is a state of another network.
        """
        self._check(state)
        return self._plan.output_at(state)

    def _check(self, state: bytes) -> None:
        if len(state) != len(self.begin):
            raise ShapeError(
                f"The state has {len(state)} bytes and this network's has {len(self.begin)}: give a state of this network."
            )

    def _checked(self, rows: Array) -> Array:
        network = self.network
        if rows.ndim != 1 + len(self._frame) or rows.shape[1:] != self._frame or not len(rows):
            wanted = "(time,)" if network.words else f"(time, {network.features})"
            raise ShapeError(
                f"The rows have the shape {rows.shape}, and this network needs {wanted}, at least one row."
            )
        if network.words:
            if rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= network.words:
                raise DataError(f"Words are whole numbers from 0 to {network.words - 1}: give no others.")
            return rows
        # Numbers beyond float32 become infinite, and are found to be so.
        with np.errstate(over="ignore"):
            rows = rows.astype("float32", copy=False)
        if not np.isfinite(rows).all():
            place = tuple(int(axis) for axis in np.argwhere(~np.isfinite(rows))[0])
            raise DataError(
                f"The rows hold a value that is NaN, infinite or beyond float32, at index {place}: remove or replace it."
            )
        return rows


def read_network(path: str | os.PathLike[str]) -> StepNetwork:
    """Read the network in a folder that `gatewise.save` wrote, without Keras.

    Args:
        path: The folder of a model. Its compile settings and the carried state of stateful layers are left aside.

    Raises:
        NoChain: NumPy does not step through this network; the message says why.
        ModelFileError: The folder is missing, damaged, newer, or of another kind.
        EnvironmentFault: A file cannot be read.
    """
    manifest, arrays = read_folder(path, _KIND)
    return network_of(manifest, arrays, Path(path))


def network_of(manifest: Mapping[str, Any], arrays: Mapping[str, Array], path: Path) -> StepNetwork:
    """Return the network of a folder that was read; see `read_network`."""
    if manifest.get("custom_objects"):
        raise NoChain("it has a class or function of the user's own")
    chain = chain_of(manifest.get("topology"), path / NAME)
    weights = _Weights(arrays, path / WEIGHTS)
    layers, features = [], chain.features
    for one in chain.layers:
        layers.append(Layer(one.kind, one.units, one.activation, weights.of(one, features)))
        features = one.units or features
    weights.check_taken()
    network = StepNetwork(tuple(layers), chain.features, chain.layers[0].rows, features, chain.time, chain.sequences)
    parts_of(network.layers, network.features, 1)
    return network


class _Weights:
    """The weights of a folder, taken in the order of the layers.

    Keras numbers them in that order; those of frozen layers stand in a group of their own.
    """

    def __init__(self, arrays: Mapping[str, Array], where: Path) -> None:
        self._where = where
        self._left = {
            name: array for name, array in arrays.items() if name.split("/")[:2] in (_TRAINABLE, _NON_TRAINABLE)
        }

    def of(self, layer: Described, features: int) -> tuple[Array, ...]:
        """Return the weights of a layer.

        Raises:
            NoChain: They do not have the names that they usually have.
            ModelFileError: They have other shapes than the layer needs, or hold NaN or infinity.
        """
        return tuple(self._taken(f"{layer.place}/{name}", shape) for name, shape in _shapes(layer, features).items())

    def _taken(self, ending: str, shape: tuple[int, ...]) -> Array:
        # After "model/trainable/0000/".
        found = [name for name in self._left if f"/{name.split('/', 3)[-1]}".endswith(f"/{ending}")]
        groups = {name.split("/")[1] for name in found}
        if len(groups) != 1:
            raise NoChain(f"its weight {short(ending)} has not the name that it usually has")
        array = self._left.pop(found[0])
        if array.shape != shape or array.dtype != np.float32:
            raise refusal(
                self._where,
                f"its tensor {short(found[0])} has the shape {array.shape} in {array.dtype}, and its network needs {shape} "
                "in float32",
            )
        if not np.isfinite(array).all():
            raise refusal(self._where, f"its tensor {short(found[0])} holds NaN or infinity")
        return array

    def check_taken(self) -> None:
        """Refuse weights that no layer has taken; what is left are the random numbers of dropout."""
        left = [name for name, array in self._left.items() if not name.endswith("/seed_generator_state")]
        if left:
            raise NoChain(f"its weight {short(left[0])} belongs to no layer that NumPy steps through")


_TRAINABLE, _NON_TRAINABLE = ["model", "trainable"], ["model", "non_trainable"]


def _shapes(layer: Described, features: int) -> dict[str, tuple[int, ...]]:
    """Return the names of a layer's weights, and their shapes."""
    units = layer.units
    if layer.kind == "Activation":
        return {}
    if layer.kind == "Embedding":
        return {"embeddings": (layer.rows, units)}
    columns = units * _COLUMNS.get(layer.kind, 1)
    shapes: dict[str, tuple[int, ...]] = {"kernel": (features, columns)}
    if layer.kind in _COLUMNS:
        shapes["recurrent_kernel"] = (units, columns)
    if layer.biased:
        shapes["bias"] = (2, columns) if layer.kind == "GRU" else (columns,)
    return shapes
