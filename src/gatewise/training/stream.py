"""`stream`: one observation in, one output out, the state kept in between."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from gatewise.artifact import read_folder, write_folder
from gatewise.backend import import_keras
from gatewise.errors import ModelFileError, ShapeError, UsageError
from gatewise.recurrent import fresh_states, recurrent_layers
from gatewise.stepping.plan import NoChain, Plan
from gatewise.training.arrays import as_arrays
from gatewise.training.checks import check_built, check_whole
from gatewise.training.data import check_finite
from gatewise.training.forward import Forward, fetched
from gatewise.training.inputs import check_indices, embeddings
from gatewise.training.step_by_step import check_step_by_step
from gatewise.training.step_chain import plan

keras = import_keras()

_KIND = "stream-state"


def stream(model: Any, batch_size: int = 1) -> "Stream":
    """Feed a recurrent model one observation at a time.

    Any model with recurrent layers will do, stateful or not, whatever batch size and number of time steps it was built
    with. The state begins at zero and belongs to the stream: the model is not changed.

    Args:
        model: A built Keras model whose recurrent layers all run forward in time.
        batch_size: How many sequences are fed side by side.

    Returns:
        The stream.

    Raises:
        UsageError: The model has no recurrent layer, one that reads its sequence from the end, or one that looks at several
            time steps at once.

    Example:
        >>> import numpy as np, gatewise as gw, keras
        >>> model = keras.Sequential([keras.Input((None, 1)), keras.layers.LSTM(4), keras.layers.Dense(1)])
        >>> values = np.sin(np.arange(10, dtype="float32"))
        >>> stream = gw.stream(model)
        >>> outputs = [stream.step([value]) for value in values]
        >>> bool(np.allclose(outputs[-1], gw.predict(model, values[None, :, None])[0], atol=1e-6))
        True
    """
    return Stream(model, batch_size)


class Stream:
    """A model that remembers. Made by `stream`.

    Attributes:
        model: The model; its weights are read at every step.
        batch_size: How many sequences are fed side by side.
        way: How a step is computed: ``"NumPy"``, or ``"compiled: "`` and the reason why it is not NumPy.
    """

    def __init__(self, model: Any, batch_size: int = 1) -> None:
        check_built(model)
        check_whole("batch_size", batch_size)
        layers = recurrent_layers(model)
        if not layers:
            raise UsageError(
                f"Model {model.name!r} has no recurrent layer, so there is no state to stream: use gw.predict."
            )
        for layer in layers:
            if layer.go_backwards:
                raise UsageError(
                    f"Layer {layer.name!r} reads its sequence from the end, which a stream does not have: use gw.predict "
                    "on whole sequences."
                )
        self.model = model
        self.batch_size = int(batch_size)
        self._frame, self._kind = _frame(model)
        self._embeddings = embeddings(model)
        self._steps: Plan | Compiled
        try:
            self._steps = plan(model, self.batch_size)
            self.way = "NumPy"
        except NoChain as reason:
            forward = Forward(model, [fresh_states(layer, batch_size) for layer in layers])
            self._steps = Compiled(forward)
            self.way = f"compiled: {reason}"
            check_step_by_step(model, forward, self._steps.state, self._frame, self._kind)
        self._zeros = self._steps.state

    def step(self, x: Any) -> np.ndarray:
        """Feed one observation and return the output that follows it.

        Args:
            x: ``(features,)`` for a single sequence, ``(batch, features)``, or several time steps at once as
                ``(batch, time, features)``. For a model that reads words by number: a number, ``(batch,)`` or
                ``(batch, time)``.

        Returns:
            ``(outputs,)`` where `x` has no batch axis, else ``(batch, …)``.

        Raises:
            ShapeError: Another number of features or sequences.
            DataError: Values that are no numbers, NaN or infinity: they would stay in the state.
        """
        if type(x) is not np.ndarray:
            x = _array(x)
        output = self._steps.quick_step(x)
        if output is not None:
            return output
        x = _array(x).astype(self._kind, copy=False)
        single, given = x.ndim == len(self._frame), x.shape
        if single:
            x = x[None, None]
        elif x.ndim == len(self._frame) + 1:
            x = x[:, None]
        fits = x.ndim == len(self._frame) + 2 and x.shape[0] == self.batch_size and x.size
        if not fits or any(wanted not in (None, size) for wanted, size in zip(self._frame, x.shape[2:], strict=True)):
            raise self._other_shape(given)
        check_finite(x.reshape(given), "x")
        check_indices(self.model, x.reshape(given), self._embeddings)
        outputs = self._steps.steps(x)
        return jax.tree.map(lambda array: array[0], outputs) if single else outputs

    def _other_shape(self, shape: tuple[int, ...]) -> ShapeError:
        frame = ["features" if size is None else str(size) for size in self._frame]
        wanted = ", ".join([str(self.batch_size), *frame]) + ("" if frame else ",")
        return ShapeError(
            f"x has the shape {shape}, and a step of this stream needs ({wanted}): one row for each sequence"
            + (", one column for each feature." if frame else ".")
        )

    @property
    def state(self) -> list[np.ndarray]:
        """The state: ``h`` and ``c`` of every LSTM, ``h`` of any other, each ``(batch, units)``, in layer order."""
        return self._steps.state

    @state.setter
    def state(self, arrays: list[np.ndarray]) -> None:
        if arrays is None:
            raise UsageError("The state is None: pass a list of arrays, or call reset() to begin at zero.")
        wanted = [array.shape for array in self._zeros]
        given = as_arrays(list(arrays) if isinstance(arrays, (list, tuple)) else [arrays], "state")
        shapes = [np.shape(array) for array in given]
        if wanted != shapes:
            raise ShapeError(f"The state of this stream has the shapes {wanted}, and {shapes} were given.")
        self._steps.state = [
            np.array(array, dtype=zeros.dtype) for array, zeros in zip(given, self._zeros, strict=True)
        ]

    def reset(self) -> None:
        """Set the state to zero."""
        self._steps.state = self._zeros

    def fork(self) -> "Stream":
        """Return a second stream that goes on from here by itself."""
        other = Stream.__new__(Stream)
        other.__dict__.update(self.__dict__)
        other._steps = self._steps.fork()
        return other

    def __reduce__(self) -> Any:
        # copy.copy is a fork; copy.deepcopy and pickle take the model along.
        return _restored, (self.model, self.batch_size, self.state)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the state (not the model) to a folder.

        Raises:
            UsageError: Something is there already, and `overwrite` is False or it is no saved folder.
            EnvironmentFault: The folder cannot be written.
        """
        tensors = {f"state.{number:03d}": array for number, array in enumerate(self.state)}
        write_folder(path, {"kind": _KIND, "batch_size": self.batch_size}, tensors, overwrite=overwrite)

    def load(self, path: str | Path) -> None:
        """Go on from a state that `save` wrote.

        Raises:
            ModelFileError: The folder is damaged, or holds the state of another model.
        """
        _, tensors = read_folder(path, _KIND)
        try:
            self.state = [tensors[name] for name in sorted(tensors)]
        except ShapeError as error:
            raise ModelFileError(f"{path} holds the state of another model: {error}") from error

    def __repr__(self) -> str:
        sizes = f"{self.batch_size} sequences, {len(self._zeros)} state arrays"
        return f"<Stream of model {self.model.name!r}: {sizes}; {self.way}>"


