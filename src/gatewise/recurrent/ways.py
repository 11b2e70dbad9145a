"""Which way each recurrent layer of a model takes, before anything is traced: for people to read, and for `fit` to plan."""

from dataclasses import dataclass
from typing import Any

import jax

from gatewise.backend import cores, import_keras
from gatewise.errors import UsageError
from gatewise.recurrent.layer_walk import drops_gate_by_gate, equation_of, why_not
from gatewise.recurrent.pads import worth_sharing
from gatewise.recurrent.paths import Needs, extent_of, threads_for, why_not_kernel
from gatewise.recurrent.quick import is_written_out, loop_of_its_own
from gatewise.recurrent.states import recurrent_layers

keras = import_keras()

_DROPOUT = (keras.layers.Dropout, keras.layers.SpatialDropout1D)

KERNEL, SCAN, WRITTEN_OUT, KERAS = "kernel", "scan", "written out", "Keras"


@dataclass(frozen=True)
class LayerWay:
    """The way of one recurrent layer.

    Attributes:
        layer: Its name.
        way: ``"kernel"`` (machine code of gatewise's), ``"scan"`` (a loop compiled by XLA, with a walk back of its own),
            ``"written out"`` (no loop at all) or ``"Keras"`` (Keras's own loop, compiled by XLA).
        why: Why it is not the kernel; how many threads, where it is.
    """

    layer: str
    way: str
    why: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.way} ({self.why})"


@dataclass(frozen=True)
class Backend:
    """What recurrent layers run on.

    Attributes:
        devices: The devices that JAX sees.
        vectors: Floats that a vector of the kernels holds; None where there are no kernels.
        layers: The way of every recurrent layer of the model that was asked about.
    """

    devices: tuple[str, ...]
    vectors: int | None
    layers: tuple[LayerWay, ...]

    def __str__(self) -> str:
        kernels = "no kernels: llvmlite is not installed"
        if self.vectors is not None:
            kernels = f"kernels with vectors of {self.vectors} floats on up to {cores()} threads"
        return "\n".join([f"JAX on {', '.join(self.devices)}; {kernels}", *map(str, self.layers)])


def show_backend(model: Any = None, batch_size: int = 32, time: int | None = None) -> Backend:
    """Say which way each recurrent layer of a model takes on this machine, and why.

    Args:
        model: A built Keras model; without one, only the machine is described.
        batch_size: Rows of a step: small work is left to the scan.
        time: Time steps, for layers whose input leaves them open. Default: 100.

    Returns:
        The ways as data; printed, it is a line a layer.

    Raises:
        UsageError: `model` is no built Keras model.

    Example:
        >>> import gatewise as gw, keras
        >>> model = keras.Sequential([keras.Input((3, 1)), keras.layers.LSTM(4, name="small"), keras.layers.Dense(1)])
        >>> print(gw.show_backend(model).layers[0])
        small: written out (3 time steps)
    """
    import importlib.util

    layers: list[LayerWay] = []
    if model is not None:
        if not isinstance(model, keras.Model) or not model.built:
            raise UsageError(f"show_backend needs a built keras.Model, and got a {type(model).__name__}.")
        layers = _ways(model, batch_size, time)
    lanes = None
    if importlib.util.find_spec("llvmlite") is not None:
        from gatewise.recurrent.kernels import target

        lanes = target.shape().lanes
    return Backend(tuple(map(str, jax.devices())), lanes, tuple(layers))


def _ways(model: Any, batch: int, time: int | None) -> list[LayerWay]:
    """Return the way of every recurrent layer; `time` is for those whose input leaves the time steps open."""
    read = _what_is_read(model)
    return [_way_of(layer, read.get(id(layer)), batch, time) for layer in recurrent_layers(model)]


def _way_of(layer: Any, read: Any, batch: int, time: int | None) -> LayerWay:
    steps = (None if read is None or len(read.shape) < 2 else read.shape[1]) or time or 100
    mask = getattr(read, "_keras_mask", None)
    own = loop_of_its_own(layer)
    if own is None and is_written_out(layer, steps, mask):
        return LayerWay(layer.name, WRITTEN_OUT, f"{steps} time step{'' if steps == 1 else 's'}")
    reason = own or why_not(layer, mask)
    if reason is not None:
        return LayerWay(layer.name, KERAS, reason)
    cell, (features, columns) = layer.cell, layer.cell.kernel.shape
    equation = equation_of(cell)
    extent = extent_of(equation, (steps, batch, features), cell.units, columns)
    needs = Needs(cell.compute_dtype, mask=mask is not None, dropout=_in_gates(cell))
    reason = why_not_kernel(equation, extent, needs)
    if reason is not None:
        return LayerWay(layer.name, SCAN, reason)
    threads = threads_for(extent)
    pads = _shared_pads(layer, read) if worth_sharing(equation, extent, cell.compute_dtype) else ""
    return LayerWay(layer.name, KERNEL, f"on {threads} thread{'' if threads == 1 else 's'}{pads}")


def _shared_pads(layer: Any, read: Any) -> str:
    """Say when the pads in front of text are walked once for all rows: see `gatewise.recurrent.pads`."""
    only_in_prediction = bool(layer.cell.dropout or layer.cell.recurrent_dropout)
    source = None if read is None else read._keras_history.operation
    while isinstance(source, _DROPOUT):
        only_in_prediction = only_in_prediction or source.rate > 0
        source = source.input._keras_history.operation
    if source is None or type(source) is not keras.layers.Embedding or source.mask_zero or layer.stateful:
        return ""
    where = "behind" if layer.go_backwards else "in front"
    return f"; pads {where} are walked once for all rows{' in prediction' if only_in_prediction else ''}"


def _in_gates(cell: Any) -> bool:
    """Say whether dropout, when a cell is trained, is a matter of the walk and not of what it walks along."""
    return bool(cell.recurrent_dropout) or drops_gate_by_gate(cell)


def kernels_do_it(model: Any, batch: int, time: int) -> bool:
    """Say whether every recurrent layer of a model takes the kernel, so that its rows need not be spread over devices."""
    ways = [one.way for one in _ways(model, batch, time)]
    return bool(ways) and all(way == KERNEL for way in ways)


def _what_is_read(model: Any) -> dict[int, Any]:
    """Return the symbolic input of recurrent layers by their identity, where the model was built with one.

    The two halves of a Bidirectional have none of their own: they read what it reads.
    """
    found: dict[int, Any] = {}
    for layer in model._flatten_layers():
        inputs = [node.input_tensors[0] for node in layer._inbound_nodes if node.input_tensors]
        if inputs and isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional)):
            found.update({id(inner): inputs[0] for inner in recurrent_layers(layer)})
    return found