class Compiled:
    """The steps of any model, as a compiled program; the same methods as `Plan`."""

    def __init__(self, forward: Forward, state: list[Any] | None = None) -> None:
        self._forward = forward
        self._state = state or [np.zeros(variable.shape, variable.value.dtype) for variable in forward.carried]

    @property
    def state(self) -> list[np.ndarray]:
        """Copies of the states."""
        return [np.array(array) for array in self._state]

    @state.setter
    def state(self, arrays: list[np.ndarray]) -> None:
        self._state = list(arrays)

    def fork(self) -> "Compiled":
        """Return a second one that goes on from here."""
        return Compiled(self._forward, list(self._state))

    def quick_step(self, x: np.ndarray) -> None:
        """Leave everything to `steps`."""

    def steps(self, x: np.ndarray) -> Any:
        """Feed ``(batch, time, …)`` and return the outputs."""
        # Taken over only when the step has succeeded: an error leaves the stream where it was.
        outputs, self._state = self._forward.call(self._forward.read_weights(), self._state, x)
        return fetched(outputs, ...)


def _restored(model: Any, batch_size: int, state: list[np.ndarray]) -> Stream:
    stream = Stream(model, batch_size)
    stream.state = state
    return stream


def _array(x: Any) -> np.ndarray:
    x = as_arrays(x, "x")
    if x is None:
        raise UsageError("x is None: pass one observation.")
    if not isinstance(x, np.ndarray):
        raise ShapeError(
            f"x is a {type(x).__name__} of arrays, and a step takes one array: np.stack makes one of rows."
        )
    return x


def _frame(model: Any) -> tuple[tuple[Any, ...], Any]:
    """Return the shape of one observation of one sequence, None for what may vary, and its type."""
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return (None,), np.dtype(keras.config.floatx())
    if len(inputs) > 1:
        raise UsageError(f"Model {model.name!r} has {len(inputs)} inputs, and a stream feeds one: use gw.predict.")
    return tuple(inputs[0].shape[2:]), np.dtype(inputs[0].dtype)
